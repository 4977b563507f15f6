//! The configuration: one TOML file, then the environment on top of it; typed, bounded, every complaint with its remedy.
//! Knows nothing of what is done with it.
//!
//! `config/muc-invite-relay.toml` explains every key to operators; it is embedded as [`REFERENCE`].

mod document;
mod error;
mod hosts;
mod reload;
mod sections;
mod values;

pub use error::{Complaint, ConfigError};
pub use reload::{Changes, FIXED, Live};

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jid::BareJid;
use secrecy::SecretString;

use crate::model::domain;

/// The file that is read when none is named.
pub const DEFAULT_PATH: &str = "/etc/muc-invite-relay/config.toml";

/// The annotated reference: every key, what it does, its default, when to change it.
pub const REFERENCE: &str = include_str!("../../config/muc-invite-relay.toml");

/// The whole configuration. It is only made by [`Config::load`] and [`Config::from_toml`], so it is always valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// The connection to the server.
    pub component: Component,
    /// The rooms that are believed.
    pub muc: Muc,
    /// What becomes of invitations.
    pub relay: Relay,
    /// How many invitations are too many.
    pub limits: Limits,
    /// What is remembered, and for how long.
    pub journal: Journal,
    /// Relay addresses that stand for several people: a localpart on the component, and who is meant.
    pub groups: BTreeMap<String, Vec<BareJid>>,
    /// Who may give the relay orders.
    pub admins: Admins,
    /// What is written to the log.
    pub log: Log,
    /// What a monitoring system reads.
    pub metrics: Metrics,
    /// The keys that were set.
    set: reload::Keys,
}

/// `[component]`: the connection to the server (XEP-0114).
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's domain, in its canonical form.
    pub jid: String,
    /// The same in the labels that were written: the server may know no others.
    pub written: String,
    /// What the handshake proves to know.
    pub secret: SecretString,
    /// The file that the secret was read from; `None` if it came from the environment.
    pub secret_in: Option<PathBuf>,
    /// Where the server listens for components: on this machine, unless `component.allow_remote_cleartext` is true.
    pub server: Server,
}

/// Where the server listens for components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// `host:port` or `[IPv6]:port`.
    Tcp(String),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl Server {
    /// Whether nothing of the connection leaves this machine: a Unix socket, `localhost` or a loopback address.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        let Self::Tcp(address) = self else { return true };
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || literal.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `[muc]`: the rooms that are believed.
#[derive(Debug, Clone)]
pub struct Muc {
    /// MUC services whose rooms are believed: at least one, bare domains, none of them the component itself.
    pub services: Vec<String>,
    /// What to do for a contact who is not a member of a members-only room.
    pub membership: Membership,
    /// Hosts beside the services that may hand over invitations: bare domains.
    pub hand_over_from: Vec<String>,
    /// Both in the labels that were written: the server may know no others.
    pub written: Vec<String>,
}

/// What to do for a contact who is not a member of a members-only room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Make them one, if the inviter may.
    Add,
    /// Refuse the invitation.
    Require,
    /// Relay the invitation all the same.
    Ignore,
}

/// `[relay]`: what becomes of invitations.
#[derive(Debug, Clone)]
pub struct Relay {
    /// A contact gets one invitation to a room in this time; 1 s to 3650 days.
    pub window: Duration,
    /// An invitation that can't be delivered in this time is given up; 1 s to 3650 days.
    pub expiry: Duration,
    /// What to do with an inviter who is not in the contact's roster.
    pub strangers: Strangers,
    /// What to do with a room or an inviter who looks like another one that the contact knows.
    pub mimicry: Mimicry,
    /// Whether to find out that a contact's clients can't show direct invitations.
    pub support: Support,
    /// A longer reason is cut; characters, 0 to 10 000.
    pub max_reason: usize,
    /// Whether a room's password goes with the invitation.
    pub passwords: Passwords,
    /// The archive hint (XEP-0334) that goes with the invitation.
    pub archive: Archive,
}

/// What to do with an inviter who is not in the contact's roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// Relay their invitations as all others.
    #[default]
    Relay,
    /// Refuse them.
    Refuse,
}

/// What to do with a room or an inviter who looks like another one that the contact knows (XEP-0165).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mimicry {
    /// Refuse the invitation.
    Refuse,
    /// Relay it, with a warning in the log.
    #[default]
    Warn,
    /// Relay it, and don't look.
    Off,
}

/// Whether to find out that a contact's clients can't show direct invitations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Support {
    /// They can.
    #[default]
    Assume,
    /// Ask those that are online, where the server tells which these are (XEP-0356).
    Ask,
}

/// Whether a room's password goes with the invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passwords {
    /// It does.
    Relay,
    /// It does not.
    Strip,
}

/// The archive hint (XEP-0334) that goes with the invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// The one that suits the server.
    Auto,
    /// `<store/>`.
    Store,
    /// `<no-store/>`.
    NoStore,
    /// No hint.
    None,
}

/// `[limits]`: how many invitations are too many.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From one inviter.
    pub per_inviter: Rate,
    /// From all inviters of one domain.
    pub per_domain: Rate,
    /// To one contact.
    pub per_contact: Rate,
    /// From one room.
    pub per_room: Rate,
    /// Contacts that one invitation to a relay address reaches at most; 1 to 100 000.
    pub max_recipients: u32,
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many; 1 to 1 000 000.
    pub count: u32,
    /// In which time; 1 s to 3650 days.
    pub per: Duration,
}

/// `[journal]`: what is remembered, and for how long.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The database file.
    pub path: PathBuf,
    /// How far back `history` goes; 1 s to 3650 days.
    pub retention: Duration,
}

/// `[admins]`: who may give the relay orders.
#[derive(Debug, Clone)]
pub struct Admins {
    /// Their bare JIDs.
    pub jids: Vec<BareJid>,
}

/// `[log]`: what is written to the log.
#[derive(Debug, Clone)]
pub struct Log {
    /// A level, or directives such as `info,muc_invite_relay::link=debug`.
    pub level: String,
    /// The form.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people, on standard error.
    Text,
    /// One JSON object a line, on standard error.
    Json,
    /// To systemd's journal, with fields.
    Journald,
}

/// `[metrics]`: what a monitoring system reads.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Where they are served; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Whether the page names people and rooms.
    pub show_people: bool,
}

impl Config {
    /// Reads the file and then the environment. Without an explicit file it is [`DEFAULT_PATH`], which may be absent
    /// when the environment holds the configuration.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] for the file, [`ConfigError::Invalid`] for what stands in it or in the environment.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = document::environment()?;
        let path = explicit.unwrap_or(Path::new(DEFAULT_PATH));
        match std::fs::read_to_string(path) {
            Ok(text) => sections::read(&text, Some(path), environment.into_iter()),
            Err(e) if e.kind() == ErrorKind::NotFound && explicit.is_none() && !environment.is_empty() => {
                sections::read("", None, environment.into_iter())
            }
            Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// Reads a file's text and then variables: the `MUC_INVITE_RELAY__SECTION__KEY` among `env`, others are left alone.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], with all that is wrong.
    pub fn from_toml(text: &str, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        sections::read(text, None, env)
    }

    /// A domain as the configuration spells it, where it or one below it stands there: in A-labels or U-labels.
    #[must_use]
    pub fn as_written(&self, domain: &str) -> String {
        let written = std::iter::once(&self.component.written).chain(&self.muc.written).map(String::as_str);
        let mut all = written.clone().chain(written.filter_map(|it| Some(it.split_once('.')?.1)));
        let is_it = |written: &&str| domain::canonical(written).is_ok_and(|canonical| canonical == domain);
        all.find(is_it).unwrap_or(domain).to_owned()
    }

    /// What is valid and still deserves a warning when the relay starts.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let server = &self.component.server;
        let cleartext = (!server.is_on_this_machine()).then(|| {
            format!(
                "component.server = \"{server}\" is not on this machine: everybody who can listen between the two reads the \
                 rooms' passwords and can take the relay's place"
            )
        });
        let open = self.metrics.listen.filter(|listen| !listen.ip().to_canonical().is_loopback()).map(|listen| {
            let seen = if self.metrics.show_people { "who invites whom" } else { "the metrics and the page" };
            format!(
                "metrics.listen = \"{listen}\" is not a loopback address: everybody who reaches it sees {seen}, without a \
                 password. Let a firewall or a proxy keep others away"
            )
        });
        cleartext.into_iter().chain(open).collect()
    }

    /// Every key there is, as `section.key`; `groups.*` stands for the names that operators choose.
    #[must_use]
    pub fn keys() -> Vec<String> {
        sections::keys()
    }
}
