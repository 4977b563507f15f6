//! What stands in a server's configuration: values, each with its place; the same for Lua and YAML. Knows nothing of what they
//! mean.

use std::sync::Arc;

use super::place::Place;
use super::source::Spot;
use crate::model::domain;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// Where it is written. Known of YAML only.
    pub(super) at: Option<Arc<Spot>>,
    /// Where what is in it is written: for an alias or a macro that is elsewhere.
    pub(super) inside: Option<Arc<Spot>>,
    /// Only a name stands here, of a value that is written elsewhere: nothing can be added to it here. Known of Lua only.
    pub(super) by_name: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A string, number or boolean.
    Text(String),
    Table(Table),
    /// It is computed, or stands where it can't be read.
    Unseen,
}

/// A list, a mapping, or, in Lua, both.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) items: Vec<Node>,
    /// In their order. Of two with the same name the last one counts.
    pub(super) keys: Vec<(String, Node)>,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.keys.iter().rev().find(|(name, _)| same(name, key)).map(|(_, node)| node)
    }
}

impl Node {
    pub(super) fn new(place: Place, value: Value) -> Self {
        Self { place, value, at: None, inside: None, by_name: false }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.get(key)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_unseen(&self) -> bool {
        matches!(self.value, Value::Unseen)
    }

    /// Whether it, or something in it, can't be seen.
    pub(super) fn has_unseen(&self) -> bool {
        let Value::Table(table) = &self.value else { return self.is_unseen() };
        table.items.iter().chain(table.keys.iter().map(|(_, node)| node)).any(Self::has_unseen)
    }

    /// The items of a list; a single value is a list of one.
    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::Table(table) => &table.items,
            _ => std::slice::from_ref(self),
        }
    }

    pub(super) fn keys(&self) -> &[(String, Node)] {
        self.table().map_or(&[], |table| &table.keys)
    }
}

/// Whether two names are the same: equal, or the same domain in two spellings.
pub(super) fn same(one: &str, other: &str) -> bool {
    one == other
        || matches!((domain::canonical(one), domain::canonical(other)), (Ok(one), Ok(other)) if one == other)
}
