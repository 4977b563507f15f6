//! What was granted can be gone while the connection lasts: when any connection of a component ends, ejabberd takes back
//! what it granted to the others. Connecting again brings it back. Here it is tried whether it still holds, and decided
//! when to connect again: never again and again, for two relays that did so would take it from each other without end.
//!
//! The rosters' permission is tried where there is one, with the roster of nobody; else whether a question in a user's name
//! is answered. Where only messages are granted the first one that comes back tells.
//! Knows nothing of when the link may connect again: see `renewal`.

use std::time::Duration;

use futures::future::{join, join_all};
use jid::BareJid;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::epoch::Epoch;
use super::failure::AskError;
use super::handle::Link;
use super::ping_barrier::RESOURCE;
use super::privileges::Grants;
use super::trouble::Trouble;
use crate::wire::disco::DiscoInfo;
use crate::wire::query::Roster;
use crate::wire::{IqPayload, IqType};

/// Between two trials.
const PROBE_INTERVAL: Duration = Duration::from_secs(4);
/// What has no answer after this time is said to have none: the server answers such questions by itself.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// So often in a row.
const MAX_SILENT_PROBES: u32 = 2;
/// So many pings go with each trial. Where another connection gets a part of the answers, it hardly gets none of them.
const MAX_PINGS: usize = 3;

/// Whose roster is asked for, and in whose name questions are asked. The account need not exist.
const PROBE_LOCALPART: &str = "muc-invite-relay";

impl Link {
    /// A host refused on this connection what it had granted on it. Returns when that connection has ended: what was
    /// refused will be taken on the next. `false`: connecting again has not helped.
    pub async fn renew(&self, on: Epoch, host: &str) -> bool {
        let renewal = &self.privileges.renewal;
        let due = renewal.state().due(on, Instant::now());
        let Some(due) = due else { return false };
        let mut up = self.up.clone();
        let ended = async {
            // With the task everything ends.
            let _ = up.wait_for(|up| *up != Some(on)).await;
        };
        tokio::pin!(ended);
        tokio::select! {
            biased;
            () = &mut ended => return true,
            () = tokio::time::sleep_until(due) => {}
        }
        renewal.ask(on, host);
        ended.await;
        true
    }

    /// A message in a user's name came back on this connection. If what can be tried of the host's grants holds, it is
    /// this message that is refused, and nobody else's connection is to be ended for it: `false`. Else as
    /// [`Self::renew`].
    pub async fn renew_after_a_refusal(&self, on: Epoch, host: &str) -> bool {
        let trial = match self.grants(host) {
            Some(grants) => attempt(self, host, grants).await,
            None => None,
        };
        match trial {
            Some(Trial::Holds | Trial::Lost) => false,
            Some(Trial::Refused | Trial::Silent) | None => self.renew(on, host).await,
        }
    }

    /// What was granted holds on this connection.
    pub fn holds(&self, on: Epoch) {
        self.privileges.renewal.state().holds = Some(on);
    }
}

/// Tries what is granted on every connection, until the link is gone for good.
pub(super) async fn watch(link: Link) {
    let mut up = link.up.clone();
    loop {
        let Ok(now) = up.wait_for(Option::is_some).await.map(|up| *up) else { return };
        let Some(on) = now else { continue };
        tokio::select! {
            () = try_again_and_again(&link, on) => {}
            _ = up.wait_for(|up| *up != Some(on)) => {}
        }
    }
}

/// As long as the connection lasts.
async fn try_again_and_again(link: &Link, on: Epoch) {
    let mut told = false;
    let (mut silent, mut lost) = (0, 0);
    if let Some(host) = link.privileges.missing().first() {
        link.renew(on, host).await;
    }
    loop {
        let mut gone = None;
        let mut trials = Vec::new();
        for (host, grants) in link.privileges.all() {
            if let Some(trial) = attempt(link, &host, grants).await {
                trials.push(trial);
                if trial == Trial::Refused {
                    gone = Some(host);
                } else if trial == Trial::Silent && silent + 1 >= MAX_SILENT_PROBES {
                    gone.get_or_insert(host);
                }
            }
        }
        let saw = |trial| trials.contains(&trial);
        silent = if saw(Trial::Silent) && link.wrong() != Some(Trouble::Shared) { silent + 1 } else { 0 };
        lost = if saw(Trial::Lost) { lost + 1 } else { 0 };
        if lost >= MAX_SILENT_PROBES {
            link.privileges.shared().noticed(&link.trouble);
        } else if let Some(host) = gone {
            if !link.renew(on, &host).await && !told {
                told = true;
                let trouble = Trouble::Refused(host);
                warn!("{trouble}");
                link.trouble.send_replace(Some(trouble));
            }
            silent = 0;
        } else if saw(Trial::Holds) {
            link.holds(on);
            // Granted again, without another connection.
            let refused = |trouble: &mut Trouble| matches!(trouble, Trouble::Refused(_));
            link.trouble.send_if_modified(|trouble| trouble.take_if(refused).is_some());
            told = false;
        }
        if silent == 0 && lost == 0 {
            sleep(PROBE_INTERVAL).await;
        }
    }
}

/// What came of asking a host for what it has granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Holds,
    Refused,
    /// It said nothing, and answered pings.
    Silent,
    /// It answered a part of what it was asked: servers answer in order, so the others' answers went somewhere else.
    Lost,
}

/// Asks it. `None` if that tells nothing.
async fn attempt(link: &Link, host: &str, grants: Grants) -> Option<Trial> {
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
    let pings =
        (0..MAX_PINGS).map(|_| link.question(&format!("{host}/{RESOURCE}"), IqType::Get, IqPayload::Ping));
    let pings = join_all(pings.map(|ping| timeout(PROBE_TIMEOUT, link.ask_raw(ping))));
    let (asked, pings) = join(timeout(PROBE_TIMEOUT, asked), pings).await;
    let answered = pings.iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    match asked {
        Ok(Err(AskError::Lost)) => None,
        // Of a user who does not exist a server may say so.
        Ok(Err(AskError::Refused(_))) if !grants.roster => None,
        Ok(Err(AskError::Refused(_))) => Some(Trial::Refused),
        _ if answered > 0 && answered < MAX_PINGS => Some(Trial::Lost),
        Ok(Ok(_)) => Some(if answered == 0 { Trial::Lost } else { Trial::Holds }),
        Ok(Err(_)) | Err(_) => (answered == MAX_PINGS).then_some(Trial::Silent),
    }
}
