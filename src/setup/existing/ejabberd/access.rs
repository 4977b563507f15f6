//! How the relay is let in by the rules that are there, and which ones are to be added. Knows nothing of what they are for.

use super::comparison::Comparison;
use super::rules::{Rules, Who, entries};
use crate::setup::existing::tree::{Node, Value};
use crate::setup::existing::written::{Entry, flow};

/// What the printed text calls the relay's access rule and its rule for administrators of rooms.
const OUR_RULE: &str = "invite_relay";
const ADMINS_RULE: &str = "muc_admin";

/// Names that ejabberd knows, and that say nobody.
const NOBODY: [&str; 3] = ["", "none", "deny"];

impl Comparison<'_> {
    fn rules_for(&self, who: Who) -> Rules<'_> {
        Rules { existing: self.existing, component: &self.setup.component, who }
    }

    /// Whether a rule, by its name or written in its place, lets the component in.
    pub(super) fn admits(&self, rule: &Node) -> bool {
        self.rules_for(Who::Component).admits(rule)
    }

    fn rule(&self, name: &str) -> Option<Node> {
        self.section("access_rules").and_then(|rules| rules.get(name)).cloned()
    }

    /// Notes which rules a value names that is to be added.
    pub(super) fn needs(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) if text == OUR_RULE => self.needs_rule = true,
            Value::Text(text) if text == ADMINS_RULE => self.printed_rule(ADMINS_RULE),
            Value::Table(table) => {
                table
                    .items
                    .iter()
                    .chain(table.keys.iter().map(|(_, node)| node))
                    .for_each(|node| self.needs(node));
            }
            _ => {}
        }
    }

    /// A permission that is given already, by a rule of the operator's.
    pub(super) fn permission(&mut self, section: &str, found: &Node) {
        if self.admits(found) {
            return;
        }
        match found.text() {
            Some(OUR_RULE) => self.needs_rule = true,
            Some(name) if NOBODY.contains(&name) => {
                self.needs_rule = true;
                self.replace(found, section, OUR_RULE);
            }
            Some(name) => self.let_in_by_name(name, OUR_RULE),
            None => self.let_in(found, section, OUR_RULE),
        }
    }

    /// Who administers all rooms.
    pub(super) fn access_admin(&mut self, section: &str, found: &Node) {
        if self.admits(found) {
            return;
        }
        match found.text() {
            Some(ADMINS_RULE) => self.printed_rule(ADMINS_RULE),
            Some(name) if NOBODY.contains(&name) => {
                self.printed_rule(ADMINS_RULE);
                self.replace(found, section, ADMINS_RULE);
            }
            Some(name) => self.let_in_by_name(name, OUR_RULE),
            // What other parts of the file name has to stay where it is.
            None if found.at.as_ref().is_none_or(|at| at.anchored) => self.let_in(found, section, OUR_RULE),
            // Running rooms keep a rule without a name, as it was when they were made.
            None => {
                let name = self.named_rule_of(found);
                self.replace(found, section, &name);
            }
        }
    }

    /// Who may send anything to rooms: what the relay tells inviters through a room comes from its addresses.
    pub(super) fn access(&mut self, section: &str, found: &Node) {
        if found.is_unseen() || self.rules_for(Who::Addresses).admits(found) {
            return;
        }
        let whom = self.setup.addresses_in_ejabberd();
        match found.text() {
            Some(name) if !NOBODY.contains(&name) => self.let_in_by_name(name, &whom),
            _ => self.let_in(found, section, &whom),
        }
    }

    fn let_in_by_name(&mut self, name: &str, whom: &str) {
        if let Some(rule) = self.rule(name) {
            self.let_in(&rule, &format!("`access_rules:`, `{name}:`"), whom);
        } else {
            self.needs_acl |= whom == OUR_RULE;
            self.add_to_section("access_rules", Entry::list(name, &[Entry::rule("allow", whom)]));
        }
    }

    /// Adds them to a rule, before an entry that could shut them out.
    fn let_in(&mut self, rule: &Node, section: &str, whom: &str) {
        self.needs_acl |= whom == OUR_RULE;
        self.add_item(rule, section, Entry::rule("allow", whom));
    }

    /// A rule that is printed, or the operator's of this name: it lets the relay in.
    fn printed_rule(&mut self, name: &str) {
        match self.rule(name) {
            Some(rule) if self.rules_for(Who::Component).admits_by(&rule) => {}
            Some(rule) => self.let_in(&rule, &format!("`access_rules:`, `{name}:`"), OUR_RULE),
            None => {
                self.needs_acl = true;
                if let Some(printed) = self.printed(&["access_rules", name]) {
                    self.add_to_section("access_rules", printed);
                }
            }
        }
    }

    /// The name of a rule with what stands in this one, and the relay.
    fn named_rule_of(&mut self, rule: &Node) -> String {
        let kept = entries_of(rule);
        let printed = [Entry::rule("allow", "admin")];
        if kept == printed && self.rule(ADMINS_RULE).is_none() {
            self.printed_rule(ADMINS_RULE);
            return ADMINS_RULE.to_owned();
        }
        if let Some((name, _)) = self.admins.iter().find(|(_, entries)| *entries == kept) {
            return name.clone();
        }
        let is_free =
            |name: &String| self.rule(name).is_none() && self.admins.iter().all(|(it, _)| it != name);
        let mut names = (2_usize..).map(|number| format!("{ADMINS_RULE}_{number}"));
        let name = names.find(is_free).unwrap_or_else(|| ADMINS_RULE.to_owned());
        self.needs_acl = true;
        let all: Vec<Entry> =
            std::iter::once(Entry::rule("allow", OUR_RULE)).chain(kept.iter().cloned()).collect();
        self.add_to_section("access_rules", Entry::list(&name, &all));
        self.admins.push((name.clone(), kept));
        name
    }

    /// What the added lines name, as far as it is not there.
    pub(super) fn rules(&mut self) {
        if self.needs_rule {
            self.printed_rule(OUR_RULE);
        }
        if !self.needs_acl || self.rules_for(Who::Component).is_acl(OUR_RULE) {
            return;
        }
        match self.section("acl").and_then(|acls| acls.get(OUR_RULE)) {
            None => {
                if let Some(printed) = self.printed(&["acl", OUR_RULE]) {
                    self.add_to_section("acl", printed);
                }
            }
            // The conditions of an acl are alternatives.
            Some(acl) => {
                let section = format!("`acl:`, `{OUR_RULE}:`");
                let keys = ["acl", OUR_RULE, "node_regexp", "^$"];
                let (to, section, keys) = match acl.get("node_regexp") {
                    Some(there) => (there, format!("{section}, `node_regexp:`"), &keys[..]),
                    None => (acl, section, &keys[..3]),
                };
                if let Some(printed) = self.printed(keys) {
                    self.add(to, &section, printed);
                }
            }
        }
    }
}

/// The entries of a rule as lines.
fn entries_of(rule: &Node) -> Vec<Entry> {
    let mut all = Vec::new();
    for entry in entries(rule) {
        match &entry.value {
            Value::Text(verb) => {
                let block = vec![(0, format!("- {verb}"))];
                all.push(Entry { name: verb.clone(), flow: verb.clone(), block });
            }
            _ => all.extend(entry.keys().iter().map(|(verb, whom)| Entry::rule(verb, &flow(whom)))),
        }
    }
    all
}
