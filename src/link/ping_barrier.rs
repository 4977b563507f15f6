//! The ping barrier: XEP-0114 has no acknowledgements, but servers handle the stanzas of a component in order, so the
//! answer to a ping confirms all stanzas that were sent before it. Without it, a connection that is reset loses most of
//! what had been written.
//!
//! Pings go to a host's address with a resource, because some servers drop a component's IQs to bare domains. Any answer
//! counts, an error as well. Knows nothing of sockets.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::failure::DeliverError;
use crate::model::address;
use crate::wire::StanzaError;

/// How many stanzas may be unconfirmed; with more, no further ones are sent.
pub(super) const MAX_UNCONFIRMED_STANZAS: usize = 1024;

/// A ping without an answer for this time is followed by another one: if several connections share the component's
/// name, the server may have sent the answer to another connection.
pub(super) const PING_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How many pings may be without an answer, and how many of the first ones.
const MAX_PENDING_PINGS: usize = 4;
const MAX_PENDING_PROBES: usize = 64;

/// The resource in the addresses that are pinged.
pub(super) const PING_RESOURCE: &str = "barrier";

/// A stanza that was sent and is not confirmed.
#[derive(Debug)]
struct Unconfirmed {
    number: u64,
    id: String,
    to: String,
    answer: oneshot::Sender<Result<(), DeliverError>>,
}

/// A ping without an answer.
#[derive(Debug)]
struct Ping {
    id: String,
    /// The number of the last stanza that was sent before it.
    covers: u64,
    sent: Instant,
}

/// The stanzas that are not confirmed, and the pings that will confirm them.
#[derive(Debug)]
pub(super) struct Barrier {
    /// The address that is pinged; `None` until the first ping was answered.
    host: Option<String>,
    /// The first pings, to every host that might answer: id and address.
    probes: Vec<(String, String)>,
    unconfirmed: VecDeque<Unconfirmed>,
    /// The number of the last stanza sent.
    sent: u64,
    /// The pings without an answer, the oldest first.
    pings: VecDeque<Ping>,
    started: Instant,
    /// When the first pings were sent last.
    probed: Instant,
}

/// What an IQ answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// Not to a ping.
    Nothing,
    /// To a ping.
    Ping,
    /// To a ping, while an earlier one has no answer. Servers answer in order, so the earlier answer went to another
    /// connection.
    AfterLostAnswer,
}

impl Barrier {
    /// Of no connection: nothing is sent.
    pub(super) fn none() -> Self {
        Self::new(&[], String::new).0
    }

    /// Also returns the pings to be sent first: the id and the address of each.
    pub(super) fn new(hosts: &[String], mut id: impl FnMut() -> String) -> (Self, Vec<(String, String)>) {
        let probes: Vec<_> = hosts.iter().map(|host| (id(), format!("{host}/{PING_RESOURCE}"))).collect();
        let barrier = Self {
            host: None,
            probes: probes.clone(),
            unconfirmed: VecDeque::new(),
            sent: 0,
            pings: VecDeque::new(),
            started: Instant::now(),
            probed: Instant::now(),
        };
        (barrier, probes)
    }

    /// Whether a ping has been answered.
    pub(super) fn is_up(&self) -> bool {
        self.host.is_some()
    }

    /// The number of stanzas that are not confirmed.
    pub(super) fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    /// Whether another stanza may be sent.
    pub(super) fn has_room(&self) -> bool {
        self.is_up() && self.unconfirmed.len() < MAX_UNCONFIRMED_STANZAS
    }

    /// Notes a stanza that is about to be sent; `answer` gets its confirmation.
    pub(super) fn sending(
        &mut self,
        id: String,
        to: String,
        answer: oneshot::Sender<Result<(), DeliverError>>,
    ) {
        self.sent += 1;
        self.unconfirmed.push_back(Unconfirmed { number: self.sent, id, to, answer });
    }

    /// The ping to send behind unconfirmed stanzas; `None` while another one has no answer.
    pub(super) fn due(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        if self.unconfirmed.is_empty() { None } else { self.ping(id) }
    }

    /// Another ping, if the answer to the last one has not come `after` this time: it may be lost. Called at each interval.
    pub(super) fn again(&mut self, after: Duration, id: impl FnOnce() -> String) -> Option<(String, String)> {
        let late = self.pings.back().is_some_and(|ping| ping.sent.elapsed() >= after);
        if late && self.pings.len() < MAX_PENDING_PINGS { self.send_ping(id) } else { None }
    }

    /// The first pings once more, while none of them has been answered. Called at each interval.
    pub(super) fn probe_again(&mut self, mut id: impl FnMut() -> String) -> Vec<(String, String)> {
        if self.is_up() || self.probed.elapsed() < PING_AGAIN_AFTER || self.probes.len() > MAX_PENDING_PROBES
        {
            return Vec::new();
        }
        self.probed = Instant::now();
        let addresses: BTreeSet<_> = self.probes.iter().map(|(_, to)| to.clone()).collect();
        let probes: Vec<_> = addresses.into_iter().map(|to| (id(), to)).collect();
        self.probes.extend(probes.iter().cloned());
        probes
    }

    /// A ping that covers all stanzas so far; `None` while another one has no answer, or before the first answer.
    pub(super) fn ping(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        if self.pings.is_empty() { self.send_ping(id) } else { None }
    }

    /// A last ping, if there are stanzas that no ping covers.
    pub(super) fn last(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        let covered = self.pings.back().map_or(0, |ping| ping.covers);
        let open = self.unconfirmed.back().is_some_and(|last| last.number > covered);
        if open { self.send_ping(id) } else { None }
    }

    fn send_ping(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        let host = self.host.clone()?;
        let id = id();
        self.pings.push_back(Ping { id: id.clone(), covers: self.sent, sent: Instant::now() });
        Some((id, host))
    }

    /// Notes an IQ answer. It confirms only if it comes from the address that was pinged.
    pub(super) fn answered(&mut self, id: &str, from: &str) -> Answered {
        if let Some(probe) = self.probes.iter().position(|probe| probe.0 == id && probe.1 == from) {
            let (_, host) = self.probes.swap_remove(probe);
            self.host.get_or_insert(host);
            return Answered::Ping;
        }
        let asked =
            self.pings.iter().position(|ping| ping.id == id).filter(|_| self.host.as_deref() == Some(from));
        let Some(earlier) = asked else { return Answered::Nothing };
        let Some(ping) = self.pings.drain(..=earlier).next_back() else { return Answered::Nothing };
        while let Some(first) = self.unconfirmed.front()
            && first.number <= ping.covers
        {
            if let Some(confirmed) = self.unconfirmed.pop_front() {
                // A dropped receiver is fine: the sender does not wait.
                let _ = confirmed.answer.send(Ok(()));
            }
        }
        if earlier == 0 { Answered::Ping } else { Answered::AfterLostAnswer }
    }

    /// Notes that a stanza came back with an error. `true` if it was unconfirmed, and came back from its addressee.
    pub(super) fn bounced(&mut self, id: &str, from: &str, error: &StanzaError) -> bool {
        self.fails(id, from, DeliverError::Bounced(error.clone()))
    }

    /// One that isn't confirmed yet can't be sent.
    pub(super) fn unsendable(&mut self, id: &str, to: &str) {
        self.fails(id, to, DeliverError::Unsendable);
    }

    fn fails(&mut self, id: &str, to: &str, error: DeliverError) -> bool {
        // Some servers write the capitals with which somebody has logged in.
        let is_its = |sent: &Unconfirmed| {
            let (sent_to, _) = address::split_resource(&sent.to);
            sent_to == address::split_resource(to).0
                || address::own(to).is_ok_and(|to| to.as_str() == sent_to)
        };
        let found = self.unconfirmed.iter().position(|sent| sent.id == id && is_its(sent));
        match found.and_then(|at| self.unconfirmed.remove(at)) {
            Some(sent) => {
                let _ = sent.answer.send(Err(error));
                true
            }
            None => false,
        }
    }

    /// Whether everything that was sent is confirmed, and every ping answered.
    pub(super) fn is_idle(&self) -> bool {
        self.unconfirmed.is_empty() && self.pings.is_empty()
    }

    /// The id and the recipient of each unconfirmed stanza that somebody would send again.
    pub(super) fn waited_for(&self) -> impl Iterator<Item = (&str, &str)> {
        let waited_for = self.unconfirmed.iter().filter(|sent| !sent.answer.is_closed());
        waited_for.map(|sent| (sent.id.as_str(), sent.to.as_str()))
    }

    /// Since when the oldest ping has no answer; `None` if all are answered.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        if self.is_up() { self.pings.front().map(|ping| ping.sent) } else { Some(self.started) }
    }

    /// Nothing is read at present, so no answer can arrive: the time for it begins anew.
    pub(super) fn not_reading(&mut self) {
        self.started = Instant::now();
        for ping in &mut self.pings {
            ping.sent = self.started;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn ids() -> impl FnMut() -> String {
        let mut n = 0;
        move || {
            n += 1;
            format!("id{n}")
        }
    }

    fn send(barrier: &mut Barrier, id: &str) -> oneshot::Receiver<Result<(), DeliverError>> {
        let (answer, wait) = oneshot::channel();
        barrier.sending(id.into(), "bob@example.org".into(), answer);
        wait
    }

    fn up() -> (Barrier, impl FnMut() -> String) {
        let mut ids = ids();
        let (mut barrier, probes) = Barrier::new(&["example.org".into(), "muc.example.org".into()], &mut ids);
        assert!(!barrier.has_room());
        assert_eq!(probes[1].1, "muc.example.org/barrier");
        assert_eq!(barrier.answered("id2", "evil.example/barrier"), Answered::Nothing);
        assert_eq!(barrier.answered("id2", "muc.example.org/barrier"), Answered::Ping);
        assert!(barrier.has_room());
        (barrier, ids)
    }

    #[test]
    fn a_pong_confirms_what_was_sent_before_its_ping_and_no_more() {
        let (mut barrier, mut ids) = up();
        let mut first = send(&mut barrier, "m1");
        let (ping, to) = barrier.due(&mut ids).unwrap();
        assert_eq!(to, "muc.example.org/barrier");
        let mut second = send(&mut barrier, "m2");
        assert_eq!(barrier.due(&mut ids), None, "one at a time");
        assert_eq!(barrier.answered(&ping, "bob@example.org"), Answered::Nothing, "nobody else confirms");
        assert_eq!(barrier.answered(&ping, "muc.example.org/barrier"), Answered::Ping);
        assert_eq!(first.try_recv(), Ok(Ok(())));
        assert!(second.try_recv().is_err());
        let (ping, _) = barrier.due(&mut ids).unwrap();
        assert_eq!(barrier.answered(&ping, "muc.example.org/barrier"), Answered::Ping);
        assert_eq!(second.try_recv(), Ok(Ok(())));
        assert_eq!(barrier.due(&mut ids), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_whose_answer_is_late_is_followed_by_another() {
        let (mut barrier, mut ids) = up();
        let mut sent = send(&mut barrier, "m1");
        let (lost, _) = barrier.due(&mut ids).unwrap();
        assert_eq!(barrier.again(PING_AGAIN_AFTER, &mut ids), None, "it is not late yet");
        let mut later = Vec::new();
        for _ in 0..10 {
            advance(PING_AGAIN_AFTER).await;
            later.extend(barrier.again(PING_AGAIN_AFTER, &mut ids));
        }
        assert_eq!(later.len(), MAX_PENDING_PINGS - 1);
        assert_eq!(barrier.answered(&later[1].0, "muc.example.org/barrier"), Answered::AfterLostAnswer);
        assert_eq!(sent.try_recv(), Ok(Ok(())), "all of them cover it");
        assert_eq!(barrier.answered(&lost, "muc.example.org/barrier"), Answered::Nothing);
        assert_eq!(barrier.answered(&later[2].0, "muc.example.org/barrier"), Answered::Ping);
        assert_eq!(barrier.waiting_since(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn while_nothing_is_read_no_answer_is_late() {
        let (mut barrier, mut ids) = up();
        let _sent = send(&mut barrier, "m1");
        barrier.due(&mut ids).unwrap();
        advance(PING_AGAIN_AFTER * 10).await;
        barrier.not_reading();
        assert_eq!(barrier.waiting_since(), Some(Instant::now()));
        assert_eq!(barrier.again(PING_AGAIN_AFTER, &mut ids), None);
        let (mut first, _) = Barrier::new(&["example.org".into()], &mut ids);
        advance(PING_AGAIN_AFTER).await;
        first.not_reading();
        assert_eq!(first.waiting_since(), Some(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_pings_are_sent_again_as_well() {
        let mut ids = ids();
        let (mut barrier, first) = Barrier::new(&["example.org".into()], &mut ids);
        assert_eq!(barrier.probe_again(&mut ids), []);
        advance(PING_AGAIN_AFTER).await;
        let again = barrier.probe_again(&mut ids);
        assert_eq!(again.len(), 1);
        assert_ne!(again, first);
        assert_eq!(barrier.answered(&again[0].0, "example.org/barrier"), Answered::Ping);
        assert!(barrier.is_up());
        assert_eq!(barrier.answered(&first[0].0, "example.org/barrier"), Answered::Ping, "in any order");
    }

    #[test]
    fn an_error_is_taken_from_the_addressee_only() {
        let (mut barrier, _) = up();
        let mut sent = send(&mut barrier, "m1");
        let error = StanzaError::default();
        assert!(!barrier.bounced("m1", "eve@example.org", &error));
        assert!(!barrier.bounced("m2", "bob@example.org", &error));
        assert!(barrier.bounced("m1", "bob@example.org/phone", &error));
        let _waits = send(&mut barrier, "m3");
        assert!(barrier.bounced("m3", "Bob@example.org/phone", &error), "logged in in capitals");
        assert_eq!(sent.try_recv(), Ok(Err(DeliverError::Bounced(error))));
    }

    #[test]
    fn the_unconfirmed_are_bounded() {
        let (mut barrier, _) = up();
        let waits: Vec<_> =
            (0..MAX_UNCONFIRMED_STANZAS).map(|n| send(&mut barrier, &n.to_string())).collect();
        assert!(!barrier.has_room());
        drop(waits);
    }
}
