//! Finds out whether ordinary IQs are answered. With `mod_privilege` loaded, ejabberd 24.12 drops every IQ that a component
//! sends to an address without a resource, without an error (its issue 4336); later versions drop those to rooms. The
//! relay must not wait for answers that never come.
//!
//! Each MUC service is pinged without and then with a resource. The latter pings are never dropped, and servers answer in
//! order: if all of these are answered, and none of the former, those were dropped. There are several of each, because another
//! connection of the component may get some of the answers. Any later answer from a service or a room corrects this; until
//! then the services are pinged again. A new connection begins with the result of the last one.

use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, join_all, select, select_ok};
use futures::stream::FuturesUnordered;
use jid::BareJid;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::bare_iq_support::BareIqSupport;
use super::epoch::Epoch;
use super::failure::AskError;
use super::node_link::NodeLink;
use super::ping_barrier::PING_RESOURCE;
use super::trouble::Trouble;
use crate::wire::{Iq, IqPayload, IqType};

/// How many pings each service gets of either kind.
const PINGS: usize = 8;

/// How long the first answer may take after those to the pings behind it.
const BARE_PING_GRACE: Duration = Duration::from_millis(300);

/// How long both answers may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause between two attempts while IQs are dropped.
const PROBE_RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Probes on every connection, until the link has ended.
pub(super) async fn watch(link: NodeLink) {
    let mut up = link.up.clone();
    let mut told = false;
    loop {
        let Ok(now) = up.wait_for(Option::is_some).await.map(|up| *up) else { return };
        let Some(on) = now else { continue };
        let services = link.services();
        tokio::select! {
            () = probe(&link, &services, on, &mut told) => {}
            _ = up.wait_for(|up| *up != Some(on)) => {}
        }
    }
}

/// Probes until the connection ends.
async fn probe(link: &NodeLink, services: &[String], on: Epoch, told: &mut bool) {
    if services.is_empty() {
        link.bare_iq_support.send_replace(BareIqSupport::Passes);
    }
    loop {
        let found = ping_all(link, services).await;
        // A connection that was lost shows nothing.
        let found = if link.epoch() == Ok(on) { found } else { Found::Nothing };
        link.bare_iq_support.send_if_modified(|support| {
            let now = match found {
                Found::Answered => BareIqSupport::Passes,
                Found::Swallowed => BareIqSupport::Swallowed,
                Found::Nothing if *support == BareIqSupport::Unknown => BareIqSupport::Unclear,
                Found::Nothing => *support,
            };
            std::mem::replace(support, now) != now
        });
        let alone = link.wrong() != Some(Trouble::Shared);
        let harm = found == Found::Swallowed && alone && !link.privileges.may_ask_rooms();
        if harm && !std::mem::replace(told, true) {
            warn!(
                "the server swallows ordinary IQs: no MUC service answers a ping. Rooms can be asked only in the \
                 inviter's name. ejabberd (24.10 and later): grant iq for muc#admin and disco#info in mod_privilege \
                 (config/ejabberd/ejabberd.yml), or unload mod_privilege"
            );
        }
        let mut support = link.bare_iq_support.subscribe();
        if timeout(PROBE_RETRY_PAUSE, support.wait_for(|support| *support == BareIqSupport::Passes))
            .await
            .is_ok()
        {
            return std::future::pending().await;
        }
    }
}

/// What pings show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// An ordinary IQ was answered.
    Answered,
    /// Only those to an address with a resource were.
    Swallowed,
    /// Nothing can be said.
    Nothing,
}

/// Pings all services. One that answers is enough.
async fn ping_all(link: &NodeLink, services: &[String]) -> Found {
    let mut asked: FuturesUnordered<_> = services.iter().map(|service| ping(link, service)).collect();
    let mut found = Found::Nothing;
    while let Some(one) = asked.next().await {
        match one {
            Found::Answered => return Found::Answered,
            Found::Swallowed => found = Found::Swallowed,
            Found::Nothing => {}
        }
    }
    if link.privileges.knows_no_iqs() && found == Found::Swallowed { Found::Nothing } else { found }
}

/// Pings a service both ways. The session notes an answer that comes later.
async fn ping(link: &NodeLink, service: &str) -> Found {
    let begun = Instant::now();
    let ping = |to: &str| link.ask_raw(link.question(to, IqType::Get, IqPayload::Ping));
    let first = select_ok((0..PINGS).map(|_| Box::pin(ping(service))));
    let behind = format!("{service}/{PING_RESOURCE}");
    let behind = async {
        let answers = join_all((0..PINGS).map(|_| timeout(PROBE_TIMEOUT, ping(&behind)))).await;
        let answered = answers.iter().all(|answer| matches!(answer, Ok(Ok(_))));
        if answered {
            sleep(BARE_PING_GRACE).await;
        }
        answered
    };
    match select(first, Box::pin(behind)).await {
        Either::Left((Ok(_), _)) => Found::Answered,
        Either::Right((true, _)) if !link.privileges.shared().seen_since(begun) => Found::Swallowed,
        Either::Left((Err(_), _)) | Either::Right(_) => Found::Nothing,
    }
}

impl NodeLink {
    /// Sends a request in the component's own name, or in the user's name if the server drops the component's own requests
    /// and the user's host grants it. While that is unknown, both are sent, and the first answer counts.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the connection ended. [`AskError::Unanswered`]: no answer within 10 s.
    /// [`AskError::Swallowed`]: the server drops such requests, and the user's name can't be used.
    /// [`AskError::Refused`]: the answer is an error.
    pub(super) async fn ask_in_any_name(
        &self,
        user: Option<&BareJid>,
        to: &str,
        question: impl Fn() -> IqPayload,
    ) -> Result<Iq, AskError> {
        let own = || self.ask(to, IqType::Get, question());
        let known = *self.bare_iq_support.borrow();
        match (known, user.filter(|user| self.may_disco(user))) {
            (BareIqSupport::Passes, _) | (_, None) => own().await,
            (BareIqSupport::Swallowed, Some(user)) => self.ask_as(user, to, IqType::Get, question()).await,
            (BareIqSupport::Unknown | BareIqSupport::Unclear, Some(user)) => {
                let both = select(Box::pin(own()), Box::pin(self.ask_as(user, to, IqType::Get, question())));
                match both.await {
                    Either::Left((Err(_), other)) => other.await,
                    Either::Right((Err(_), other)) => other.await,
                    Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use secrecy::SecretString;

    use super::*;
    use crate::config::Server;
    use crate::link::Settings;
    use crate::link::scripted::{self, Sent};
    use crate::wire::privileged::{Advertisement, Version};

    const SERVICE: &str = "conference.example.org";

    /// Of each kind of pings the first so many are answered: those without a resource, and those with one.
    #[rstest]
    #[case::all_is_well(PINGS, PINGS, Version::V2, Found::Answered)]
    #[case::one_is_enough(1, 0, Version::V2, Found::Answered)]
    #[case::dropped(0, PINGS, Version::V2, Found::Swallowed)]
    #[case::nobody_is_there(0, 0, Version::V2, Found::Nothing)]
    #[case::another_connection_has_some(0, PINGS - 1, Version::V2, Found::Nothing)]
    #[case::too_old_to_drop_any(0, PINGS, Version::V1, Found::Nothing)]
    #[tokio::test(start_paused = true)]
    async fn what_answers_show(
        #[case] bare: usize,
        #[case] full: usize,
        #[case] version: Version,
        #[case] expected: Found,
    ) {
        let (link, _incoming, mut server) = scripted::link(Settings {
            component: "invites.example.org".into(),
            secret: SecretString::from("s"),
            servers: vec![Server::Tcp("localhost:1".into())],
            hosts: vec!["example.org".into()],
            services: vec![SERVICE.into()],
        });
        let granted = Advertisement {
            version,
            outgoing_messages: true,
            roster_get: false,
            presence: false,
            iq: Vec::new(),
        };
        server.comes_up(&[("example.org", granted)]);
        let probe = tokio::spawn(async move { ping_all(&link.nodes[0], &[SERVICE.to_owned()]).await });
        let (mut left, mut unanswered) = ([bare, full], Vec::new());
        while !probe.is_finished() {
            let Some(Sent::Question(question, reply)) = server.sent() else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let left = &mut left[usize::from(question.to.as_deref() != Some(SERVICE))];
            if *left > 0 {
                *left -= 1;
                reply.answer(Iq::result_to(&question));
            } else {
                unanswered.push(reply);
            }
        }
        assert_eq!(probe.await.unwrap(), expected);
    }
}
