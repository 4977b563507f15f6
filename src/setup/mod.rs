//! The server's side for a configuration: the texts in `config/` with its names in place of example.org's, whole or in
//! parts. Knows nothing of what a server makes of them, nor who wants them.

mod outline;

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, Server, Support};
use crate::model::domain;

const PROSODY: &str = include_str!("../../config/prosody/prosody.cfg.lua");
const EJABBERD: &str = include_str!("../../config/ejabberd/ejabberd.yml");

/// Placeholders say what belongs there. No server takes one for what it stands for.
const HIDDEN: &str = "<component.secret of the relay's configuration; --show-secret prints it>";
const NO_HOST: &str = "<the host of your users; add it to muc.hand_over_from>";
const NO_UNIX: &str = "<Prosody takes components on TCP ports only; set component.server to 127.0.0.1:5347>";

/// The make of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// Prosody 0.12 and 13.
    Prosody,
    /// ejabberd from 23.01 on.
    Ejabberd,
}

/// The first two numbers of a version, such as year and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

impl Version {
    /// The last that cannot have IQs in users' names.
    pub(crate) const BEFORE_IQ: Self = Self(24, 9);

    /// Of a text such as `23.01`, or one that ends with it; `None` if it has no two numbers.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        Some(Self(numbers.next()?, numbers.next()?))
    }
}

/// What a server can lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// All that makes privileges (XEP-0356) work on a host of users.
    Privileges(&'a str),
    /// What is granted on a host of users, where privileges work.
    Grants(&'a str),
    /// The relay's own rights in the rooms of a MUC service.
    Rights(&'a str),
    /// The module that hands over the invitations of a MUC service.
    HandOver(&'a str),
    /// Where the relay connects, and nobody else.
    Listener,
}

/// What differs from one configuration to the next.
#[derive(Debug)]
pub struct Setup {
    component: String,
    services: Vec<String>,
    /// Where users have their accounts, as far as the configuration tells.
    hosts: Vec<String>,
    /// Where they may have some: the domains above MUC services. A section for a host that is not there would make one.
    guesses: Vec<String>,
    /// `None`: it is not shown.
    secret: Option<SecretString>,
    server: Server,
    /// What only `relay.support = "ask"` needs is in it.
    asks: bool,
}

impl Setup {
    /// For this configuration.
    #[must_use]
    pub fn new(config: &Config, show_secret: bool) -> Self {
        let Config { component, muc, .. } = config;
        let all = config.own_hosts();
        let above = component.jid.split_once('.').map(|(_, parent)| parent);
        let (mut hosts, guesses): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|host| !muc.services.contains(host))
            .partition(|host| above == Some(host.as_str()) || muc.hand_over_from.contains(host));
        if hosts.is_empty() && guesses.is_empty() {
            hosts.push(NO_HOST.to_owned());
        }
        let as_written = |domain: &String| config.as_written(domain);
        Self {
            component: as_written(&component.jid),
            services: muc.services.iter().map(as_written).collect(),
            hosts: hosts.iter().map(as_written).collect(),
            guesses: guesses.iter().map(as_written).collect(),
            secret: show_secret.then(|| component.secret.clone()),
            server: component.server.clone(),
            asks: config.relay.support == Support::Ask,
        }
    }

    /// All of it. Without a version it is what the newest knows.
    #[must_use]
    pub fn whole(&self, make: Make, version: Option<Version>) -> String {
        self.text(make, version, Guesses::AsComments)
    }

    fn text(&self, make: Make, version: Option<Version>, guesses: Guesses) -> String {
        let text = match make {
            Make::Prosody => prosody(self, guesses),
            Make::Ejabberd => ejabberd(self, version),
        };
        if self.asks { text } else { without_next(&text, "Only with relay.support") }
    }

    /// A host or a service as the configuration spells it.
    fn as_written<'a>(&'a self, domain: &'a str) -> &'a str {
        let mut all = self.hosts.iter().chain(&self.services);
        let is_it = |written: &&String| domain::canonical(written).is_ok_and(|canonical| canonical == domain);
        all.find(is_it).map_or(domain, String::as_str)
    }

    fn secret(&self) -> &str {
        self.secret.as_ref().map_or(HIDDEN, ExposeSecret::expose_secret)
    }

    /// What mends a lack, each line under the name of its section.
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

/// What becomes of hosts that may not be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guesses {
    AsComments,
    /// It is known which ones are there.
    AsSections,
}

fn prosody(names: &Setup, guesses: Guesses) -> String {
    let (address, port) = match &names.server {
        Server::Tcp(server) => listener(server),
        Server::Unix(_) => (NO_UNIX.to_owned(), "5347".to_owned()),
    };
    let mut values = vec![
        (r#""invites.example.org""#, lua(&names.component)),
        (r#""change me""#, lua(names.secret())),
        (r#""127.0.0.1""#, lua(&address)),
        ("5347", port),
    ];
    let mut blocks = Vec::new();
    let hosts: Vec<_> = names.hosts.iter().chain(&names.guesses).collect();
    let services: Vec<_> = names.services.iter().collect();
    for block in blocks_of(PROSODY) {
        if block.contains("component_ports") && is_prosodys_own(&names.server) {
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
                    let unsure = guesses == Guesses::AsComments && names.guesses.contains(name);
                    blocks.push(if unsure { commented(name, &section) } else { section });
                    values.pop();
                }
            }
        }
    }
    blocks.join("\n\n") + "\n"
}

/// A section that would make a host if there were none of that name.
fn commented(host: &str, section: &str) -> String {
    let mut comment = format!("-- Only if {host} is a host of your users, without the dashes in front:");
    for line in section.lines() {
        comment.push_str(if line.is_empty() { "\n--" } else { "\n-- " });
        comment.push_str(line);
    }
    comment
}

/// Where Prosody takes components without being told.
fn is_prosodys_own(server: &Server) -> bool {
    matches!(server, Server::Tcp(address) if ["127.0.0.1:5347", "localhost:5347", "[::1]:5347"].contains(&address.as_str()))
}

fn ejabberd(names: &Setup, version: Option<Version>) -> String {
    let (address, port) = match &names.server {
        Server::Tcp(server) => listener(server),
        Server::Unix(path) => ("127.0.0.1".to_owned(), yaml(&format!("unix:{}", path.display()))),
    };
    let values = [
        (r#""invites.example.org""#, yaml(&names.component)),
        (r#""^invites[.]example[.]org$""#, yaml(&format!("^{}$", literally(&names.component)))),
        (r#""change me""#, yaml(names.secret())),
        (r#""127.0.0.1""#, yaml(&address)),
        ("5347", port),
    ];
    let too_old = version.is_some_and(|version| version <= Version::BEFORE_IQ);
    let blocks: Vec<_> = blocks_of(EJABBERD)
        .filter(|block| !(too_old && block.contains("From ejabberd 24.10 on")))
        .map(|block| filled(block, &values))
        .collect();
    blocks.join("\n\n") + "\n"
}

/// The blocks of a text, between empty lines, without the one that leads here.
fn blocks_of(template: &str) -> impl Iterator<Item = &str> {
    template.trim_end().split("\n\n").filter(|block| !block.contains("muc-invite-relay setup"))
}

/// Where the server is to listen: the address and the port.
fn listener(server: &str) -> (String, String) {
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "5347"));
    let host = host.trim_matches(['[', ']']);
    let address = match host {
        "localhost" => "127.0.0.1".to_owned(),
        _ if host.parse::<IpAddr>().is_ok() => host.to_owned(),
        _ => format!("<the IP address of {host} that the relay reaches>"),
    };
    (address, port.to_owned())
}

/// Without the comments with this text, and the line below each.
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

/// Puts values in place of placeholders, in one pass: what a value says is never taken for a placeholder.
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
fn lua(text: &str) -> String {
    quoted(text, |c| {
        let bytes: Vec<_> = c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\{byte:03}")).collect();
        bytes.concat()
    })
}

/// A string of YAML.
fn yaml(text: &str) -> String {
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
