//! Reads ejabberd's configuration: its YAML, the files that are included, its macros. Knows nothing of what the options mean.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

use super::gap::ReadError;
use super::tree::{Node, Place, Table, Value};

/// Files that include each other end here.
const MAX_DEPTH: usize = 8;

/// Reads the file, and all that it includes. What can't be followed is added to `unseen`.
///
/// # Errors
/// A file can't be read, or is not YAML, or no mapping.
pub(super) fn read(path: &Path, unseen: &mut Vec<String>) -> Result<Node, ReadError> {
    let mut root = file(path, unseen, 0)?;
    let macros: HashMap<String, Value> = root
        .get("define_macro")
        .into_iter()
        .flat_map(|defined| defined.keys().iter().chain(defined.items().iter().flat_map(Node::keys)))
        .map(|(name, node)| (name.clone(), node.value.clone()))
        .collect();
    if !macros.is_empty() {
        replace(&mut root, &macros, 0);
    }
    Ok(root)
}

/// Reads a text; `name` stands in its places.
///
/// # Errors
/// It is no YAML, or no mapping.
pub(super) fn read_text(text: &str, name: &Path) -> Result<Node, ReadError> {
    let place = Place::file(name);
    let documents = MarkedYaml::load_from_str(text).map_err(|e| ReadError::Wrong {
        place: place.at(e.marker().line()).to_string(),
        why: e.info().to_owned(),
    })?;
    let root = documents.first().map(|document| node(document, &place));
    match root {
        Some(root) if root.table().is_some_and(|table| table.items.is_empty()) => Ok(root),
        Some(Node { value: Value::Text(text), place }) if text.is_empty() => {
            Ok(Node { place, value: Value::Table(Table::default()) })
        }
        None => Ok(Node { place, value: Value::Table(Table::default()) }),
        Some(_) => Err(ReadError::Wrong {
            place: place.at(1).to_string(),
            why: "this has no options, such as `hosts:` and `modules:`".to_owned(),
        }),
    }
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

fn node(yaml: &MarkedYaml, file: &Place) -> Node {
    let place = file.at(yaml.span.start.line());
    let value = match &yaml.data {
        YamlData::Value(scalar) => Value::Text(text(scalar)),
        YamlData::Representation(text, ..) => Value::Text(text.to_string()),
        YamlData::Sequence(items) => {
            let items = items.iter().map(|item| node(item, file)).collect();
            Value::Table(Table { items, keys: Vec::new() })
        }
        YamlData::Mapping(entries) => {
            let keys = entries.iter().filter_map(|(key, value)| {
                let key = node(key, file);
                // The place of an entry is that of its key.
                Some((key.text()?.to_owned(), Node { place: key.place.clone(), ..node(value, file) }))
            });
            Value::Table(Table { items: Vec::new(), keys: keys.collect() })
        }
        YamlData::Tagged(_, inner) => return node(inner, file),
        YamlData::Alias(_) | YamlData::BadValue => Value::Unseen,
    };
    Node { place, value }
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

/// Puts the values of macros in the place of their names.
fn replace(node: &mut Node, macros: &HashMap<String, Value>, depth: usize) {
    if depth > MAX_DEPTH * 4 {
        return;
    }
    match &mut node.value {
        Value::Text(name) => {
            if let Some(value) = macros.get(name.as_str()) {
                node.value = value.clone();
            }
        }
        Value::Table(table) => {
            let inside = table.items.iter_mut().chain(table.keys.iter_mut().map(|(_, node)| node));
            inside.for_each(|node| replace(node, macros, depth + 1));
        }
        Value::Unseen => {}
    }
}
