//! Compares Prosody's configuration with what `setup` prints, option by option. Knows nothing of how Lua is read.

use std::path::Path;

use super::gap::{Gap, ReadError};
use super::lua::{self, Kind, Prosody, Section};
use super::tree::{Node, Table, Value, same};
use crate::config::Server;
use crate::setup::outline;
use crate::setup::printed::{Guesses, Make, ONLY_TCP, Setup, Version, listener, lua as quoted};

/// Lists that a section has beside the global ones, as Prosody joins them for hosts.
const JOINED_WITH_GLOBAL: [&str; 2] = ["modules_enabled", "admins"];

/// From this version on Prosody's admins need `component_admins_as_room_owners`.
const ADMINS_WITHOUT_RIGHTS: Version = Version(13, 0);

pub(super) fn missing(
    setup: &Setup,
    version: Option<Version>,
    file: &Path,
) -> Result<(Vec<Gap>, Vec<String>), ReadError> {
    let existing = lua::read(file)?;
    let mut comparison =
        Comparison { setup, version, existing: &existing, gaps: Vec::new(), unseen: Vec::new() };
    comparison.everything(file)?;
    let Comparison { gaps, mut unseen, .. } = comparison;
    unseen.splice(0..0, existing.unseen.iter().cloned());
    Ok((gaps, unseen))
}

struct Comparison<'a> {
    setup: &'a Setup,
    version: Option<Version>,
    existing: &'a Prosody,
    gaps: Vec<Gap>,
    unseen: Vec<String>,
}

impl Comparison<'_> {
    fn everything(&mut self, file: &Path) -> Result<(), ReadError> {
        let with_secret = Setup { shows_secret: true, ..self.setup.clone() };
        let text = with_secret.text(Make::Prosody, self.version, Guesses::AsSections);
        let wanted = lua::read_text(&text, Path::new("setup"))?;
        let printed = self.setup.text(Make::Prosody, self.version, Guesses::AsSections);
        self.refused();
        self.ports(file);
        let hosts: Vec<&Section> =
            wanted.sections.iter().filter(|section| section.kind == Kind::Host).collect();
        if !hosts.iter().any(|host| self.existing.section(&host.name).is_some()) {
            self.no_host(file, &hosts);
        }
        for section in &wanted.sections {
            match self.existing.section(&section.name) {
                Some(there) if self.is_off(section, there) => {}
                Some(there) => self.section(section, there, &printed),
                // A section would create the host.
                None if section.kind == Kind::Host => {}
                None => self.add(&file.display().to_string(), "add a section", select_all(&printed, section)),
            }
        }
        Ok(())
    }

    fn add(&mut self, place: &str, what: &str, lines: String) {
        self.gaps.push(Gap { instruction: format!("{place}: {what}"), lines });
    }

    /// What keeps Prosody from starting.
    fn refused(&mut self) {
        for (place, option) in &self.existing.refused {
            let what = format!(
                "Prosody stops here, since no {option} stands above this in its section: begin the line with {option} = {{"
            );
            self.add(&place.to_string(), &what, String::new());
        }
    }

    /// An option that the section lacks.
    fn option(&mut self, there: &Section, lines: &str) {
        if there.closed {
            let place = &there.place;
            self.add(
                &place.at(0).to_string(),
                &format!("add a section (braces close the one at {place})"),
                format!("{}\n{lines}", heading(there)),
            );
        } else {
            self.add(&format!("{}, {}", there.place, heading(there)), "add", lines.to_owned());
        }
    }

    fn no_host(&mut self, file: &Path, wanted: &[&Section]) {
        let names = |sections: &mut dyn Iterator<Item = &Section>| {
            sections.map(|section| format!("{:?}", section.name)).collect::<Vec<_>>().join(", ")
        };
        let there = names(&mut self.existing.sections.iter().filter(|section| section.kind == Kind::Host));
        let wanted = names(&mut wanted.iter().copied());
        let there = if there.is_empty() { "none".to_owned() } else { there };
        self.add(
            &file.display().to_string(),
            &format!(
                "there is no VirtualHost {wanted}, which may be the host of your users (there is {there}). If another one is, \
                 add it to muc.hand_over_from in the relay's configuration, and compare again"
            ),
            String::new(),
        );
    }

    fn section(&mut self, wanted: &Section, there: &Section, printed: &str) {
        if wanted.kind != there.kind {
            self.add(
                &there.place.to_string(),
                &format!("{} should be {}", heading(there), heading(wanted)),
                String::new(),
            );
            return;
        }
        for (option, node) in &wanted.options.keys {
            let own = there.options.get(option);
            let global = self.existing.global.get(option);
            if own.or(global).is_some_and(Node::is_unseen) {
                self.cant_see(own.or(global), option);
                continue;
            }
            match &node.value {
                Value::Table(table) if !table.items.is_empty() => {
                    self.list(option, table, there, [own, global], printed, wanted);
                }
                _ => match own.or(global) {
                    Some(found) => self.value(&heading(there), option, option, node, found),
                    None if option == "component_admins_as_room_owners"
                        && self.version.is_some_and(|version| version < ADMINS_WITHOUT_RIGHTS) => {}
                    None => self.option(there, &select(printed, wanted, option)),
                },
            }
        }
    }

    /// Whether Prosody leaves the section alone: `enabled = false`. What is a host only by a guess may well be off.
    fn is_off(&mut self, wanted: &Section, there: &Section) -> bool {
        let enabled = there.options.get("enabled").filter(|it| it.text() == Some("false"));
        let Some(enabled) = enabled else { return false };
        let guess =
            wanted.kind == Kind::Host && self.setup.possible_hosts.iter().any(|it| same(it, &wanted.name));
        if !guess {
            self.add(
                &format!("{}, {}", enabled.place, heading(there)),
                "it is off. In the place of what `enabled` is there, write",
                "    enabled = true\n".to_owned(),
            );
        }
        !guess || self.setup.hosts.is_empty()
    }

    /// Names what a section's own `modules_disabled` keeps from being loaded.
    fn disabled(&mut self, wanted: &Table, there: &Section) {
        let Some(off) = there.options.get("modules_disabled") else { return };
        if off.is_unseen() || off.items().iter().any(Node::is_unseen) {
            self.cant_see(Some(off), "modules_disabled");
            return;
        }
        for module in wanted.items.iter().filter_map(Node::text) {
            if off.items().iter().any(|it| it.text() == Some(module)) {
                self.add(
                    &format!("{}, {}", off.place, heading(there)),
                    &format!("take {} out of the list modules_disabled", quoted(module)),
                    String::new(),
                );
            }
        }
    }

    fn cant_see(&mut self, node: Option<&Node>, option: &str) {
        if let Some(node) = node {
            self.unseen.push(format!("{}: {option}, which is computed", node.place));
        }
    }

    fn list(
        &mut self,
        option: &str,
        wanted: &Table,
        there: &Section,
        [own, global]: [Option<&Node>; 2],
        printed: &str,
        section: &Section,
    ) {
        // A component loads no modules of the global list.
        let joined = JOINED_WITH_GLOBAL.contains(&option)
            && !(option == "modules_enabled" && there.kind != Kind::Host);
        let global = global.filter(|_| joined);
        let mut off: &[Node] = &[];
        if option == "modules_enabled" {
            self.disabled(wanted, there);
            // What is off for all hosts is on again for one that has it in a list of its own.
            off = self.existing.global.get("modules_disabled").map(Node::items).unwrap_or_default();
        }
        let global = global.map(Node::items).unwrap_or_default().iter();
        let global =
            global.filter(|item| !off.iter().any(|it| it.text().is_some() && it.text() == item.text()));
        let found: Vec<&Node> = own.into_iter().flat_map(Node::items).chain(global).collect();
        let is_there = |item: &&Node| {
            let text = item.text().unwrap_or_default();
            found.iter().any(|it| it.text().is_some_and(|it| same(it, text)))
        };
        let absent: Vec<&Node> = wanted.items.iter().filter(|item| !is_there(item)).collect();
        if absent.is_empty() {
            return;
        }
        if let Some(unseen) = found.iter().find(|item| item.is_unseen()) {
            self.cant_see(Some(unseen), option);
            return;
        }
        match own {
            Some(list) if list.table().is_some() && !list.by_name => {
                let mut lines = String::new();
                for item in absent {
                    lines.extend(["        ", render(item, 0).as_str(), ";\n"]);
                }
                self.add(&format!("{}, {}, to the list {option}", list.place, heading(there)), "add", lines);
            }
            Some(found) => {
                let items = found.items().iter().chain(absent).cloned().collect();
                let all = Table { items, keys: found.keys().to_vec() };
                self.instead(&heading(there), option, option, found, all);
            }
            None => self.option(there, &select(printed, section, option)),
        }
    }

    /// What is there is no list, or is written elsewhere. `path`, `key`: see [`Self::value`].
    fn instead(&mut self, section: &str, path: &str, key: &str, found: &Node, all: Table) {
        let all = Node::new(found.place.clone(), Value::Table(all));
        if all.has_unseen() {
            self.cant_see(Some(found), path);
            return;
        }
        let all = if all.keys().is_empty() {
            let items: Vec<String> = all.items().iter().map(|item| render(item, 0)).collect();
            format!("{{ {} }}", items.join(", "))
        } else {
            render(&all, 4)
        };
        self.add(
            &format!("{}, {section}", found.place),
            &format!("in the place of what {path} is there, write"),
            format!("    {} = {all}\n", key_of(key)),
        );
    }

    /// Compares a value that is there: `path` says where it stands, `key` is its last part.
    fn value(&mut self, section: &str, path: &str, key: &str, wanted: &Node, found: &Node) {
        match (&wanted.value, &found.value) {
            (_, Value::Unseen) => self.cant_see(Some(found), path),
            (Value::Table(table), Value::Table(there)) => {
                let mut absent = Vec::new();
                for (key, node) in &table.keys {
                    match there.get(key) {
                        Some(found) => self.value(section, &format!("{path}: {key}"), key, node, found),
                        None => absent.push((key.clone(), node.clone())),
                    }
                }
                if found.by_name && !absent.is_empty() {
                    let keys = there.keys.iter().cloned().chain(absent).collect();
                    self.instead(section, path, key, found, Table { items: there.items.clone(), keys });
                } else if !absent.is_empty() {
                    let line = |(key, node): &(String, Node)| {
                        format!("        {} = {};\n", key_of(key), render(node, 8))
                    };
                    let lines = absent.iter().map(line).collect();
                    self.add(&format!("{}, {section}, in {path}", found.place), "add", lines);
                }
            }
            (Value::Text(wanted), Value::Text(there)) if grants(key, there, wanted) => {}
            _ if key == "component_secret" => self.add(
                &format!("{}, {section}", found.place),
                "component_secret is not component.secret of the relay's configuration: make them equal",
                String::new(),
            ),
            _ => self.add(
                &format!("{}, {section}", found.place),
                &format!("{path} has another value, and should be"),
                format!("    {} = {}\n", key_of(key), render(wanted, 4)),
            ),
        }
    }

    /// The address and port for components, which are global options.
    fn ports(&mut self, file: &Path) {
        let server = match &self.setup.server {
            Server::Tcp(server) => server,
            Server::Unix(path) => {
                let path = path.display();
                self.add(
                    "component.server of the relay's configuration",
                    &format!(
                        "{ONLY_TCP}; set it to 127.0.0.1:5347 in the place of unix:{path}, and compare again"
                    ),
                    String::new(),
                );
                return;
            }
        };
        let (address, port) = listener(server);
        let global = &self.existing.global;
        let option = |names: [&str; 2]| names.iter().find_map(|name| global.get(name));
        let has = |node: &Node, any: &[&str]| {
            node.items()
                .iter()
                .any(|item| item.is_unseen() || item.text().is_some_and(|it| any.contains(&it)))
        };
        match option(["component_ports", "component_port"]) {
            Some(ports) if has(ports, &[&port]) => {}
            Some(ports) => self.global_list("component_ports", ports, &port, str::to_owned),
            None if port == "5347" => {}
            None => self.add(
                &file.display().to_string(),
                "above every VirtualHost and Component, add (5347 is for components that connect there already)",
                format!("component_ports = {{ 5347, {port} }}\n"),
            ),
        }
        let local = ["127.0.0.1", "::1"].contains(&address.as_str());
        match option(["component_interfaces", "component_interface"]) {
            Some(there) if has(there, &[&address, "*", "0.0.0.0", "::"]) => {}
            Some(there) => self.global_list("component_interfaces", there, &quoted(&address), quoted),
            None if local => {}
            None => self.add(
                &file.display().to_string(),
                "above every VirtualHost and Component, add",
                format!("component_interfaces = {{ \"127.0.0.1\", {} }}\n", quoted(&address)),
            ),
        }
    }

    /// One more item for a global option, which may have a single value instead of a list.
    fn global_list(&mut self, option: &str, there: &Node, item: &str, written: fn(&str) -> String) {
        if there.table().is_some() && !there.by_name {
            self.add(&format!("{}, to the list {option}", there.place), "add", format!("    {item};\n"));
            return;
        }
        let all = there.items().iter().filter_map(Node::text).map(|text| written(text) + ", ");
        self.add(
            &there.place.to_string(),
            &format!("in the place of what {option} is there, write"),
            format!("{option} = {{ {}{item} }}\n", all.collect::<String>()),
        );
    }
}

/// Whether what is there is at least what is wanted.
fn grants(key: &str, there: &str, wanted: &str) -> bool {
    same(there, wanted)
        || (there == "both" && matches!(wanted, "get" | "set"))
        || (key == "presence" && there == "roster")
}

fn heading(section: &Section) -> String {
    let name = quoted(&section.name);
    match &section.kind {
        Kind::Host => format!("VirtualHost {name}"),
        Kind::Component(None) => format!("Component {name}"),
        Kind::Component(Some(module)) => format!("Component {name} {}", quoted(module)),
    }
}

/// The lines of an option, with the comments above them.
fn select(printed: &str, section: &Section, option: &str) -> String {
    let lines = outline::select(printed, &heading(section), &[option]);
    lines.split_once('\n').map_or_else(String::new, |(_, lines)| lines.to_owned())
}

fn select_all(printed: &str, section: &Section) -> String {
    outline::select(printed, &heading(section), &[])
}

fn key_of(key: &str) -> String {
    let is_name = key.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
        && !key.starts_with(|c: char| c.is_ascii_digit());
    if is_name { key.to_owned() } else { format!("[{}]", quoted(key)) }
}

fn render(node: &Node, indent: usize) -> String {
    match &node.value {
        Value::Text(text) if matches!(text.as_str(), "true" | "false") => text.clone(),
        Value::Text(text) => quoted(text),
        Value::Table(table) => {
            let space = " ".repeat(indent + 4);
            let items = table.items.iter().map(|item| format!("{space}{};\n", render(item, indent + 4)));
            let keys = table
                .keys
                .iter()
                .map(|(key, node)| format!("{space}{} = {};\n", key_of(key), render(node, indent + 4)));
            format!("{{\n{}{}}}", items.chain(keys).collect::<String>(), " ".repeat(indent))
        }
        Value::Unseen => "…".to_owned(),
    }
}
