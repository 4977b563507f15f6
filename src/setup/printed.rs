//! The server's side for a configuration: the texts of `config/` with its names in place of the examples, whole or in parts.
//! Knows nothing of what servers do with them, nor of who asks.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use super::cluster::Cluster;
use super::outline;
use crate::config::{Config, Server, Support};
use crate::model::domain;

const PROSODY: &str = include_str!("../../config/prosody/prosody.cfg.lua");
const EJABBERD: &str = include_str!("../../config/ejabberd/ejabberd.yml");

/// Placeholders for values that are hidden or unknown. They say what belongs there, and no server accepts them as a value.
const HIDDEN_SECRET: &str = "<component.secret of the relay's configuration; --show-secret prints it>";
const UNKNOWN_USERS_HOST: &str = "<the host of your users; add it to muc.hand_over_from>";

/// Why a Unix socket is none of Prosody's.
pub(super) const ONLY_TCP: &str = "Prosody takes components on TCP ports only";

/// The make of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// Prosody 0.12 and 13.
    Prosody,
    /// ejabberd from 23.01 on.
    Ejabberd,
}

/// The first two numbers of a server's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub(super) u32, pub(super) u32);

impl Version {
    /// The last version of ejabberd that can't grant IQs in users' names.
    pub(crate) const LAST_WITHOUT_PRIVILEGED_IQ: Self = Self(24, 9);

    /// Reads a text such as `23.01` or `ejabberd 23.01`; `None` if it has no two numbers.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        Some(Self(numbers.next()?, numbers.next()?))
    }
}

impl fmt::Display for Version {
    /// As both makes write it: the second number has two digits only in ejabberd's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, second) = self;
        if *first < 17 { write!(f, "{first}.{second}") } else { write!(f, "{first}.{second:02}") }
    }
}

/// A part of the server's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// All that makes privileges (XEP-0356) work on a host of users.
    Privileges(&'a str),
    /// What is granted on a host of users, where privileges work already.
    Grants(&'a str),
    /// The relay's own rights in the rooms of a MUC service.
    Rights(&'a str),
    /// The module that hands over the invitations of a MUC service.
    HandOver(&'a str),
    /// The listener to which only the relay connects.
    Listener,
}

/// The values of a configuration that the texts need.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(super) component: String,
    pub(super) services: Vec<String>,
    /// The hosts of users that the configuration names: `muc.hand_over_from`.
    pub(super) hosts: Vec<String>,
    /// Domains that may be hosts of users: those above the component and the MUC services. A section for a host that does not
    /// exist would create it.
    pub(super) possible_hosts: Vec<String>,
    pub(super) secret: SecretString,
    pub(super) shows_secret: bool,
    pub(super) server: Server,
    /// If the server has several nodes.
    pub(super) cluster: Option<Cluster>,
    /// Whether `relay.support` is `ask`, which needs more permissions.
    pub(super) asks: bool,
}

impl Setup {
    /// For this configuration.
    #[must_use]
    pub fn new(config: &Config, show_secret: bool) -> Self {
        let Config { component, muc, .. } = config;
        let all = config.own_hosts();
        let (mut hosts, guesses): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|host| !muc.services.contains(host))
            .partition(|host| muc.hand_over_from.contains(host));
        if hosts.is_empty() && guesses.is_empty() {
            hosts.push(UNKNOWN_USERS_HOST.to_owned());
        }
        let as_written = |domain: &String| config.as_written(domain);
        Self {
            component: as_written(&component.jid),
            services: muc.services.iter().map(as_written).collect(),
            hosts: hosts.iter().map(as_written).collect(),
            possible_hosts: guesses.iter().map(as_written).collect(),
            secret: component.secret.clone(),
            shows_secret: show_secret,
            server: component.server.clone(),
            cluster: Cluster::of(config, |server| {
                let (address, port) = ejabberds_listener(server);
                format!("{{port: {port}, ip: {}}}", yaml(&address))
            }),
            asks: config.relay.support == Support::Ask,
        }
    }

    /// The whole server's side, for this version or the newest one.
    #[must_use]
    pub fn whole(&self, make: Make, version: Option<Version>) -> String {
        let mut text = self.text(make, version, Guesses::AsComments);
        if let (Make::Ejabberd, Some(cluster)) = (make, &self.cluster) {
            text = format!("{text}\n{cluster}");
        }
        text
    }

    /// Whom an access rule of ejabberd has to admit that is about all addresses of the component, not the component alone.
    pub(crate) fn addresses_in_ejabberd(&self) -> String {
        format!("{{server: {}}}", yaml(&self.component))
    }

    pub(super) fn text(&self, make: Make, version: Option<Version>, guesses: Guesses) -> String {
        let text = match make {
            Make::Prosody => prosody(self, guesses),
            Make::Ejabberd => ejabberd(self, version),
        };
        if self.asks { text } else { without_next(&text, "Only with relay.support") }
    }

    /// A host or a service in the labels of the configuration.
    fn as_written<'a>(&'a self, domain: &'a str) -> &'a str {
        let mut all = self.hosts.iter().chain(&self.possible_hosts).chain(&self.services);
        let is_it = |written: &&String| domain::canonical(written).is_ok_and(|canonical| canonical == domain);
        all.find(is_it).map_or(domain, String::as_str)
    }

    fn secret(&self) -> &str {
        if self.shows_secret { self.secret.expose_secret() } else { HIDDEN_SECRET }
    }

    /// The lines of one part, each with the heading of its section.
    #[must_use]
    pub fn part(&self, make: Make, version: Option<Version>, part: Part) -> String {
        let text = self.text(make, version, Guesses::AsSections);
        let select = |section: &str, keys: &[&str]| outline::select(&text, section, keys);
        match make {
            Make::Prosody => {
                let host = |host| select(&format!("VirtualHost {}", lua(self.as_written(host))), &[]);
                let service = |service, keys: &[&str]| {
                    select(&format!(r#"Component {} "muc""#, lua(self.as_written(service))), keys)
                };
                let relay = format!("Component {}", lua(&self.component));
                match part {
                    Part::Privileges(it) => host(it) + &select(&relay, &["modules_enabled"]),
                    Part::Grants(it) => host(it),
                    Part::Rights(it) => service(it, &["admins", "component_admins_as_room_owners"]),
                    Part::HandOver(it) => service(it, &["modules_enabled", "muc_invite_relay"]),
                    Part::Listener => select(&relay, &[]),
                }
            }
            Make::Ejabberd => {
                let rule = |rule| select("acl:", &["invite_relay"]) + &select("access_rules:", &[rule]);
                let module = |module| select("modules:", &[module]);
                match part {
                    Part::Privileges(_) => rule("invite_relay") + &module("mod_privilege"),
                    Part::Grants(_) => module("mod_privilege"),
                    Part::Rights(_) => rule("muc_admin") + &module("mod_muc"),
                    Part::HandOver(_) => module("mod_muc_invite_relay"),
                    Part::Listener => select("listen:", &[]),
                }
            }
        }
    }
}

/// How sections of hosts that may not exist are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Guesses {
    AsComments,
    /// For hosts that are known to exist.
    AsSections,
}

fn prosody(names: &Setup, guesses: Guesses) -> String {
    let (address, port) = match &names.server {
        Server::Tcp(server) => listener(server),
        Server::Unix(_) => {
            (format!("<{ONLY_TCP}; set component.server to 127.0.0.1:5347>"), "5347".to_owned())
        }
    };
    let mut values = vec![
        (r#""invites.example.org""#, lua(&names.component)),
        (r#""change me""#, lua(names.secret())),
        (r#""127.0.0.1""#, lua(&address)),
        ("5347", port),
    ];
    let mut blocks = Vec::new();
    let hosts: Vec<_> = names.hosts.iter().chain(&names.possible_hosts).collect();
    let services: Vec<_> = names.services.iter().collect();
    for block in blocks_of(PROSODY) {
        if block.contains("component_ports") && is_prosodys_default(&names.server) {
            continue;
        }
        // A host has a section of its own, and so has a MUC service.
        let several = [(r#""example.org""#, &hosts), (r#""conference.example.org""#, &services)];
        match several.into_iter().find(|(placeholder, _)| block.contains(placeholder)) {
            None => blocks.push(filled(block, &values)),
            Some((placeholder, several)) => {
                for name in several {
                    values.push((placeholder, lua(name)));
                    let section = filled(block, &values);
                    let unsure = guesses == Guesses::AsComments && names.possible_hosts.contains(name);
                    blocks.push(if unsure { commented(name, &section) } else { section });
                    values.pop();
                }
            }
        }
    }
    blocks.join("\n\n") + "\n"
}

/// A section as a comment, because it would create the host if there were none of that name.
fn commented(host: &str, section: &str) -> String {
    let mut comment = format!(
        "-- Only if {host} is a host of your users, without the dashes in front: muc.hand_over_from of the\n-- relay's \
         configuration does not name it, and this would create a host of that name."
    );
    for line in section.lines() {
        comment.push_str(if line.is_empty() { "\n--" } else { "\n-- " });
        comment.push_str(line);
    }
    comment
}

/// Whether Prosody listens there for components by default.
fn is_prosodys_default(server: &Server) -> bool {
    matches!(server, Server::Tcp(address) if ["127.0.0.1:5347", "localhost:5347", "[::1]:5347"].contains(&address.as_str()))
}

fn ejabberd(names: &Setup, version: Option<Version>) -> String {
    let (address, port) = ejabberds_listener(&names.server);
    let values = [
        (r#""invites.example.org""#, yaml(&names.component)),
        (r#""^invites[.]example[.]org$""#, yaml(&format!("^{}$", literally(&names.component)))),
        (r#""change me""#, yaml(names.secret())),
        (r#""127.0.0.1""#, yaml(&address)),
        ("5347", port),
    ];
    let too_old = version.is_some_and(|version| version <= Version::LAST_WITHOUT_PRIVILEGED_IQ);
    let blocks: Vec<_> = blocks_of(EJABBERD)
        .filter(|block| !(too_old && block.contains("From ejabberd 24.10 on")))
        .map(|block| filled(block, &values))
        .collect();
    blocks.join("\n\n") + "\n"
}

/// The address and the port of ejabberd's listener there.
fn ejabberds_listener(server: &Server) -> (String, String) {
    match server {
        Server::Tcp(server) => listener(server),
        Server::Unix(path) => ("127.0.0.1".to_owned(), yaml(&format!("unix:{}", path.display()))),
    }
}

/// The blocks of a text, between empty lines, without the introduction, which names this command.
fn blocks_of(template: &str) -> impl Iterator<Item = &str> {
    template.trim_end().split("\n\n").filter(|block| !block.contains("muc-invite-relay setup"))
}

/// The address and the port on which the server has to listen.
pub(super) fn listener(server: &str) -> (String, String) {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "5347"));
    let host = host.trim_matches(['[', ']']);
    let address = match host {
        "localhost" => "127.0.0.1".to_owned(),
        _ if host.parse::<IpAddr>().is_ok() => host.to_owned(),
        _ => format!("<the IP address of {host} that the relay reaches>"),
    };
    (address, port.to_owned())
}

/// The text without the comments that contain `comment`, and without the line below each of them.
fn without_next(text: &str, comment: &str) -> String {
    let mut lines = text.lines();
    let mut kept = String::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if line.contains(comment) {
            lines.next();
        } else {
            kept.extend([line, "\n"]);
        }
    }
    kept
}

/// Replaces placeholders by values, in one pass, so that a value is never taken for a placeholder.
fn filled(mut text: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    while let Some((at, placeholder, value)) = values
        .iter()
        .filter_map(|(placeholder, value)| Some((text.find(placeholder)?, placeholder, value)))
        .min_by_key(|(at, ..)| *at)
    {
        filled.push_str(&text[..at]);
        filled.push_str(value);
        text = &text[at + placeholder.len()..];
    }
    filled + text
}

/// A regular expression that matches this domain.
fn literally(domain: &str) -> String {
    domain.replace('.', "[.]")
}

/// A string of Lua 5.1 and later.
pub(super) fn lua(text: &str) -> String {
    quoted(text, |c| {
        let bytes: Vec<_> = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03}")).collect();
        bytes.concat()
    })
}

/// A string of YAML.
pub(super) fn yaml(text: &str) -> String {
    quoted(text, |c| format!("\\U{:08x}", u32::from(c)))
}

fn quoted(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' ' => quoted.push(c),
            _ if c.is_alphanumeric() || c.is_ascii_graphic() => quoted.push(c),
            _ => quoted.push_str(&escape(c)),
        }
    }
    quoted + "\""
}
