//! Whether all stanzas for the component come to this connection. ejabberd spreads them over all connections of the component,
//! and over all components of one listener; what another connection gets is lost. So the check sends pings to the component's
//! own addresses, and counts those that come back. It changes nothing. Knows nothing of other findings.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::finding::{Finding, What};
use super::remedies::Remedies;
use crate::commands;
use crate::config::Config;
use crate::link::{AskError, Incoming, Link};
use crate::setup::{Make, Part, Setup};
use crate::wire::{IqPayload, IqType, Stanza};

/// With a second connection at most half of them come back, on average: that all do by chance is out of the question.
const PINGS: usize = 24;

/// For a ping to the server and back.
const ECHO_TIMEOUT: Duration = Duration::from_millis(1500);

/// How many pings were sent, and how many came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Echo {
    asked: usize,
    back: usize,
}

/// Sends the pings. If some don't come back, sends them once more: the first ones may only be late.
pub(super) async fn probe(link: &Link) -> Echo {
    let first = ask(link).await;
    if first.back == first.asked { first } else { ask(link).await }
}

async fn ask(link: &Link) -> Echo {
    let one = |_| async {
        // A `set`, which is answered with an error: ejabberd 24.12 drops results to an address without a resource.
        let to = format!("{}/{:016x}", link.component(), fastrand::u64(..));
        let answer = timeout(ECHO_TIMEOUT, link.ask(&to, IqType::Set, IqPayload::Ping)).await;
        matches!(answer, Ok(Ok(_) | Err(AskError::Refused(_))))
    };
    let answers = join_all((0..PINGS).map(one)).await;
    Echo { asked: answers.len(), back: answers.into_iter().filter(|back| *back).count() }
}

/// The finding, and whether everything arrives.
pub(super) fn arrivals(echo: Echo, config: &Config) -> (Finding, bool) {
    let component = &config.component.jid;
    let finding = Finding::of(What::Arrivals, component);
    let Echo { asked, back } = echo;
    if back == asked {
        return (finding.ok("stanzas for the component come to this connection"), true);
    }
    // ejabberd is the only server known to do that.
    let remedies = Remedies { setup: Setup::new(config, false), make: Some(Make::Ejabberd), version: None };
    let finding = finding.failed(
        format!(
            "of {asked} questions to its own addresses {back} came back: other connections get stanzas for the component, and \
             invitations and answers are lost. Either another relay is connected as {component}, or another component \
             stands under `hosts` of the same listener of ejabberd"
        ),
        format!(
            "stop the other relay, or other program, that connects as {component}. If there is none: a listener for each \
             component, with `global_routes: false`\n{}",
            remedies.paste(Part::Listener)
        ),
    );
    (finding, false)
}

/// Answers the questions that come in on the check's own connection, so that their senders don't wait.
pub async fn answer_all(link: Link, mut incoming: Incoming) {
    while let Some((_, stanza)) = incoming.recv().await {
        if let Stanza::Iq(question) = stanza
            && let Some(answer) = commands::answer(&question, &[])
        {
            link.send_or_drop(Stanza::Iq(answer));
        }
    }
}
