//! Whether everything that is sent to the component comes to this connection. ejabberd deals it out among all connections
//! of the component, and among all components of one listener: what another one gets is lost. Questions to our own
//! addresses tell, for each must come back. Asks only; nothing is changed.

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

/// With two connections each comes back with even odds at most.
const MAX_QUESTIONS: usize = 24;

/// The way to the server and back.
const ECHO_TIMEOUT: Duration = Duration::from_millis(1500);

/// How many questions were asked, and how many came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Echo {
    asked: usize,
    back: usize,
}

/// Asks; again where some stayed away, for they may only be late.
pub(super) async fn listen(link: &Link) -> Echo {
    let first = ask(link).await;
    if first.back == first.asked { first } else { ask(link).await }
}

async fn ask(link: &Link) -> Echo {
    let one = |_| async {
        // Answered with an error: ejabberd 24.12 lets no result pass to an address without a resource.
        let to = format!("{}/{:016x}", link.component(), fastrand::u64(..));
        let answer = timeout(ECHO_TIMEOUT, link.ask(&to, IqType::Set, IqPayload::Ping)).await;
        matches!(answer, Ok(Ok(_) | Err(AskError::Refused(_))))
    };
    let answers = join_all((0..MAX_QUESTIONS).map(one)).await;
    Echo { asked: answers.len(), back: answers.into_iter().filter(|back| *back).count() }
}

/// The line about it, and whether all is well.
pub(super) fn arrivals(echo: Echo, config: &Config) -> (Finding, bool) {
    let component = &config.component.jid;
    let finding = Finding::of(What::Arrivals, component);
    let Echo { asked, back } = echo;
    if back == asked {
        return (finding.ok("what is sent to the component comes to this connection"), true);
    }
    // No other server is known to do that.
    let remedies = Remedies { setup: Setup::new(config, false), make: Some(Make::Ejabberd), version: None };
    let finding = finding.failed(
        format!(
            "of {asked} questions to its own addresses {back} came back: others get what is meant for this connection, and \
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

/// Answers what comes in on a connection that the check has made: without an answer the one who asks would wait for it.
pub async fn answer_all(link: Link, mut incoming: Incoming) {
    while let Some((_, stanza)) = incoming.recv().await {
        if let Stanza::Iq(question) = stanza
            && let Some(answer) = commands::answer(&question, &[])
        {
            link.send_or_drop(Stanza::Iq(answer));
        }
    }
}
