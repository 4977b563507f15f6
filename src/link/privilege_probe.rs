//! Tries regularly whether privileges are still granted. They can end before the connection does: when any connection of
//! a component ends, ejabberd takes back what it granted to the others. A new connection gets them again.
//!
//! If rosters are granted, the roster of an account that need not exist is requested; otherwise a disco#info request is
//! sent in its name. If only messages are granted, the first message that comes back shows it. A host that has not granted
//! again what it had granted is only pinged: what it sent may have gone to another connection.
//! Knows nothing of when the link may connect again: see `renewal`.

use std::time::Duration;

use futures::future::{join, join_all};
use jid::BareJid;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::epoch::Epoch;
use super::failure::AskError;
use super::node_link::NodeLink;
use super::ping_barrier::PING_RESOURCE;
use super::privileges::Grants;
use super::trouble::Trouble;
use crate::wire::disco::DiscoInfo;
use crate::wire::query::Roster;
use crate::wire::{IqPayload, IqType};

/// The pause between two trials.
const PROBE_INTERVAL: Duration = Duration::from_secs(4);
/// How long an answer may take. The server answers such requests itself.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// So many trials in a row without an answer count as a refusal.
const MAX_SILENT_PROBES: u32 = 2;
/// How many pings go with each trial. If the server spreads answers over several connections, some of them get lost.
const PINGS_PER_TRIAL: usize = 3;
/// The same while another connection has been noticed: that only the request's own answer goes there is then as good as
/// impossible.
const PINGS_WHILE_SHARED: usize = 8;

/// The account whose roster is requested, and in whose name requests are sent. It need not exist.
const PROBE_LOCALPART: &str = "muc-invite-relay";

impl NodeLink {
    /// A host has refused on this connection what it had granted on it. Ends the connection and returns `true` when it has
    /// ended: the next one will have the privilege again. `false` if that has been tried already, and did not help.
    pub(super) async fn renew(&self, on: Epoch, host: &str) -> bool {
        let renewal = &self.privileges.renewal;
        let due = renewal.state().due(on, Instant::now());
        let Some(due) = due else { return false };
        let mut up = self.up.clone();
        let ended = async {
            // An error means that the link has ended.
            let _ = up.wait_for(|up| *up != Some(on)).await;
        };
        tokio::pin!(ended);
        tokio::select! {
            biased;
            () = &mut ended => return true,
            () = tokio::time::sleep_until(due) => {}
        }
        renewal.request(on, host);
        ended.await;
        true
    }

    /// A message in a user's name came back on this connection. `false` if a trial shows that the grants of the host still
    /// hold: then only this message is refused, and the connection goes on. Otherwise as [`Self::renew`].
    pub(super) async fn renew_after_a_refusal(&self, on: Epoch, host: &str) -> bool {
        let trial = match self.grants(host) {
            Some(grants) => try_grants(self, host, grants).await,
            None => None,
        };
        match trial {
            Some(Trial::Holds | Trial::Lost) => false,
            Some(Trial::Refused | Trial::Silent) | None => self.renew(on, host).await,
        }
    }

    /// Whether a trial shows that this host has taken back what it had granted on this connection. `false` also if it can't be
    /// tried. Takes two seconds at most.
    pub(super) async fn has_taken_back(&self, host: &str) -> bool {
        let Some(grants) = self.grants(host) else { return false };
        matches!(try_grants(self, host, grants).await, Some(Trial::Refused | Trial::Silent))
    }

    /// Notes that the grants were seen to hold on this connection.
    pub(super) fn holds(&self, on: Epoch) {
        self.privileges.renewal.state().holds = Some(on);
    }
}

/// Tries the grants on every connection, until the link has ended.
pub(super) async fn watch(link: NodeLink) {
    let mut up = link.up.clone();
    loop {
        let Ok(now) = up.wait_for(Option::is_some).await.map(|up| *up) else { return };
        let Some(on) = now else { continue };
        tokio::select! {
            () = probe_repeatedly(&link, on) => {}
            _ = up.wait_for(|up| *up != Some(on)) => {}
        }
    }
}

/// Tries the grants until the connection ends.
async fn probe_repeatedly(link: &NodeLink, on: Epoch) {
    let mut told = false;
    let (mut silent, mut lost) = (0, 0);
    let mut astray = Astray::default();
    if let Some(host) = link.privileges.missing().first() {
        link.renew(on, host).await;
    }
    loop {
        let begun = Instant::now();
        let mut trials = Vec::new();
        for (host, grants) in link.privileges.all() {
            if let Some(trial) = try_grants(link, &host, grants).await {
                trials.push((host, trial));
            }
        }
        let missing = link.privileges.missing().into_iter().next().filter(|_| astray.may_be());
        let mut pings_lost = false;
        if let Some(host) = &missing
            && let answered @ 1.. = answered_pings(link, host, PINGS_WHILE_SHARED).await
        {
            pings_lost = answered < PINGS_WHILE_SHARED;
            astray.tried(pings_lost);
        }
        let saw = |trial| trials.iter().any(|(_, it)| *it == trial);
        // Another connection may have had the answer. What was seen of one earlier counts no more: it may have ended, and
        // then the server answers such a request with silence.
        let answers_lost = saw(Trial::Lost) || pings_lost;
        let another = answers_lost || link.privileges.shared().seen_since(begun);
        silent = if saw(Trial::Silent) && !another { silent + 1 } else { 0 };
        lost = if answers_lost { lost + 1 } else { 0 };
        let of = |trial| trials.iter().find(|(_, it)| *it == trial).map(|(host, _)| host);
        let gone = of(Trial::Refused).or_else(|| of(Trial::Silent).filter(|_| silent >= MAX_SILENT_PROBES));
        if lost >= MAX_SILENT_PROBES {
            link.privileges.shared().noticed(&link.trouble);
        } else if let Some(host) = missing.filter(|_| astray.is_over()) {
            link.privileges.renewal.state().may_help_after_all(on);
            link.renew(on, &host).await;
        } else if let Some(host) = gone {
            if !link.renew(on, host).await && !told {
                told = true;
                let trouble = Trouble::Refused(host.clone());
                warn!("{trouble}");
                link.trouble.send_replace(Some(trouble));
            }
            silent = 0;
        } else if saw(Trial::Holds) {
            link.holds(on);
            // It was granted again without a new connection.
            let refused = |trouble: &mut Trouble| matches!(trouble, Trouble::Refused(_));
            link.trouble.send_if_modified(|trouble| trouble.take_if(refused).is_some());
            told = false;
        }
        if silent == 0 && lost == 0 {
            sleep(PROBE_INTERVAL).await;
        }
    }
}

/// Whether the grants that a host has not sent again on this connection went to another one, as answers to pings show.
#[derive(Debug, Default)]
struct Astray {
    /// Answers were lost.
    lost: bool,
    /// So many trials in a row lost none.
    without_loss: u32,
}

impl Astray {
    fn tried(&mut self, lost: bool) {
        self.lost |= lost;
        self.without_loss = if lost { 0 } else { self.without_loss + 1 };
    }

    /// Not once no answers are lost: then the host grants nothing.
    fn may_be(&self) -> bool {
        self.lost || self.without_loss < MAX_SILENT_PROBES
    }

    /// They went there, and it has ended: a new connection will have them.
    fn is_over(&self) -> bool {
        self.lost && self.without_loss >= MAX_SILENT_PROBES
    }
}

/// The result of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// The privilege is granted.
    Holds,
    /// The host has refused.
    Refused,
    /// The host did not answer, and answered all pings.
    Silent,
    /// Only some of the requests were answered. Servers answer in order, so the other answers went to another connection.
    Lost,
}

/// Tries one privilege of a host. `None` if the result says nothing.
async fn try_grants(link: &NodeLink, host: &str, grants: Grants) -> Option<Trial> {
    if !grants.roster && !grants.disco_info {
        return None;
    }
    let nobody = BareJid::new(&format!("{PROBE_LOCALPART}@{host}")).ok()?;
    let asked = async {
        if grants.roster {
            link.ask(nobody.as_str(), IqType::Get, IqPayload::Roster(Roster::default())).await
        } else {
            link.ask_as(&nobody, host, IqType::Get, IqPayload::DiscoInfo(DiscoInfo::default())).await
        }
    };
    let count = if link.wrong() == Some(Trouble::Shared) { PINGS_WHILE_SHARED } else { PINGS_PER_TRIAL };
    let (asked, answered) = join(timeout(PROBE_TIMEOUT, asked), answered_pings(link, host, count)).await;
    match asked {
        Ok(Err(AskError::Lost)) => None,
        // The error may be about the account, which need not exist.
        Ok(Err(AskError::Refused(_))) if !grants.roster => None,
        Ok(Err(AskError::Refused(_))) => Some(Trial::Refused),
        _ if answered > 0 && answered < count => Some(Trial::Lost),
        Ok(Ok(_)) => Some(if answered == 0 { Trial::Lost } else { Trial::Holds }),
        Ok(Err(_)) | Err(_) => (answered == count).then_some(Trial::Silent),
    }
}

/// How many of so many pings are answered.
async fn answered_pings(link: &NodeLink, host: &str, count: usize) -> usize {
    let ping = || link.question(&format!("{host}/{PING_RESOURCE}"), IqType::Get, IqPayload::Ping);
    let answers = join_all((0..count).map(|_| timeout(PROBE_TIMEOUT, link.ask_raw(ping()))));
    answers.await.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::config::Server;
    use crate::link::Settings;
    use crate::link::scripted::{self, Sent};
    use crate::wire::Iq;
    use crate::wire::privileged::{Advertisement, Version};

    const HOST: &str = "example.org";

    const HOST_BARRIER: &str = "example.org/barrier";

    fn rosters() -> Advertisement {
        Advertisement {
            version: Version::V2,
            outgoing_messages: true,
            roster_get: true,
            presence: false,
            iq: Vec::new(),
        }
    }

    fn a_link() -> (NodeLink, crate::link::Incoming, scripted::Server) {
        let (link, incoming, server) = scripted::link(Settings {
            component: "invites.example.org".into(),
            secret: SecretString::from("s"),
            servers: vec![Server::Tcp("localhost:1".into())],
            hosts: vec![HOST.into()],
            services: Vec::new(),
        });
        (link.nodes[0].clone(), incoming, server)
    }

    /// Answers pings for ever, but of each so many in a row only those behind the first `lost`. Nothing else is answered.
    async fn serve(server: &mut scripted::Server, in_a_row: usize, lost: usize, pings: &mut usize) {
        let mut unanswered = Vec::new();
        loop {
            match server.sent() {
                Some(Sent::Question(question, reply)) if question.to.as_deref() == Some(HOST_BARRIER) => {
                    if *pings % in_a_row < lost {
                        unanswered.push(reply);
                    } else {
                        reply.answer(Iq::result_to(&question));
                    }
                    *pings += 1;
                }
                Some(Sent::Question(_, reply)) => unanswered.push(reply),
                Some(Sent::Stanza(..)) => {}
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Whether this connection is asked to end within so many seconds of serving.
    async fn ends(
        link: &NodeLink,
        on: Epoch,
        within: u64,
        server: &mut scripted::Server,
        lost: usize,
        pings: &mut usize,
    ) -> bool {
        tokio::select! {
            () = serve(server, PINGS_WHILE_SHARED, lost, pings) => unreachable!("it serves for ever"),
            ended = timeout(Duration::from_secs(within), link.privileges.renewal.requested(on)) => ended.is_ok(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_as_soon_as_the_other_connection_is_not_seen_any_more() {
        for lost in [0, 1] {
            let (link, _incoming, mut server) = a_link();
            server.comes_up(&[(HOST, rosters())]);
            let Ok(on) = link.epoch() else { panic!("it is up") };
            link.privileges.shared().noticed(&link.trouble);
            let _watching = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(watch(link.clone())));
            // While some are lost, the other one is still there, and has some of the answers.
            assert_eq!(ends(&link, on, 15, &mut server, lost, &mut 0).await, lost == 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn grants_that_went_to_another_connection_are_had_when_it_has_ended() {
        for lost in [0, 3] {
            let (link, _incoming, mut server) = a_link();
            server.comes_up(&[(HOST, rosters())]);
            let Ok(first) = link.epoch() else { panic!("it is up") };
            link.privileges.renewal.request(first, HOST);
            server.comes_up(&[]);
            let Ok(on) = link.epoch() else { panic!("it is up") };
            let _watching = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(watch(link.clone())));

            let mut pings = 0;
            assert!(!ends(&link, on, 60, &mut server, lost, &mut pings).await);
            assert_eq!(link.wrong(), (lost > 0).then_some(Trouble::Shared));
            if lost == 0 {
                assert_eq!(pings, 2 * PINGS_WHILE_SHARED, "the host grants nothing: it is asked no more");
            }
            assert_eq!(ends(&link, on, 60, &mut server, 0, &mut pings).await, lost > 0);
        }
    }
}
