//! Whom ejabberd's access rules and acls let in, as far as their texts say. Knows nothing of what is asked for.

use crate::setup::existing::pattern::matches;
use crate::setup::existing::tree::{Node, Value, same};

/// Who has to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The component itself.
    Component,
    /// Its addresses as well.
    Addresses,
}

/// The rules of a configuration, and whom it is about.
pub(super) struct Rules<'a> {
    pub(super) existing: &'a Node,
    pub(super) component: &'a str,
    pub(super) who: Who,
}

/// The entries of a rule, in their order. A rule that is a mapping is one entry.
pub(super) fn entries(rule: &Node) -> &[Node] {
    match &rule.value {
        Value::Table(table) if table.items.is_empty() => std::slice::from_ref(rule),
        _ => rule.items(),
    }
}

impl Rules<'_> {
    /// Whether a rule, by its name or written in its place, lets them in.
    pub(super) fn admits(&self, rule: &Node) -> bool {
        match rule.text() {
            Some("all" | "allow") => true,
            Some("none" | "deny") => false,
            Some(name) => match self.existing.get("access_rules").and_then(|rules| rules.get(name)) {
                Some(rule) => self.admits_by(rule),
                None => false,
            },
            None => self.admits_by(rule),
        }
    }

    /// Whether what stands in a rule lets them in: the first entry that is about them counts.
    pub(super) fn admits_by(&self, rule: &Node) -> bool {
        for entry in entries(rule) {
            match &entry.value {
                Value::Text(verb) if matches!(verb.as_str(), "all" | "allow") => return true,
                Value::Text(verb) if matches!(verb.as_str(), "none" | "deny") => return false,
                Value::Text(_) => {}
                Value::Unseen => return true,
                Value::Table(table) => {
                    for (verb, whom) in &table.keys {
                        if self.names(whom) {
                            return verb == "allow";
                        }
                    }
                }
            }
        }
        false
    }

    /// Whether an entry of a rule names them, directly or by the name of an acl.
    fn names(&self, whom: &Node) -> bool {
        match &whom.value {
            Value::Text(name) => name == "all" || self.is_acl(name),
            Value::Table(table) => {
                table.items.iter().any(|item| self.names(item))
                    || table.keys.iter().any(|(key, node)| {
                        if key == "acl" { self.names(node) } else { self.is_in(key, node) }
                    })
            }
            Value::Unseen => true,
        }
    }

    /// Whether the acl of this name names them.
    pub(super) fn is_acl(&self, name: &str) -> bool {
        let acl = self.existing.get("acl").and_then(|acls| acls.get(name));
        acl.is_some_and(|acl| self.is_in_acl(acl))
    }

    fn is_in_acl(&self, acl: &Node) -> bool {
        acl.is_unseen()
            || acl.text() == Some("all")
            || acl.keys().iter().any(|(key, node)| self.is_in(key, node))
            || acl.table().is_some_and(|table| table.items.iter().any(|item| self.is_in_acl(item)))
    }

    /// Whether they are under this condition of an acl.
    fn is_in(&self, condition: &str, node: &Node) -> bool {
        if self.who == Who::Component || condition.starts_with("server") {
            return self.is_named(condition, node);
        }
        let any_user = |user: &str| !matches!(user, "" | "^$");
        condition.starts_with("node")
            && node.keys().iter().any(|(user, server)| any_user(user) && self.is_named(condition, server))
    }

    /// Whether the component's domain stands somewhere in a value, as the condition has it.
    fn is_named(&self, condition: &str, node: &Node) -> bool {
        let is_it = |text: &str| {
            let plain: String =
                text.chars().filter(|c| !matches!(c, '\\' | '[' | ']' | '^' | '$' | '(' | ')')).collect();
            same(text, self.component)
                || same(&plain, self.component)
                || (condition.ends_with("_glob") && matches(self.component, text))
                // It is not computed whom it matches.
                || (condition == "server_regexp" && plain.contains(['*', '+', '?', '|', '{']))
        };
        match &node.value {
            Value::Text(text) => is_it(text),
            Value::Table(table) => {
                table.items.iter().any(|item| self.is_named(condition, item))
                    || table.keys.iter().any(|(key, node)| is_it(key) || self.is_named(condition, node))
            }
            Value::Unseen => true,
        }
    }
}
