//! Compares ejabberd's configuration with what `setup` prints, option by option, for each of its hosts. Knows nothing of how
//! YAML is read.

use std::path::Path;

use super::gap::{Gap, ReadError};
use super::tree::{Node, Place, Table, Value, same};
use super::yaml;
use crate::setup::outline;
use crate::setup::printed::{Guesses, Make, Setup, Version, yaml as quoted};

/// What the printed text calls the relay's access rule and its rule for administrators of rooms.
const OUR_RULE: &str = "invite_relay";
const ADMINS_RULE: &str = "muc_admin";

/// Options of ejabberd's modules that name access rules, by the permission that they give.
const PERMISSIONS: [&str; 6] = ["outgoing", "get", "set", "both", "managed_entity", "access_admin"];

pub(super) fn missing(
    setup: &Setup,
    version: Option<Version>,
    file: &Path,
) -> Result<(Vec<Gap>, Vec<String>), ReadError> {
    let mut unseen = Vec::new();
    let existing = yaml::read(file, &mut unseen)?;
    let with_secret = Setup { shows_secret: true, ..setup.clone() };
    let text = with_secret.text(Make::Ejabberd, version, Guesses::AsSections);
    let wanted = yaml::read_text(&text, Path::new("setup"))?;
    let printed = setup.text(Make::Ejabberd, version, Guesses::AsSections);
    let mut comparison = Comparison {
        setup,
        existing: &existing,
        wanted: &wanted,
        printed: &printed,
        file: Place::file(file),
        gaps: Vec::new(),
        unseen,
        needs_acl: false,
        needs_rule: false,
    };
    comparison.listener();
    comparison.modules();
    comparison.rules();
    Ok((comparison.gaps, comparison.unseen))
}

struct Comparison<'a> {
    setup: &'a Setup,
    existing: &'a Node,
    wanted: &'a Node,
    /// What `setup` prints, with the secret only on demand.
    printed: &'a str,
    file: Place,
    gaps: Vec<Gap>,
    unseen: Vec<String>,
    /// Whether something that is to be added names `acl: invite_relay`, or `access_rules: invite_relay`.
    needs_acl: bool,
    needs_rule: bool,
}

/// Modules as one host has them, and where others are added.
struct Modules<'a> {
    section: String,
    place: Place,
    tables: Vec<&'a Table>,
}

impl Modules<'_> {
    fn get(&self, module: &str) -> Option<&Node> {
        self.tables.iter().rev().find_map(|table| table.get(module))
    }
}

impl Comparison<'_> {
    fn add(&mut self, instruction: String, lines: String) {
        let gap = Gap { instruction, lines };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// The section's place, or the file's if it is not there.
    fn place_of(&self, section: &str) -> Place {
        self.existing.get(section).map_or_else(|| self.file.clone(), |node| node.place.clone())
    }

    fn listener(&mut self) {
        let component = &self.setup.component;
        let Some(wanted) = self.wanted.get("listen").and_then(|listen| listen.items().first()) else {
            return;
        };
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        let listeners = self.existing.get("listen").map(Node::items).unwrap_or_default();
        let services =
            listeners.iter().filter(|it| text(it, "module").as_deref() == Some("ejabberd_service"));
        let ours =
            services.clone().find(|it| it.get("hosts").is_some_and(|hosts| hosts.get(component).is_some()));
        let port = text(wanted, "port").unwrap_or_default();
        let Some(ours) = ours else {
            if let Some(open) =
                services.clone().find(|it| it.get("hosts").is_none() && it.get("password").is_some())
            {
                self.unseen.push(format!(
                    "{}: a listener without `hosts`, which takes any component that knows its password",
                    open.place
                ));
            }
            let lines = outline::select(self.printed, "listen:", &[]);
            self.add(format!("{}, in `listen:`: add", self.place_of("listen")), without_heading(&lines));
            return;
        };
        let place = &ours.place;
        if let Some(there) = text(ours, "port").filter(|there| *there != port) {
            self.add(
                format!(
                    "{place}, in `listen:`: {component} is on port {there}, and component.server of the relay's configuration \
                     names {port}: make them equal"
                ),
                String::new(),
            );
        }
        let hosts = ours.get("hosts");
        let password = |node: Option<&Node>| {
            node.and_then(|hosts| hosts.get(component)).and_then(|host| text(host, "password"))
        };
        if password(hosts) != password(wanted.get("hosts")) {
            self.add(
                format!(
                    "{place}, in `listen:`: the password of {component} is not component.secret of the relay's configuration: \
                     make them equal"
                ),
                String::new(),
            );
        }
        let routes_itself =
            text(ours, "global_routes").is_some_and(|it| matches!(it.as_str(), "false" | "no" | "off"));
        if hosts.is_some_and(|hosts| hosts.keys().len() > 1) && !routes_itself {
            self.add(
                format!("{place}, to the listener with {component} and others under `hosts`: add"),
                "    global_routes: false\n".to_owned(),
            );
        }
    }

    /// The modules of each host of users that is there, by what the relay's configuration tells of them; else of all hosts.
    fn hosts_modules(&self) -> Vec<Modules<'_>> {
        let section = |name: &str| self.existing.get(name);
        let global = section("modules").and_then(Node::table);
        let known: Vec<&String> = self.setup.hosts.iter().chain(&self.setup.possible_hosts).collect();
        let all: Vec<&str> =
            section("hosts").map(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
        let ours: Vec<&str> =
            all.iter().copied().filter(|host| known.iter().any(|it| same(it, host))).collect();
        let hosts = if ours.is_empty() { all } else { ours };
        let of_host = |host: &&str| {
            let of =
                |name: &str| section(name).and_then(|hosts| hosts.get(host)).and_then(|it| it.get("modules"));
            let (replaced, appended) = (of("host_config"), of("append_host_config"));
            let (section, place) = match replaced {
                Some(node) => (format!("`host_config:`, `{host}:`, `modules:`"), node.place.clone()),
                None => ("`modules:`".to_owned(), self.place_of("modules")),
            };
            let tables = replaced.and_then(Node::table).or(global).into_iter();
            let tables = tables.chain(appended.and_then(Node::table)).collect();
            Modules { section, place, tables }
        };
        if hosts.is_empty() {
            let (section, place) = ("`modules:`".to_owned(), self.place_of("modules"));
            return vec![Modules { section, place, tables: global.into_iter().collect() }];
        }
        hosts.iter().map(of_host).collect()
    }

    fn modules(&mut self) {
        let wanted: Vec<(String, Node)> =
            self.wanted.get("modules").map(Node::keys).unwrap_or_default().to_vec();
        let found: Vec<(String, Place, Vec<Table>)> = self
            .hosts_modules()
            .into_iter()
            .map(|it| (it.section, it.place, it.tables.into_iter().cloned().collect()))
            .collect();
        for (section, place, tables) in found {
            let modules =
                Modules { section: section.clone(), place: place.clone(), tables: tables.iter().collect() };
            for (module, node) in &wanted {
                match modules.get(module) {
                    Some(there) if there.is_unseen() => {
                        self.unseen.push(format!("{}: {module}, which is computed", there.place));
                    }
                    Some(there) => self.options(&format!("{section}, `{module}:`"), node, there),
                    None => {
                        self.needs(node);
                        let lines = outline::select(self.printed, "modules:", &[module]);
                        self.add(format!("{place}, in {section}: add"), without_heading(&lines));
                    }
                }
            }
        }
    }

    /// Notes which rules a value names that is to be added.
    fn needs(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) if text == OUR_RULE => self.needs_rule = true,
            Value::Text(text) if text == ADMINS_RULE => {
                self.admins_rule(ADMINS_RULE, &self.place_of("modules"));
            }
            Value::Table(table) => {
                let (items, keys) = (table.items.clone(), table.keys.clone());
                items.iter().chain(keys.iter().map(|(_, node)| node)).for_each(|node| self.needs(node));
            }
            _ => {}
        }
    }

    fn options(&mut self, section: &str, wanted: &Node, there: &Node) {
        let mut lines = String::new();
        for (key, node) in wanted.keys() {
            let found = there.get(key).or_else(|| there.get("both").filter(|_| key == "get"));
            match found {
                Some(found) if found.is_unseen() => {
                    self.unseen.push(format!("{}: {key}, which is computed", found.place));
                }
                Some(found) if key == "access_admin" => self.access_admin(section, found),
                Some(found) if PERMISSIONS.contains(&key.as_str()) => self.permission(section, key, found),
                Some(found) if node.table().is_some() => {
                    self.options(&format!("{section}, `{key}:`"), node, found);
                }
                Some(found) if found.text().is_some_and(|it| same(it, node.text().unwrap_or_default())) => {}
                Some(found) => {
                    let value = quoted(node.text().unwrap_or_default());
                    self.add(
                        format!("{}, in {section}: `{key}` has another value, and should be", found.place),
                        format!("    {key}: {value}\n"),
                    );
                }
                None => {
                    self.needs(node);
                    lines.push_str(&render(key, node, 4));
                }
            }
        }
        if !lines.is_empty() {
            self.add(format!("{}, in {section}: add", there.place), lines);
        }
    }

    /// A permission that is given already, by a rule of the operator's.
    fn permission(&mut self, section: &str, key: &str, found: &Node) {
        if !self.admits(found) {
            let rule = found.text().unwrap_or("none with a name").to_owned();
            if rule == OUR_RULE {
                self.needs_rule = true;
                return;
            }
            self.needs_acl = true;
            self.add(
                format!(
                    "{}, in {section}: `{key}` is for the rule {rule}, which does not name {}. In `access_rules:`, `{rule}:`, add",
                    found.place, self.setup.component
                ),
                format!("    - allow: {OUR_RULE}\n"),
            );
        }
    }

    fn access_admin(&mut self, section: &str, found: &Node) {
        if self.admits(found) {
            return;
        }
        if let Some(rule) = found.text() {
            let (rule, place) = (rule.to_owned(), found.place.clone());
            self.admins_rule(&rule, &place);
            return;
        }
        // Running rooms keep a rule without a name, as it was when they were made.
        self.needs_acl = true;
        let mut kept = String::new();
        for (key, node) in entries_of(found).into_iter().flat_map(Node::keys) {
            kept.extend(["    - ", render(key, node, 6).trim_start()]);
        }
        self.add(
            format!("{}, in {section}: in the place of what `access_admin` has there, write", found.place),
            format!("    access_admin: {ADMINS_RULE}\n"),
        );
        self.add(
            format!("{}, in `access_rules:`: add", self.place_of("access_rules")),
            format!("  {ADMINS_RULE}:\n{kept}    - allow: {OUR_RULE}\n"),
        );
    }

    /// The rule for administrators of rooms lets the relay in; else what to add to it.
    fn admins_rule(&mut self, rule: &str, named_at: &Place) {
        let there = self.existing.get("access_rules").and_then(|rules| rules.get(rule)).cloned();
        match there {
            Some(node) if self.admits_by(&node) => {}
            Some(node) => {
                self.needs_acl = true;
                self.add(
                    format!("{}, in `access_rules:`, `{rule}:`: add", node.place),
                    format!("    - allow: {OUR_RULE}\n"),
                );
            }
            None if rule == ADMINS_RULE => {
                self.needs_acl = true;
                let lines = outline::select(self.printed, "access_rules:", &[ADMINS_RULE]);
                self.add(
                    format!("{}, in `access_rules:`: add", self.place_of("access_rules")),
                    without_heading(&lines),
                );
            }
            None => {
                self.unseen.push(format!("{named_at}: the rule {rule}, which stands in no `access_rules`"));
            }
        }
    }

    /// What the added lines name, as far as it is not there.
    fn rules(&mut self) {
        let there = self.existing.get("access_rules").and_then(|rules| rules.get(OUR_RULE)).cloned();
        match there {
            Some(rule) if self.admits_by(&rule) => {}
            Some(rule) if self.needs_rule => {
                self.needs_acl = true;
                self.add(
                    format!("{}, in `access_rules:`, `{OUR_RULE}:`: add", rule.place),
                    format!("    - allow: {OUR_RULE}\n"),
                );
            }
            None if self.needs_rule => {
                self.needs_acl = true;
                let lines = outline::select(self.printed, "access_rules:", &[OUR_RULE]);
                self.add(
                    format!("{}, in `access_rules:`: add", self.place_of("access_rules")),
                    without_heading(&lines),
                );
            }
            _ => {}
        }
        if self.needs_acl && !self.is_us(OUR_RULE) {
            let lines = outline::select(self.printed, "acl:", &[OUR_RULE]);
            self.add(format!("{}, in `acl:`: add", self.place_of("acl")), without_heading(&lines));
        }
    }

    /// Whether a rule, by its name or written in its place, lets the component in.
    fn admits(&self, rule: &Node) -> bool {
        match rule.text() {
            Some("all") => true,
            Some("none") => false,
            Some(name) => match self.existing.get("access_rules").and_then(|rules| rules.get(name)) {
                Some(rule) => self.admits_by(rule),
                None => false,
            },
            None => self.admits_by(rule),
        }
    }

    fn admits_by(&self, rule: &Node) -> bool {
        if let Some(text) = rule.text() {
            return matches!(text, "all" | "allow");
        }
        for (verb, whom) in entries_of(rule).iter().flat_map(|entry| entry.keys()) {
            if self.names_us(whom) {
                return verb == "allow";
            }
        }
        false
    }

    /// Whether an entry of a rule names the component, directly or by the name of an acl.
    fn names_us(&self, whom: &Node) -> bool {
        match &whom.value {
            Value::Text(name) => name == "all" || self.is_us(name),
            Value::Table(table) => {
                table.items.iter().any(|item| self.names_us(item))
                    || table.keys.iter().any(|(key, node)| {
                        if key == "acl" { self.names_us(node) } else { mentions(node, &self.setup.component) }
                    })
            }
            Value::Unseen => true,
        }
    }

    fn is_us(&self, acl: &str) -> bool {
        let acl = self.existing.get("acl").and_then(|acls| acls.get(acl));
        acl.is_some_and(|acl| mentions(acl, &self.setup.component))
    }
}

/// The entries of a rule: a list of mappings, or one mapping.
fn entries_of(rule: &Node) -> Vec<&Node> {
    let items = rule.items();
    if items.is_empty() { vec![rule] } else { items.iter().collect() }
}

/// Whether a domain stands somewhere in a value, also in a regular expression.
fn mentions(node: &Node, domain: &str) -> bool {
    let is_it = |text: &str| {
        let plain: String =
            text.chars().filter(|c| !matches!(c, '\\' | '[' | ']' | '^' | '$' | '(' | ')')).collect();
        same(&plain, domain) || same(text, domain)
    };
    match &node.value {
        Value::Text(text) => is_it(text),
        Value::Table(table) => {
            table.items.iter().any(|item| mentions(item, domain))
                || table.keys.iter().any(|(key, node)| is_it(key) || mentions(node, domain))
        }
        Value::Unseen => true,
    }
}

fn without_heading(lines: &str) -> String {
    lines.split_once('\n').map_or_else(String::new, |(_, lines)| lines.to_owned())
}

fn render(key: &str, node: &Node, indent: usize) -> String {
    let space = " ".repeat(indent);
    match &node.value {
        Value::Text(text) => {
            let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !text.is_empty();
            let text = if plain { text.clone() } else { quoted(text) };
            format!("{space}{key}: {text}\n")
        }
        Value::Table(table) if !table.items.is_empty() => {
            let items = table.items.iter().filter_map(Node::text).map(quoted).collect::<Vec<_>>().join(", ");
            format!("{space}{key}: [{items}]\n")
        }
        Value::Table(table) => {
            let inner: String = table.keys.iter().map(|(key, node)| render(key, node, indent + 2)).collect();
            format!("{space}{key}:\n{inner}")
        }
        Value::Unseen => String::new(),
    }
}
