//! Changes to files of YAML, in the style that they are written in, as whole lines that an operator adds or replaces. Knows
//! nothing of what is changed, nor of why.

use std::ops::Range;
use std::sync::Arc;

use super::gap::Gap;
use super::source::{Source, Spot, Style};
use super::tree::Node;
use super::written::Entry;

/// What stands in the place of others' secrets in lines that are shown.
const HIDDEN: &str = "\"<what stands there; --show-secret prints it>\"";

#[derive(Debug)]
enum What {
    /// Entries of a mapping.
    Entries(Vec<Entry>),
    /// Items of a list, before all others; and where its entries are, if it is a mapping.
    Items(Vec<Entry>, Vec<Range<usize>>),
    /// A value in the place of another one.
    Instead(String),
    /// Entries at the end of the file.
    Sections(Vec<Entry>),
}

#[derive(Debug)]
struct Change {
    spot: Arc<Spot>,
    /// Where it is, in the operator's words.
    section: String,
    what: What,
}

/// All changes, as one wants them; those at one place become one.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Change>);

/// A change of the text.
#[derive(Debug)]
struct Edit {
    source: Arc<Source>,
    kind: Kind,
    section: String,
}

#[derive(Debug)]
enum Kind {
    /// Whole lines, below so many others.
    Below(usize, String),
    Within(Range<usize>, String),
}

impl Changes {
    /// Adds an entry to a mapping; tells whether that can be done.
    pub(super) fn entry(&mut self, spot: &Arc<Spot>, section: &str, entry: Entry) -> bool {
        let can = match spot.style {
            Style::BlockMapping | Style::FlowMapping => true,
            Style::FlowList => spot.is_empty(),
            Style::Scalar => is_nothing(spot),
            Style::BlockList | Style::Pair => false,
        };
        if can {
            let there = self.0.iter_mut().find_map(|change| match &mut change.what {
                What::Entries(entries) if same(&change.spot, spot) => Some(entries),
                _ => None,
            });
            match there {
                Some(entries) if entries.iter().any(|it| it.name == entry.name) => {}
                Some(entries) => entries.push(entry),
                None => self.add(spot, section, What::Entries(vec![entry])),
            }
        }
        can
    }

    /// Adds an item to a list, before all others; tells whether that can be done. A mapping becomes a list of its entries.
    pub(super) fn item(&mut self, list: &Node, section: &str, item: Entry) -> bool {
        let Some(spot) = &list.inside else { return false };
        let entries: Option<Vec<_>> = list.keys().iter().map(|(_, value)| entry_range(value, spot)).collect();
        let Some(entries) = entries else { return false };
        let can = match spot.style {
            Style::Scalar => is_nothing(spot) || matches!(spot.text(), "none" | "deny"),
            Style::Pair => false,
            _ => true,
        };
        if can {
            let there = self.0.iter_mut().find_map(|change| match &mut change.what {
                What::Items(items, _) if same(&change.spot, spot) => Some(items),
                _ => None,
            });
            match there {
                Some(items) if items.contains(&item) => {}
                Some(items) => items.push(item),
                None => self.add(spot, section, What::Items(vec![item], entries)),
            }
        }
        can
    }

    /// Puts a value in the place of the one that is there, or an entry in the place of one.
    pub(super) fn instead(&mut self, spot: &Arc<Spot>, section: &str, value: String) {
        if !self.0.iter().any(|change| matches!(change.what, What::Instead(_)) && same(&change.spot, spot)) {
            self.add(spot, section, What::Instead(value));
        }
    }

    /// Adds entries at the end of the file whose mapping this is.
    pub(super) fn sections(&mut self, root: &Arc<Spot>, entries: Vec<Entry>) {
        self.add(root, "", What::Sections(entries));
    }

    fn add(&mut self, spot: &Arc<Spot>, section: &str, what: What) {
        self.0.push(Change { spot: spot.clone(), section: section.to_owned(), what });
    }

    /// The lines, so that those of a file can be changed in this order: the last ones first. `hidden` are not shown.
    pub(super) fn gaps(self, hidden: &[Arc<Spot>]) -> Vec<Gap> {
        let mut edits: Vec<Edit> = self.0.into_iter().flat_map(Change::edits).collect();
        let mut gaps = Vec::new();
        while let Some(source) = edits.first().map(|edit| edit.source.clone()) {
            let (of_file, rest) = edits.into_iter().partition(|edit| Arc::ptr_eq(&edit.source, &source));
            edits = rest;
            gaps.extend(of_file_gaps(&source, of_file, hidden));
        }
        gaps
    }
}

/// Whether two spots are the same place.
fn same(one: &Spot, other: &Spot) -> bool {
    Arc::ptr_eq(&one.source, &other.source) && one.range == other.range
}

/// Whether a scalar says that there is nothing.
fn is_nothing(spot: &Spot) -> bool {
    matches!(spot.text(), "" | "~" | "null" | "Null" | "NULL" | "\"\"" | "''")
}

impl Change {
    fn edits(self) -> Vec<Edit> {
        let Self { spot, section, what } = self;
        let kinds = match what {
            What::Entries(entries) => match spot.style {
                Style::BlockMapping => in_block(&spot, &entries),
                _ => vec![in_braces(&spot, &entries, ['{', '}'])],
            },
            What::Items(items, entries) => match spot.style {
                Style::BlockList => in_block(&spot, &items),
                Style::BlockMapping => vec![block_as_list(&spot, &items, &entries)],
                Style::FlowMapping if !entries.is_empty() => vec![braces_as_list(&spot, &items, &entries)],
                _ => vec![in_braces(&spot, &items, ['[', ']'])],
            },
            What::Instead(value) => {
                // A value on lines of its own begins behind its key.
                let block = matches!(spot.style, Style::BlockMapping | Style::BlockList);
                match (&spot.key, block) {
                    (Some(key), true) => {
                        let rest = spot.source.behind(key.end);
                        let colon = key.end + rest.find(':').map_or(0, |at| at + 1);
                        vec![Kind::Within(colon..spot.range.end, format!(" {value}"))]
                    }
                    _ if spot.range.is_empty() => vec![Kind::Within(spot.range.clone(), format!(" {value}"))],
                    _ => vec![Kind::Within(spot.range.clone(), value)],
                }
            }
            What::Sections(entries) => match spot.style {
                Style::FlowMapping => vec![in_braces(&spot, &entries, ['{', '}'])],
                _ if spot.source.can_grow() => {
                    let column = spot.source.column(spot.range.start);
                    let column = if spot.range.is_empty() { 0 } else { column };
                    let text = &spot.source.text;
                    let lines = text.lines().count();
                    entries
                        .iter()
                        .map(|entry| Kind::Below(lines, entry.lines(column, spot.source.step())))
                        .collect()
                }
                _ => in_block(&spot, &entries),
            },
        };
        let edit = |kind| Edit { source: spot.source.clone(), kind, section: section.clone() };
        kinds.into_iter().map(edit).collect()
    }
}

/// Before the first entry of a mapping or a list, in its column.
fn in_block(spot: &Spot, entries: &[Entry]) -> Vec<Kind> {
    let Spot { source, range, .. } = spot;
    let column = source.column(range.start);
    let lines = |entry: &Entry| entry.lines(column, source.step());
    if source.before(range.start).trim().is_empty() {
        let above = source.above_comments(source.line_of(range.start));
        return entries.iter().map(|entry| Kind::Below(above, lines(entry))).collect();
    }
    // The first one stands behind the dash of an item; the second one is on a line of its own.
    let next = source.line(source.line_of(range.start) + 1);
    if next.find(|c| c != ' ') == Some(column) && !next.trim_start().starts_with(['-', '#']) {
        return entries
            .iter()
            .map(|entry| Kind::Below(source.line_of(range.start) + 1, lines(entry)))
            .collect();
    }
    let all: String = entries.iter().map(lines).collect();
    let here = range.start..range.start;
    vec![Kind::Within(here, format!("{}\n{}", all.trim(), " ".repeat(column)))]
}

/// Within braces or brackets; where nothing stands yet, in lines of their own if that can be.
fn in_braces(spot: &Spot, entries: &[Entry], [open, close]: [char; 2]) -> Kind {
    let Spot { source, range, .. } = spot;
    let step = source.step();
    let all = entries.iter().map(|entry| entry.flow.as_str()).collect::<Vec<_>>().join(", ");
    let whole = format!("{open}{all}{close}");
    let text = spot.text();
    if !text.starts_with(open) || (spot.is_empty() && !text.contains('\n')) {
        // It is nothing, or empty.
        return match (&spot.key, range.is_empty()) {
            (Some(key), true) if !spot.in_flow => {
                let column = source.column(key.start) + step;
                let lines = entries.iter().map(|entry| entry.lines(column, step)).collect();
                Kind::Below(source.line_of(key.start) + 1, lines)
            }
            (Some(key), true) if range.start == key.end => Kind::Within(range.clone(), format!(": {whole}")),
            (_, true) => Kind::Within(range.clone(), format!(" {whole}")),
            _ => Kind::Within(range.clone(), whole),
        };
    }
    let behind = range.start + 1;
    let comma = if spot.is_empty() { "" } else { "," };
    let next = source.past_blank(behind);
    if source.behind(behind).trim().is_empty() && source.line_of(next) > source.line_of(behind) {
        // The first entry stands on a line of its own.
        let column = source.column(next) + if spot.is_empty() { step } else { 0 };
        let space = " ".repeat(column);
        let lines = entries.iter().enumerate().map(|(at, entry)| {
            let comma = if at + 1 < entries.len() { "," } else { comma };
            format!("{space}{}{comma}\n", entry.flow)
        });
        return Kind::Below(source.line_of(behind) + 1, lines.collect());
    }
    let space = if source.between(behind..range.end).starts_with(char::is_whitespace) || comma.is_empty() {
        ""
    } else {
        " "
    };
    Kind::Within(behind..behind, format!("{all}{comma}{space}"))
}

/// A rule that is written as a mapping, as a list of its entries, which keeps their order.
fn block_as_list(spot: &Spot, items: &[Entry], entries: &[Range<usize>]) -> Kind {
    let Spot { source, range, .. } = spot;
    let column = source.column(range.start);
    let space = " ".repeat(column);
    let items = items.iter().flat_map(|item| &item.block).map(|(_, line)| line.clone());
    let (first, last) = (source.line_of(range.start), source.line_of(range.end.saturating_sub(1)));
    let lines = (first..=last).map(|line| {
        let text = if line == first { source.behind(range.start) } else { source.line(line) };
        let is_entry = entries.iter().any(|entry| source.line_of(entry.start) == line);
        if is_entry {
            format!("- {}", text.trim_start())
        } else {
            format!("  {}", text.get(column..).unwrap_or(text))
        }
    });
    let all: Vec<String> = items.chain(lines).collect();
    let end = source.start_of(last) + source.line(last).len();
    Kind::Within(range.start..end, all.join(&format!("\n{space}")))
}

/// The same within braces: each entry gets braces of its own, and what stands between them stays.
fn braces_as_list(spot: &Spot, items: &[Entry], entries: &[Range<usize>]) -> Kind {
    let Spot { source, range, .. } = spot;
    let items: Vec<&str> = items.iter().map(|item| item.flow.as_str()).collect();
    let mut text = format!("[{},", items.join(", "));
    let mut at = range.start + 1;
    if !source.between(at..range.end).starts_with(char::is_whitespace) {
        text.push(' ');
    }
    for entry in entries {
        text.extend([source.between(at..entry.start), "{", source.between(entry.clone()), "}"]);
        at = entry.end;
    }
    text.extend([source.between(at..range.end.saturating_sub(1)), "]"]);
    Kind::Within(range.clone(), text)
}

/// Where key and value of an entry stand, if that is in this mapping.
fn entry_range(value: &Node, mapping: &Spot) -> Option<Range<usize>> {
    let at = value.at.as_ref().filter(|at| Arc::ptr_eq(&at.source, &mapping.source))?;
    Some(at.key.as_ref()?.start..at.range.end)
}

/// Lines of a file that change together.
struct Block {
    /// The first line, and the one behind the last.
    lines: Range<usize>,
    edits: Vec<(Range<usize>, String)>,
    sections: Vec<String>,
}

fn of_file_gaps(source: &Source, edits: Vec<Edit>, hidden: &[Arc<Spot>]) -> Vec<Gap> {
    let mut added: Vec<(usize, String, String)> = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    for Edit { kind, section, .. } in edits {
        match kind {
            Kind::Below(line, lines) => added.push((line, lines, section)),
            Kind::Within(range, text) => {
                let last = source.line_of(range.end.saturating_sub(usize::from(!range.is_empty())));
                let lines = source.line_of(range.start)..last + 1;
                blocks.push(Block { lines, edits: vec![(range, text)], sections: vec![section] });
            }
        }
    }
    blocks.sort_by_key(|block| block.lines.start);
    let mut joined: Vec<Block> = Vec::new();
    for block in blocks {
        match joined.last_mut().filter(|last| last.lines.end > block.lines.start) {
            Some(last) => {
                last.lines.end = last.lines.end.max(block.lines.end);
                last.edits.extend(block.edits);
                last.sections.extend(block.sections);
            }
            None => joined.push(block),
        }
    }
    // Lines that are added in the middle of others that change are part of them.
    added.retain(|(line, lines, section)| {
        let within = joined.iter_mut().find(|block| block.lines.start < *line && *line < block.lines.end);
        let Some(block) = within else { return true };
        let at = source.start_of(*line);
        block.edits.push((at..at, lines.clone()));
        block.sections.push(section.clone());
        false
    });
    let file = &source.file;
    let mut gaps: Vec<(usize, Gap)> = Vec::new();
    for (line, lines, section) in added {
        let at_end = line == source.text.lines().count();
        let instruction = match (line, section.as_str()) {
            (_, "") if at_end => format!("{file}, at the end: add"),
            (0, _) => format!("{file}, above the first line: add"),
            (_, "") => format!("{}, below this line: add", file.at(line)),
            _ => format!("{}, in {section}, below this line: add", file.at(line)),
        };
        gaps.push((line * 2 + 1, Gap { instruction, lines }));
    }
    for block in joined {
        let Range { start, end } = block.lines;
        let which =
            if end - start > 1 { format!("lines {} to {end}", start + 1) } else { "this line".to_owned() };
        let mut sections = block.sections.clone();
        sections.sort();
        sections.dedup();
        let sections = sections.join(" and in ");
        let place = file.at(start + 1);
        let instruction = match sections.as_str() {
            "" => format!("{place}: in the place of {which}, write"),
            _ => format!("{place}, in {sections}: in the place of {which}, write"),
        };
        gaps.push((end * 2, Gap { instruction, lines: block.text(source, hidden) }));
    }
    gaps.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
    gaps.into_iter().map(|(_, gap)| gap).collect()
}

impl Block {
    /// The lines as they are afterwards.
    fn text(mut self, source: &Source, hidden: &[Arc<Spot>]) -> String {
        let (start, end) = (source.start_of(self.lines.start), source.start_of(self.lines.end));
        for spot in hidden.iter().filter(|spot| std::ptr::eq(Arc::as_ptr(&spot.source), source)) {
            let Range { start: from, end: to } = spot.range;
            let untouched = self.edits.iter().all(|(range, _)| range.end <= from || to <= range.start);
            if start <= from && to <= end && untouched {
                self.edits.push((spot.range.clone(), HIDDEN.to_owned()));
            }
        }
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::new();
        let mut at = start;
        for (range, new) in &self.edits {
            if range.start < at {
                continue;
            }
            text.push_str(source.between(at..range.start));
            text.push_str(new);
            at = range.end;
        }
        text.push_str(source.between(at..end));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n") + "\n"
    }
}
