//! The configuration as the rest of the relay uses it: a struct for each section. Knows nothing of how it is read and checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::slice;
use std::time::Duration;

use jid::BareJid;
use secrecy::SecretString;

use super::digest::Keys;
use super::place::JournalPlace;

/// The whole configuration. Only [`Config::load`] and [`Config::from_toml`] make one, so it is always valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// The connection to the server.
    pub component: Component,
    /// The MUC services whose rooms are believed.
    pub muc: Muc,
    /// What becomes of invitations.
    pub relay: Relay,
    /// How many invitations are accepted in a period.
    pub limits: Limits,
    /// Where the journal is, and how long it keeps invitations.
    pub journal: Journal,
    /// Relay addresses that stand for several people: a localpart on the component, and who is meant.
    pub groups: BTreeMap<String, Vec<BareJid>>,
    /// Who may use the commands for admins.
    pub admins: Admins,
    /// What is written to the log.
    pub log: Log,
    /// What a monitoring system reads.
    pub metrics: Metrics,
    /// The files that were read, in their order; none if it came from the environment or a text.
    pub files: Vec<PathBuf>,
    /// The keys that were set.
    pub(super) set: Keys,
}

/// `[component]`: the connection to the server (XEP-0114).
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's domain, in its canonical form.
    pub jid: String,
    /// The same domain in the labels (A-labels or U-labels) of the file: the server may know it by these only.
    pub written: String,
    /// The secret that the handshake proves to know.
    pub secret: SecretString,
    /// The file that the secret was read from; `None` if it came from the environment.
    pub secret_in: Option<PathBuf>,
    /// Where the server listens for components. It is on this machine unless `component.allow_remote_cleartext` is true.
    pub server: Server,
    /// The same of the further nodes, if the server is a cluster.
    pub other_nodes: Vec<Server>,
}

impl Component {
    /// Where the nodes of the server listen for components: one address for each.
    #[must_use]
    pub fn addresses(&self) -> Vec<Server> {
        [slice::from_ref(&self.server), &self.other_nodes].concat()
    }

    /// The same in one line, for people: `127.0.0.1:5347, 127.0.0.1:5348`.
    #[must_use]
    pub fn shown_addresses(&self) -> String {
        self.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
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

/// `[muc]`: the MUC services whose rooms are believed.
#[derive(Debug, Clone)]
pub struct Muc {
    /// MUC services whose rooms are believed: at least one, bare domains, none of them the component itself.
    pub services: Vec<String>,
    /// What to do for a contact who is not a member of a members-only room.
    pub membership: Membership,
    /// Hosts beside the services that may hand over invitations: bare domains.
    pub hand_over_from: Vec<String>,
    /// The domains of both lists in the labels of the file: the server may know them by these only.
    pub written: Vec<String>,
}

/// What to do for a contact who is not a member of a members-only room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Add them to the member list, if the inviter is allowed to do that.
    Add,
    /// Refuse the invitation.
    Require,
    /// Relay the invitation without adding them.
    Ignore,
}

/// `[relay]`: what becomes of invitations.
#[derive(Debug, Clone)]
pub struct Relay {
    /// A contact gets at most one invitation to a room in this period; 1 s to 3650 days.
    pub window: Duration,
    /// An invitation that can't be delivered in this period expires; 1 s to 3650 days.
    pub expiry: Duration,
    /// What to do with an inviter who is not in the contact's roster.
    pub strangers: Strangers,
    /// What to do where the address of a room or an inviter looks like another one that the contact knows.
    pub mimicry: Mimicry,
    /// Whether to ask a contact's clients if they show direct invitations.
    pub support: Support,
    /// A longer reason is cut to this many characters; 0 to 10 000.
    pub max_reason: usize,
    /// Whether the invitation carries the room's password.
    pub passwords: Passwords,
    /// The archive hint (XEP-0334) in the invitation.
    pub archive: Archive,
}

/// What to do with an inviter who is not in the contact's roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strangers {
    /// Relay their invitations.
    #[default]
    Relay,
    /// Refuse their invitations.
    Refuse,
}

/// What to do where the address of a room or an inviter looks like another one that the contact knows (XEP-0165).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mimicry {
    /// Refuse the invitation.
    Refuse,
    /// Relay it, with a warning in the log.
    #[default]
    Warn,
    /// Relay it without comparing addresses.
    Off,
}

/// Whether to ask a contact's clients if they show direct invitations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Support {
    /// Assume that they do.
    #[default]
    Assume,
    /// Ask those that are online. That needs the presence permission of XEP-0356.
    Ask,
}

/// Whether the invitation carries the room's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passwords {
    /// It carries the password.
    Relay,
    /// The password is left out.
    Strip,
}

/// The archive hint (XEP-0334) in the invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Archive {
    /// The one that suits the contact's server.
    Auto,
    /// `<store/>`.
    Store,
    /// `<no-store/>`.
    NoStore,
    /// No hint.
    None,
}

/// `[limits]`: how many invitations are accepted in a period.
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
    /// The most contacts that one invitation to a group address may reach; 1 to 100 000.
    pub max_recipients: u32,
}

/// A number of invitations in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number; 1 to 1 000 000.
    pub count: u32,
    /// The period; 1 s to 3650 days.
    pub per: Duration,
}

/// `[journal]`: where it is, and how long it keeps invitations.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The database.
    pub place: JournalPlace,
    /// The socket at which commands ask the relay that runs.
    pub socket: PathBuf,
    /// How long invitations stay in `history` after they have ended; 1 s to 3650 days.
    pub retention: Duration,
}

/// `[admins]`: who may use the commands for admins.
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
    /// Where it is written, and in which format.
    pub format: LogFormat,
}

/// Where the log is written, and in which format.
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
    /// The address where they are served; `None`: they are not served.
    pub listen: Option<SocketAddr>,
    /// Whether the page shows the addresses of people and rooms, instead of masking them.
    pub show_people: bool,
}
