//! Puts the values of ejabberd's macros and keywords in the place of their names, as ejabberd does. Knows nothing of what the
//! options mean.

use std::collections::HashMap;
use std::sync::Arc;

use super::source::Spot;
use super::tree::{Node, Value};

/// What is nested deeper is left as it is.
const MAX_DEPTH: usize = 32;

/// More names are not replaced: macros that name each other would never end.
const MAX_NAMES: usize = 1000;

/// Longer texts are not followed.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Keywords that ejabberd knows by itself, and whose values depend on where they stand.
const PREDEFINED: [&str; 8] =
    ["HOST", "HOST_URL_ENCODE", "HOME", "CONFIG_PATH", "DATABASE_PATH", "LOG_PATH", "SEMVER", "VERSION"];

struct Names {
    macros: HashMap<String, Node>,
    keywords: HashMap<String, Node>,
    /// Whether texts may have names between two `@`, and keywords are known.
    in_texts: bool,
    /// How many may still be replaced.
    left: usize,
}

/// Replaces them in everything below this node. `in_texts`: whether this version of ejabberd knows keywords, and names within
/// texts.
pub(super) fn replace(root: &mut Node, in_texts: bool) {
    let defined = |section: &str| -> HashMap<String, Node> {
        let all = root.get(section).into_iter();
        all.flat_map(|it| it.keys().iter().chain(it.items().iter().flat_map(Node::keys)))
            .map(|(name, node)| (name.clone(), node.clone()))
            .collect()
    };
    let (macros, keywords) = (defined("define_macro"), defined("define_keyword"));
    Names { macros, keywords, in_texts, left: MAX_NAMES }.replace(root, 0);
}

impl Names {
    fn replace(&mut self, node: &mut Node, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match &mut node.value {
            Value::Text(text) => {
                // A keyword in quotes is a text.
                let keyword = self.keywords.get(text.as_str()).filter(|_| self.in_texts);
                let keyword = keyword.filter(|_| !is_quoted(node.inside.as_ref()));
                if let Some(defined) = self.macros.get(text.as_str()).or(keyword) {
                    if self.left == 0 {
                        return;
                    }
                    self.left -= 1;
                    node.value = defined.value.clone();
                    node.inside.clone_from(&defined.inside);
                    // Macros may name others.
                    self.replace(node, depth + 1);
                } else if self.in_texts && text.contains('@') {
                    let quoted = is_quoted(node.inside.as_ref());
                    node.value = self.within(text.clone(), quoted).map_or(Value::Unseen, Value::Text);
                }
            }
            Value::Table(table) => {
                let inside = table.items.iter_mut().chain(table.keys.iter_mut().map(|(_, node)| node));
                inside.for_each(|node| self.replace(node, depth + 1));
            }
            Value::Unseen => {}
        }
    }

    /// A text with values in the place of `@NAME@`; `None` if one can't be seen.
    fn within(&mut self, mut text: String, quoted: bool) -> Option<String> {
        let mut from = 0;
        while let Some((name, at)) = next_name(&text, from) {
            let end = at + name.len() + 2;
            let defined = self.macros.get(name).filter(|_| quoted).or_else(|| self.keywords.get(name));
            let Some(defined) = defined else {
                if self.macros.contains_key(name) || PREDEFINED.contains(&name) {
                    from = end - 1;
                    continue;
                }
                // A variable of the environment can define it.
                return None;
            };
            let value = defined.text().filter(|_| is_quoted(defined.inside.as_ref()));
            let Some(value) = value else {
                // Only a text in quotes is put into another one.
                from = end - 1;
                continue;
            };
            // Erlang gives these characters a meaning of their own there.
            let is_plain = !value.contains(['&', '\\']);
            if self.left == 0 || !is_plain || text.len() + value.len() > MAX_TEXT_BYTES {
                return None;
            }
            self.left -= 1;
            text.replace_range(at..end, value);
            from = at;
        }
        Some(text)
    }
}

/// The first `@NAME@` from this place on: the name, and where its first `@` is.
fn next_name(text: &str, from: usize) -> Option<(&str, usize)> {
    let mut signs = text.match_indices('@').map(|(at, _)| at).skip_while(|at| *at < from);
    let mut begin = signs.next()?;
    for end in signs {
        let name = &text[begin + 1..end];
        let is_name = |c: char| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit();
        if !name.is_empty() && name.chars().all(is_name) {
            return Some((name, begin));
        }
        begin = end;
    }
    None
}

fn is_quoted(scalar: Option<&Arc<Spot>>) -> bool {
    scalar.is_some_and(|at| at.text().starts_with(['"', '\'']))
}
