//! What a comparison has found so far, and where in the operator's files each thing goes. Knows nothing of single options.

use std::sync::Arc;

use crate::setup::existing::changes::Changes;
use crate::setup::existing::gap::Gap;
use crate::setup::existing::source::Spot;
use crate::setup::existing::tree::{Node, Value};
use crate::setup::existing::written::Entry;
use crate::setup::printed::Setup;

/// Parts of names of options whose values are shown on demand only.
const SECRETS: [&str; 4] = ["password", "secret", "token", "credential"];

pub(super) struct Comparison<'a> {
    pub(super) setup: &'a Setup,
    pub(super) existing: &'a Node,
    /// What `setup` prints, with the secret only on demand.
    pub(super) wanted: &'a Node,
    pub(super) changes: Changes,
    /// What can't be said in lines.
    gaps: Vec<Gap>,
    pub(super) unseen: Vec<String>,
    /// Entries of sections that are not there.
    sections: Vec<(&'static str, Vec<Entry>)>,
    /// Whether something that is to be added names `acl: invite_relay`, or `access_rules: invite_relay`.
    pub(super) needs_acl: bool,
    pub(super) needs_rule: bool,
    /// The rules for administrators of rooms that are to be added: their names, and whom they let in beside the relay.
    pub(super) admins: Vec<(String, Vec<Entry>)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(setup: &'a Setup, existing: &'a Node, wanted: &'a Node, unseen: Vec<String>) -> Self {
        Self {
            setup,
            existing,
            wanted,
            changes: Changes::default(),
            gaps: Vec::new(),
            unseen,
            sections: Vec::new(),
            needs_acl: false,
            needs_rule: false,
            admins: Vec::new(),
        }
    }

    /// What is missing, and what could not be seen.
    pub(super) fn finish(mut self) -> (Vec<Gap>, Vec<String>) {
        let sections: Vec<Entry> = self
            .sections
            .iter()
            .map(|(name, entries)| match *name {
                "listen" => Entry::list(name, entries),
                _ => Entry::mapping(name, entries),
            })
            .collect();
        if let Some(root) = self.existing.inside.as_ref().filter(|_| !sections.is_empty()) {
            self.changes.sections(root, sections);
        }
        let mut hidden = Vec::new();
        if !self.setup.shows_secret {
            secrets(self.existing, &mut hidden);
        }
        self.gaps.extend(self.changes.gaps(&hidden));
        let mut unseen: Vec<String> = Vec::new();
        for it in self.unseen {
            if !unseen.contains(&it) {
                unseen.push(it);
            }
        }
        (self.gaps, unseen)
    }

    /// Something that the operator has to decide, or to write in their own way.
    pub(super) fn say(&mut self, instruction: String, lines: String) {
        let gap = Gap { instruction, lines };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&'a Node> {
        self.existing.get(name)
    }

    /// The printed entry below these keys.
    pub(super) fn printed(&self, keys: &[&str]) -> Option<Entry> {
        let node = keys.iter().try_fold(self.wanted, |node, key| node.get(key))?;
        Some(Entry::printed(keys.last()?, node))
    }

    /// An entry to add to a mapping.
    pub(super) fn add(&mut self, to: &Node, section: &str, entry: Entry) {
        let lines = entry.lines(4, 2);
        if !to.inside.as_ref().is_some_and(|spot| self.changes.entry(spot, section, entry)) {
            self.say(format!("{}, in {section}, as it is written there: add", to.place), lines);
        }
    }

    /// An entry to add to a section, which may not be there.
    pub(super) fn add_to_section(&mut self, name: &'static str, entry: Entry) {
        if let Some(there) = self.section(name) {
            self.add(there, &format!("`{name}:`"), entry);
            return;
        }
        match self.sections.iter_mut().find(|(section, _)| *section == name) {
            Some((_, entries)) if entries.iter().any(|it| it.name == entry.name) => {}
            Some((_, entries)) => entries.push(entry),
            None => self.sections.push((name, vec![entry])),
        }
    }

    /// An item to add to a list, before all others.
    pub(super) fn add_item(&mut self, to: &Node, section: &str, item: Entry) {
        let lines = item.lines(4, 2);
        if !self.changes.item(to, section, item) {
            self.say(
                format!("{}, in {section}, as it is written there: add above all others", to.place),
                lines,
            );
        }
    }

    /// A value in the place of the one that is there.
    pub(super) fn replace(&mut self, node: &Node, section: &str, value: &str) {
        match &node.at {
            Some(at) => self.changes.instead(at, section, value.to_owned()),
            None => self.say(format!("{}, in {section}: write {value}", node.place), String::new()),
        }
    }
}

/// Where others' secrets stand.
fn secrets(node: &Node, found: &mut Vec<Arc<Spot>>) {
    for (name, value) in node.keys() {
        let name = name.to_lowercase();
        let is_secret = SECRETS.iter().any(|word| name.contains(word));
        match &value.value {
            Value::Text(_) | Value::Unseen if is_secret => {
                found.extend(value.at.iter().filter(|at| !at.range.is_empty()).cloned());
            }
            _ => secrets(value, found),
        }
    }
    node.table().into_iter().flat_map(|table| &table.items).for_each(|item| secrets(item, found));
}
