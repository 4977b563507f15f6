//! An entry of a mapping or a list that is to be added to a YAML text: as lines of its own, or within braces. Knows nothing of
//! where it goes.

use super::source::{Source, Style};
use super::tree::{Node, Value};
use crate::setup::printed::yaml as quoted;

/// By how much the lines of an [`Entry`] are indented below each other.
const STEP: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What makes it the same as another one: its key, or the whole item.
    pub(super) name: String,
    /// `key: value`, or the item.
    pub(super) flow: String,
    /// Its lines, each with its indentation.
    pub(super) block: Vec<(usize, String)>,
}

impl Entry {
    /// An entry of a text that has it in lines of its own, with the comments above it.
    pub(super) fn printed(name: &str, node: &Node) -> Self {
        let flow = format!("{}: {}", key_of(name), flow(node));
        let block = node.at.as_ref().filter(|at| !at.in_flow).map(|at| {
            let from = at.key.as_ref().map_or(at.range.start, |key| key.start);
            lines(&at.source, from, at.range.end)
        });
        Self { name: name.to_owned(), block: block.unwrap_or_else(|| vec![(0, flow.clone())]), flow }
    }

    /// The first item of a list in such a text.
    pub(super) fn first_item(list: &Node) -> Option<Self> {
        let (at, item) = (list.at.as_ref()?, list.items().first()?);
        let end = item.at.as_ref()?.range.end;
        Some(Self { name: flow(item), flow: flow(item), block: lines(&at.source, at.range.start, end) })
    }

    /// `allow: …` as an item of a rule.
    pub(super) fn rule(verb: &str, whom: &str) -> Self {
        let (name, flow) = (format!("{verb}: {whom}"), format!("{{{verb}: {whom}}}"));
        let block = vec![(0, format!("- {name}"))];
        Self { name, flow, block }
    }

    /// A list under a key.
    pub(super) fn list(key: &str, items: &[Entry]) -> Self {
        Self::below(key, items, ['[', ']'])
    }

    /// A mapping under a key.
    pub(super) fn mapping(key: &str, entries: &[Entry]) -> Self {
        Self::below(key, entries, ['{', '}'])
    }

    fn below(key: &str, entries: &[Entry], [open, close]: [char; 2]) -> Self {
        let inner: Vec<&str> = entries.iter().map(|entry| entry.flow.as_str()).collect();
        let below = entries.iter().flat_map(|entry| &entry.block).map(|(by, line)| (by + STEP, line.clone()));
        let block = std::iter::once((0, format!("{}:", key_of(key)))).chain(below).collect();
        let flow = format!("{}: {open}{}{close}", key_of(key), inner.join(", "));
        Self { name: key.to_owned(), flow, block }
    }

    /// Its lines from this column on, for a file whose lines are indented by `step`.
    pub(super) fn lines(&self, column: usize, step: usize) -> String {
        let line = |(by, line): &(usize, String)| {
            format!("{}{line}\n", " ".repeat(column + by / STEP * step + by % STEP))
        };
        self.block.iter().map(line).collect()
    }
}

/// The lines from this place to that one, with the comments above them, without what all of them are indented by.
fn lines(source: &Source, from: usize, to: usize) -> Vec<(usize, String)> {
    let column = source.column(from);
    let (first, last) = (source.above_comments(source.line_of(from)), source.line_of(to.saturating_sub(1)));
    // What stands above an empty line belongs to something else.
    let first = (first..=source.line_of(from))
        .rev()
        .take_while(|line| !source.line(*line).is_empty())
        .last()
        .unwrap_or(first);
    let all = (first..=last).map(|line| source.line(line)).filter(|line| !line.trim().is_empty());
    all.map(|line| {
        let content = line.trim_start();
        ((line.len() - content.len()).saturating_sub(column), content.to_owned())
    })
    .collect()
}

/// A value on one line.
pub(super) fn flow(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => as_written(node).unwrap_or_else(|| quoted(text)),
        Value::Table(table) if !table.items.is_empty() => {
            format!("[{}]", table.items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) if !table.keys.is_empty() => {
            let entries: Vec<String> =
                table.keys.iter().map(|(key, node)| format!("{}: {}", key_of(key), flow(node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Table(_) => match node.inside.as_ref().map(|it| it.style) {
            Some(Style::BlockList | Style::FlowList) => "[]".to_owned(),
            _ => "{}".to_owned(),
        },
        Value::Unseen => String::new(),
    }
}

/// The characters of a scalar as they stand in the file, so that its type stays; `None` if they mean something else elsewhere.
fn as_written(node: &Node) -> Option<String> {
    let at = node.at.as_ref().filter(|at| at.style == Style::Scalar)?;
    let text = at.text();
    let is_quoted =
        text.len() > 1 && ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote));
    let is_plain = text.starts_with(|c: char| c.is_alphanumeric() || "/:_.-".contains(c))
        && !text.contains([',', '[', ']', '{', '}', '#', '\n'])
        && !text.contains(": ")
        && !text.ends_with(':')
        && !text.starts_with("- ");
    ((is_quoted && !text.contains('\n')) || is_plain).then(|| text.to_owned())
}

fn key_of(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain { key.to_owned() } else { quoted(key) }
}
