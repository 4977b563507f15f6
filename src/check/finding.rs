//! The findings of `check`: what was checked, whether it works, and the remedy. Knows nothing of how things are checked, nor of
//! how findings are printed.

use serde::{Deserialize, Serialize};

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It can't be found out, or this server can't have it, or it is left out on purpose.
    Note,
    /// It is not there: the relay works, but not as well as it could.
    Missing,
    /// It does not work.
    Failed,
}

impl State {
    /// The word that is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}

/// What is checked. The words are stable: programs read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A section of the configuration.
    Configuration,
    /// The secret of the handshake: not the placeholder, not too short.
    Secret,
    /// The journal's file.
    Journal,
    /// The free space of its disk.
    Disk,
    /// The groups of the configuration, and those that admins keep.
    Groups,
    /// Whether something of the server's own is blocked for everybody.
    Blocks,
    /// Whether a relay runs.
    Relay,
    /// Where metrics are served.
    Metrics,
    /// The connection to the server.
    Connection,
    /// Whether stanzas for the component come to this connection.
    Arrivals,
    /// Whether other servers find the component by its name.
    Dns,
    /// The server's make and version.
    Server,
    /// Whether the component's own questions are answered.
    Questions,
    /// Messages in users' names (XEP-0356).
    Messages,
    /// Reading users' rosters.
    Rosters,
    /// Reading and setting affiliations in users' names.
    MucAdmin,
    /// Reading users' block lists.
    BlockLists,
    /// Being told who is online, for `relay.support = "ask"`.
    Presence,
    /// Asking questions in users' names, where the server answers none of the component's own.
    DiscoInfo,
    /// Whether the MUC services of the configuration are such.
    Rooms,
    /// The relay's own rights in its rooms.
    Rights,
    /// By whose rights the member lists of its rooms can be read, for `members@`.
    MemberLists,
    /// The module that hands its invitations over.
    HandOver,
    /// Whether the server's clock and this machine's agree.
    Clock,
}

impl What {
    /// The word that is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Secret => "secret",
            Self::Journal => "journal",
            Self::Disk => "disk",
            Self::Groups => "groups",
            Self::Blocks => "blocks",
            Self::Relay => "relay",
            Self::Metrics => "metrics",
            Self::Connection => "connection",
            Self::Arrivals => "arrivals",
            Self::Dns => "dns",
            Self::Server => "server",
            Self::Questions => "questions",
            Self::Messages => "messages",
            Self::Rosters => "rosters",
            Self::MucAdmin => "muc-admin",
            Self::BlockLists => "block-lists",
            Self::Presence => "presence",
            Self::DiscoInfo => "disco-info",
            Self::Rooms => "rooms",
            Self::Rights => "rights",
            Self::MemberLists => "member-lists",
            Self::HandOver => "hand-over",
            Self::Clock => "clock",
        }
    }
}

/// One line of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it works.
    pub state: State,
    /// What was checked.
    pub what: What,
    /// Which one: a section, a file, an address, a host or a service; `None` if there is only one.
    pub of: Option<String>,
    /// What was found.
    pub found: String,
    /// What to do; `None` if it works, or nothing can be done.
    pub remedy: Option<String>,
}

impl Finding {
    /// A finding about one of several things: `ok` and without a text until one of the methods below is called.
    pub(super) fn of(what: What, of: impl Into<String>) -> Self {
        Self { of: Some(of.into()), ..Self::the(what) }
    }

    /// The same about a thing that there is only one of.
    pub(super) fn the(what: What) -> Self {
        Self { state: State::Ok, what, of: None, found: String::new(), remedy: None }
    }

    /// It is as it should be.
    #[must_use]
    pub(super) fn ok(self, found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), ..self }
    }

    /// It needs no action.
    #[must_use]
    pub(super) fn note(self, found: impl Into<String>) -> Self {
        Self { state: State::Note, found: found.into(), ..self }
    }

    /// It is not there.
    #[must_use]
    pub(super) fn missing(self, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Missing, found: found.into(), remedy: Some(remedy.into()), ..self }
    }

    /// It does not work.
    #[must_use]
    pub(super) fn failed(self, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Failed, found: found.into(), remedy: Some(remedy.into()), ..self }
    }

    /// Whether a relay runs, which then was asked for the other findings.
    #[must_use]
    pub fn relay(found: &RelayFound) -> Self {
        let finding = Self::the(What::Relay);
        match found {
            RelayFound::Asked => finding.ok("runs, and was asked"),
            RelayFound::None { crashed: false } => finding.missing("does not run", START_REMEDY),
            RelayFound::None { crashed: true } => finding
                .missing("does not run: the last one crashed, was killed, or gave up", START_REMEDY),
            RelayFound::Hidden(process) => finding.failed(
                format!("can't be asked: process {process} has the journal open, and its control socket is gone"),
                "restart the relay: systemctl restart muc-invite-relay",
            ),
            RelayFound::Hangs(process) => finding.failed(hangs(*process), HANGS_REMEDY),
            RelayFound::Denied { as_owner } => finding.failed(
                "can't be asked: it is another user's",
                format!("run this as root, or as the relay's own user: {as_owner} muc-invite-relay check"),
            ),
            RelayFound::Failed(why) => finding.failed(
                format!("can't be asked: {why}"),
                "run this check as the relay's own user; if it is, look at the relay's log, and restart it after an \
                 upgrade",
            ),
        }
    }
}

const START_REMEDY: &str = "start it (systemctl enable --now muc-invite-relay); if it should be running, see why it ended: \
                     journalctl -u muc-invite-relay -n 100. To look at the server before that: --without relay";

const HANGS_REMEDY: &str = "see what it waits for (its log, its disk, the machine's load), and restart it: systemctl restart \
                     muc-invite-relay. If it was stopped by a signal, let it go on: kill -CONT and its process id";

/// Why a relay does not answer, as far as the system tells.
fn hangs(process: Option<i32>) -> String {
    let Some(process) = process else { return "runs, and does not answer: it hangs".to_owned() };
    // proc(5): the state comes after the name, which may have any characters.
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    match state {
        Some('T' | 't') => format!("process {process} does not answer: it has been stopped by a signal"),
        Some('D') => format!("process {process} does not answer: it waits for its disk"),
        _ => format!("process {process} does not answer: it hangs"),
    }
}

/// What became of the question to the running relay.
#[derive(Debug)]
pub enum RelayFound {
    /// It answered.
    Asked,
    /// No relay runs.
    None {
        /// Whether the last one ended without being told to.
        crashed: bool,
    },
    /// This process has the journal open, but has no control socket.
    Hidden(i32),
    /// It does not answer; its process id, if that is known.
    Hangs(Option<i32>),
    /// It runs as another user.
    Denied {
        /// The words before a command that root runs it by as that user.
        as_owner: String,
    },
    /// It could not be asked, or its answer was not understood.
    Failed(std::io::Error),
}
