//! Reads ejabberd's configuration: its YAML, the files that are included, its macros. Knows nothing of what the options mean.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};

use super::gap::ReadError;
use super::macros;
use super::place::Place;
use super::source::{Source, Spot, Style, word_of};
use super::tree::{Node, Table, Value};
use crate::setup::printed::Version;

/// From this version on ejabberd knows keywords, and macros within texts.
const NAMES_IN_TEXTS: Version = Version(25, 3);

/// Files that include each other end here.
const MAX_DEPTH: usize = 8;

/// What is nested deeper is no configuration. Such a text would exhaust the stack.
const MAX_NESTED_BRACKETS: usize = 500;
const MAX_INDENTATION: usize = 400;

/// Reads the file, and all that it includes, for this version or the newest one. What can't be followed is added to `unseen`.
///
/// # Errors
/// A file can't be read, or is not YAML, or no mapping.
pub(super) fn read(
    path: &Path,
    version: Option<Version>,
    unseen: &mut Vec<String>,
) -> Result<Node, ReadError> {
    let mut root = file(path, unseen, 0)?;
    macros::replace(&mut root, version.is_none_or(|version| version >= NAMES_IN_TEXTS));
    Ok(root)
}

/// Reads a text; `name` stands in its places.
///
/// # Errors
/// It is no YAML, or no mapping.
pub(super) fn read_text(text: &str, name: &Path) -> Result<Node, ReadError> {
    let place = Place::file(name);
    // The parser counts no mark of the order of bytes.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(line) = too_deep(text) {
        let why = "this is nested too deep".to_owned();
        return Err(ReadError::Wrong { place: place.at(line).to_string(), why });
    }
    let documents = MarkedYaml::load_from_str(text).map_err(|e| ReadError::Wrong {
        place: place.at(e.marker().line()).to_string(),
        why: e.info().to_owned(),
    })?;
    let source = Arc::new(Source::new(place.clone(), text.to_owned()));
    let mut reader = Reader { source: source.clone(), anchors: HashMap::new() };
    let root = documents.first().map(|document| reader.node(document, None, false));
    match root {
        Some(root) if root.table().is_some_and(|table| table.items.is_empty()) => Ok(root),
        Some(Node { value: Value::Text(text), .. }) if !text.is_empty() => Err(no_options(&place)),
        Some(Node { value: Value::Text(_), .. }) | None => {
            let end = source.text.len()..source.text.len();
            let spot = Spot {
                source,
                range: end,
                style: Style::BlockMapping,
                key: None,
                in_flow: false,
                anchored: false,
            };
            let inside = Some(Arc::new(spot));
            Ok(Node { inside, ..Node::new(place, Value::Table(Table::default())) })
        }
        Some(_) => Err(no_options(&place)),
    }
}

fn no_options(place: &Place) -> ReadError {
    let why = "this has no options, such as `hosts:` and `modules:`".to_owned();
    ReadError::Wrong { place: place.at(1).to_string(), why }
}

/// The line on which something is nested too deep.
fn too_deep(text: &str) -> Option<usize> {
    let mut brackets = 0_usize;
    let is_too_deep = |line: &str| {
        let line = line.trim_end();
        let indentation = line.len() - line.trim_start_matches([' ', '-', '?']).len();
        let deepest = line.chars().fold(brackets, |deepest, c| {
            match c {
                '[' | '{' => brackets += 1,
                ']' | '}' => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            deepest.max(brackets)
        });
        deepest > MAX_NESTED_BRACKETS || indentation > MAX_INDENTATION
    };
    text.lines().position(is_too_deep).map(|at| at + 1)
}

fn file(path: &Path, unseen: &mut Vec<String>, depth: usize) -> Result<Node, ReadError> {
    let bytes = fs::read(path).map_err(|source| ReadError::Unreadable { path: path.to_owned(), source })?;
    let mut root = read_text(&String::from_utf8_lossy(&bytes), path)?;
    let Value::Table(table) = &mut root.value else { return Ok(root) };
    let (included, mut own): (Vec<_>, Vec<_>) =
        std::mem::take(&mut table.keys).into_iter().partition(|(key, _)| key == "include_config_file");
    for (_, included) in included {
        let with_filters = included.keys().iter().map(|(name, filters)| (name.as_str(), Some(filters)));
        let plain = included.items().iter().filter_map(Node::text).map(|name| (name, None));
        for (name, filters) in plain.chain(with_filters) {
            let place = &included.place;
            let path = path.parent().unwrap_or(Path::new("")).join(name);
            if depth >= MAX_DEPTH || !path.exists() {
                unseen.push(format!("{place}: include_config_file {name:?}: there is no such file"));
                continue;
            }
            let more = file(&path, unseen, depth + 1)?;
            let named = |filter: &str, key: &str| {
                let filter = filters.and_then(|filters| filters.get(filter))?;
                Some(filter.items().iter().filter_map(Node::text).any(|it| it == key))
            };
            let taken = |key: &str| {
                named("allow_only", key).unwrap_or(true) && !named("disallow", key).unwrap_or(false)
            };
            own.extend(more.keys().iter().filter(|(key, _)| taken(key)).cloned());
        }
    }
    // What stands in several files is one list, or one mapping.
    let mut merged: Vec<(String, Node)> = Vec::new();
    for (key, node) in own {
        match merged.iter_mut().find(|(name, _)| *name == key) {
            Some((_, Node { value: Value::Table(one), .. })) if node.table().is_some() => {
                let Value::Table(other) = node.value else { continue };
                one.items.extend(other.items);
                one.keys.extend(other.keys);
            }
            Some((_, there)) => *there = node,
            None => merged.push((key, node)),
        }
    }
    table.keys = merged;
    Ok(root)
}

/// Reads one text.
struct Reader {
    source: Arc<Source>,
    anchors: HashMap<String, Node>,
}

impl Reader {
    fn node(&mut self, yaml: &MarkedYaml, key: Option<Range<usize>>, in_flow: bool) -> Node {
        let source = self.source.clone();
        let begin = source.offset(yaml.span.start.line(), yaml.span.start.col());
        let line = source.line_of(begin);
        if let Some(name) = source.between(begin..source.text.len()).strip_prefix('*').map(word_of)
            && let Some(named) = self.anchors.get(name)
        {
            let range = begin..begin + 1 + name.len();
            let at =
                Spot { source: source.clone(), range, style: Style::Scalar, key, in_flow, anchored: false };
            return Node { place: source.file.at(line + 1), at: Some(Arc::new(at)), ..named.clone() };
        }
        let (start, anchor) = source.past_properties(begin);
        let anchor = anchor.map(str::to_owned);
        let (value, style, range) = self.value(yaml.span.end, &yaml.data, start, key.as_ref(), in_flow);
        let anchored = source.between(begin..range.end.max(begin)).contains('&');
        let line =
            if range.is_empty() { key.as_ref().map_or(line, |key| source.line_of(key.start)) } else { line };
        let spot = Arc::new(Spot { source: source.clone(), range, style, key, in_flow, anchored });
        let (at, inside) = (Some(spot.clone()), Some(spot));
        let node = Node { place: source.file.at(line + 1), value, at, inside, by_name: false };
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, node.clone());
        }
        node
    }

    fn value<'y>(
        &mut self,
        mark: Marker,
        data: &YamlData<'y, MarkedYaml<'y>>,
        start: usize,
        key: Option<&Range<usize>>,
        in_flow: bool,
    ) -> (Value, Style, Range<usize>) {
        let source = self.source.clone();
        let end = source.offset(mark.line(), mark.col());
        let opens = |bracket| source.between(start..source.text.len()).starts_with(bracket);
        let last = |ends: &mut dyn Iterator<Item = &Node>| {
            ends.filter_map(|node| node.at.as_ref()).map(|at| at.range.end).fold(start, usize::max)
        };
        match data {
            YamlData::Value(scalar) => {
                let range = self.scalar(start..end, matches!(scalar, Scalar::Null), key);
                (Value::Text(text(scalar)), Style::Scalar, range)
            }
            YamlData::Representation(text, ..) => {
                (Value::Text(text.to_string()), Style::Scalar, self.scalar(start..end, false, key))
            }
            YamlData::Sequence(items) => {
                let flow = opens('[');
                let items: Vec<Node> = items.iter().map(|item| self.node(item, None, flow)).collect();
                let (style, range) = if flow {
                    (Style::FlowList, start..end + 1)
                } else {
                    (Style::BlockList, self.dash(start)..last(&mut items.iter()))
                };
                (Value::Table(Table { items, keys: Vec::new() }), style, range)
            }
            YamlData::Mapping(entries) => {
                let marks = entries.keys().next().map(|key| key.span.start);
                let first = marks.map(|mark| source.offset(mark.line(), mark.col()));
                let flow = opens('{') && first != Some(start);
                let mut keys = Vec::new();
                for (key, value) in entries {
                    let key = self.node(key, None, flow || in_flow);
                    let range = key.at.as_ref().map(|at| at.range.clone());
                    // The place of an entry is that of its key.
                    let value = Node { place: key.place.clone(), ..self.node(value, range, flow || in_flow) };
                    keys.extend(key.text().map(|name| (name.to_owned(), value)));
                }
                let (style, range) = if flow {
                    (Style::FlowMapping, start..end + 1)
                } else {
                    let style = if in_flow { Style::Pair } else { Style::BlockMapping };
                    (style, first.unwrap_or(start)..last(&mut keys.iter().map(|(_, node)| node)))
                };
                (Value::Table(Table { items: Vec::new(), keys }), style, range)
            }
            YamlData::Tagged(_, inner) => self.value(mark, &inner.data, start, key, in_flow),
            YamlData::Alias(_) | YamlData::BadValue => (Value::Unseen, Style::Scalar, start..end.max(start)),
        }
    }

    /// The dash of a list's first item. The parser's mark stands on it, or behind it if the dash is not indented.
    fn dash(&self, start: usize) -> usize {
        let before = self.source.between(0..start).trim_end();
        let is_here = self.source.between(start..self.source.text.len()).starts_with('-');
        if !is_here && before.ends_with('-') { before.len() - 1 } else { start }
    }

    /// Where a scalar stands. One that is left out stands right behind the colon.
    fn scalar(&self, range: Range<usize>, is_null: bool, key: Option<&Range<usize>>) -> Range<usize> {
        let written = self.source.between(range.clone());
        let left_out = range.is_empty() || is_null && !matches!(written, "~" | "null" | "Null" | "NULL");
        if !left_out {
            return range;
        }
        let at = key.map_or(range.start, |key| {
            let rest = self.source.behind(key.end);
            let blank = rest.len() - rest.trim_start().len();
            if rest.trim_start().starts_with(':') { key.end + blank + 1 } else { key.end }
        });
        at..at
    }
}

fn text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => String::new(),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::FloatingPoint(value) => value.to_string(),
        Scalar::String(text) => text.to_string(),
    }
}
