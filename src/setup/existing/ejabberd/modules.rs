//! Compares ejabberd's modules with those that `setup` prints, for each of its hosts. Knows nothing of what a rule lets in.

use std::sync::Arc;

use super::comparison::Comparison;
use crate::setup::existing::source::Style;
use crate::setup::existing::tree::{Node, Table, same};
use crate::setup::existing::written::{Entry, flow};

/// Options of ejabberd's modules that name access rules, by the permission that they give.
const PERMISSIONS: [&str; 5] = ["outgoing", "get", "set", "both", "managed_entity"];

/// Modules as one host has them, and where others are added.
struct Modules<'a> {
    section: String,
    /// The mapping that more modules are added to; none if there is no section `modules`.
    target: Option<&'a Node>,
    tables: Vec<&'a Table>,
}

impl<'a> Modules<'a> {
    fn get(&self, module: &str) -> Option<&'a Node> {
        self.tables.iter().rev().find_map(|table| table.get(module))
    }
}

impl<'a> Comparison<'a> {
    /// The modules of each host of users that is there, by what the relay's configuration tells of them; else of all hosts.
    fn hosts_modules(&self) -> Vec<Modules<'a>> {
        let global = self.section("modules");
        let everybodys = || Modules {
            section: "`modules:`".to_owned(),
            target: global,
            tables: global.and_then(Node::table).into_iter().collect(),
        };
        let known: Vec<&String> = self.setup.hosts.iter().chain(&self.setup.possible_hosts).collect();
        let all: Vec<&str> = self
            .section("hosts")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(Node::text)
            .collect();
        let ours: Vec<&str> =
            all.iter().copied().filter(|host| known.iter().any(|it| same(it, host))).collect();
        let hosts = if ours.is_empty() { all } else { ours };
        if hosts.is_empty() {
            return vec![everybodys()];
        }
        let of_host = |host: &&str| {
            let of = |name: &str| {
                self.section(name).and_then(|hosts| hosts.get(host)).and_then(|it| it.get("modules"))
            };
            let mut modules = everybodys();
            if let Some(replaced) = of("host_config") {
                modules.section = format!("`host_config:`, `{host}:`, `modules:`");
                modules.target = Some(replaced);
                modules.tables = replaced.table().into_iter().collect();
            }
            modules.tables.extend(of("append_host_config").and_then(Node::table));
            modules
        };
        hosts.iter().map(of_host).collect()
    }

    pub(super) fn modules(&mut self) {
        let wanted = self.wanted.get("modules").map(Node::keys).unwrap_or_default();
        for host in self.hosts_modules() {
            for (module, node) in wanted {
                let section = format!("{}, `{module}:`", host.section);
                let Some(there) = host.get(module) else {
                    self.needs(node);
                    let entry = Entry::printed(module, node);
                    match host.target {
                        Some(target) => self.add(target, &host.section, entry),
                        None => self.add_to_section("modules", entry),
                    }
                    continue;
                };
                if there.is_unseen() {
                    self.unseen.push(format!("{}: {module}, which is computed", there.place));
                    continue;
                }
                self.options(&section, node, there);
                if let Some(access) = there.get("access").filter(|_| module == "mod_muc") {
                    self.access(&format!("{section}, `access:`"), access);
                }
            }
        }
    }

    fn options(&mut self, section: &str, wanted: &Node, there: &Node) {
        for (key, node) in wanted.keys() {
            let inner = format!("{section}, `{key}:`");
            match there.get(key) {
                Some(found) if found.is_unseen() => {
                    self.unseen.push(format!("{}: {key}, which is computed", found.place));
                }
                Some(found) if key == "access_admin" => self.access_admin(&inner, found),
                Some(found) if PERMISSIONS.contains(&key.as_str()) => self.permission(&inner, found),
                Some(found) if node.table().is_some() => self.options(&inner, node, found),
                Some(found) if found.text().is_some_and(|it| same(it, node.text().unwrap_or_default())) => {}
                Some(found) => self.replace(found, &inner, &flow(node)),
                None if self.has_otherwise(section, key, node, there) => {}
                None => {
                    self.needs(node);
                    self.add(there, section, Entry::printed(key, node));
                }
            }
        }
    }

    /// Whether what a key would give is given by others: `both` is `get` and `set`.
    fn has_otherwise(&mut self, section: &str, key: &str, wanted: &Node, there: &Node) -> bool {
        let admitted = |key: &str| there.get(key).is_some_and(|rule| rule.is_unseen() || self.admits(rule));
        if key == "both" {
            return admitted("get") && admitted("set");
        }
        let Some(both) = there.get("both").filter(|_| key == "get") else { return false };
        if admitted("both") {
            return true;
        }
        // It is for nobody: less than both is enough.
        let (Some("none" | ""), Some(at)) = (both.text(), both.at.as_ref()) else { return false };
        let Some(from) = at.key.as_ref().map(|key| key.start) else { return false };
        self.needs(wanted);
        let mut entry = (**at).clone();
        (entry.range, entry.style, entry.key) = (from..entry.range.end, Style::Scalar, None);
        self.changes.instead(&Arc::new(entry), section, format!("{key}: {}", flow(wanted)));
        true
    }
}
