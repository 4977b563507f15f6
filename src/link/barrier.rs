//! The ping barrier: XEP-0114 has no acknowledgements, but servers handle a component's stanzas in order, so the answer
//! to a ping proves that everything before it was taken. Without it a connection that is reset loses most of what had
//! been written.
//!
//! Pings go to a host's address WITH a resource: some servers swallow a component's IQs to bare hosts. Any answer
//! counts, `item-not-found` as well. Knows nothing of sockets.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DeliverError;
use crate::wire::StanzaError;
use crate::wire::address;

/// So many stanzas may be unconfirmed; beyond that nothing more is taken to be sent.
pub(super) const MAX_UNCONFIRMED: usize = 1024;

/// The resource of the addresses that are pinged.
const RESOURCE: &str = "barrier";

/// A stanza that was sent and is not confirmed yet.
#[derive(Debug)]
struct Unconfirmed {
    number: u64,
    id: String,
    to: String,
    answer: oneshot::Sender<Result<(), DeliverError>>,
}

/// A ping that has no answer yet.
#[derive(Debug)]
struct Ping {
    id: String,
    /// Everything up to this number was sent before it.
    covers: u64,
    sent: Instant,
}

#[derive(Debug)]
pub(super) struct Barrier {
    /// The address that answers; none until the first probe was answered.
    host: Option<String>,
    /// Pings to every host that might answer, all sent at the start.
    probes: Vec<(String, String)>,
    unconfirmed: VecDeque<Unconfirmed>,
    /// The number of the last stanza sent.
    sent: u64,
    ping: Option<Ping>,
    started: Instant,
}

impl Barrier {
    /// With the pings to be sent at the start: the id and the address of each.
    pub(super) fn new(hosts: &[String], mut id: impl FnMut() -> String) -> (Self, Vec<(String, String)>) {
        let probes: Vec<_> = hosts.iter().map(|host| (id(), format!("{host}/{RESOURCE}"))).collect();
        let barrier = Self {
            host: None,
            probes: probes.clone(),
            unconfirmed: VecDeque::new(),
            sent: 0,
            ping: None,
            started: Instant::now(),
        };
        (barrier, probes)
    }

    pub(super) fn is_up(&self) -> bool {
        self.host.is_some()
    }

    /// Stanzas that are not confirmed.
    pub(super) fn unconfirmed(&self) -> usize {
        self.unconfirmed.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.is_up() && self.unconfirmed.len() < MAX_UNCONFIRMED
    }

    /// A stanza is being sent that wants to be confirmed.
    pub(super) fn sending(
        &mut self,
        id: String,
        to: String,
        answer: oneshot::Sender<Result<(), DeliverError>>,
    ) {
        self.sent += 1;
        self.unconfirmed.push_back(Unconfirmed { number: self.sent, id, to, answer });
    }

    /// The ping to send behind what has been sent, if one is due: one at a time, it covers the whole batch before it.
    pub(super) fn due(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        let nothing_new = self.unconfirmed.is_empty() || self.ping.is_some();
        if nothing_new { None } else { self.ping(id) }
    }

    /// A ping that covers all that has been sent; `None` while there is one under way, or nobody to be pinged.
    pub(super) fn ping(&mut self, id: impl FnOnce() -> String) -> Option<(String, String)> {
        if self.ping.is_some() {
            return None;
        }
        let host = self.host.clone()?;
        let id = id();
        self.ping = Some(Ping { id: id.clone(), covers: self.sent, sent: Instant::now() });
        Some((id, host))
    }

    /// An IQ answer; `true` if it was one to a ping. `from` is checked, nobody else can confirm.
    pub(super) fn answered(&mut self, id: &str, from: &str) -> bool {
        if let Some(probe) = self.probes.iter().position(|probe| probe.0 == id && probe.1 == from) {
            let (_, host) = self.probes.swap_remove(probe);
            self.host.get_or_insert(host);
            return true;
        }
        let Some(ping) = self.ping.take_if(|ping| ping.id == id && self.host.as_deref() == Some(from)) else {
            return false;
        };
        while let Some(first) = self.unconfirmed.front()
            && first.number <= ping.covers
        {
            if let Some(confirmed) = self.unconfirmed.pop_front() {
                // Whoever sent it may not care.
                let _ = confirmed.answer.send(Ok(()));
            }
        }
        true
    }

    /// A message came back: was it one that isn't confirmed yet? Only the address it went to can send it back.
    pub(super) fn bounced(&mut self, id: &str, from: &str, error: &StanzaError) -> bool {
        let from = address::split_resource(from).0;
        let found = self
            .unconfirmed
            .iter()
            .position(|sent| sent.id == id && address::split_resource(&sent.to).0 == from);
        match found.and_then(|at| self.unconfirmed.remove(at)) {
            Some(sent) => {
                let _ = sent.answer.send(Err(DeliverError::Bounced(error.clone())));
                true
            }
            None => false,
        }
    }

    /// Since when an answer is due.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        if self.is_up() { self.ping.as_ref().map(|ping| ping.sent) } else { Some(self.started) }
    }

    /// While nothing is read no answer can come: its time starts anew.
    pub(super) fn not_reading(&mut self) {
        self.started = Instant::now();
        if let Some(ping) = &mut self.ping {
            ping.sent = self.started;
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert!(!barrier.answered("id2", "evil.example/barrier"));
        assert!(barrier.answered("id2", "muc.example.org/barrier"));
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
        assert!(!barrier.answered(&ping, "bob@example.org"), "nobody else confirms");
        assert!(barrier.answered(&ping, "muc.example.org/barrier"));
        assert_eq!(first.try_recv(), Ok(Ok(())));
        assert!(second.try_recv().is_err());
        let (ping, _) = barrier.due(&mut ids).unwrap();
        assert!(barrier.answered(&ping, "muc.example.org/barrier"));
        assert_eq!(second.try_recv(), Ok(Ok(())));
        assert_eq!(barrier.due(&mut ids), None);
    }

    #[test]
    fn an_error_is_taken_from_the_addressee_only() {
        let (mut barrier, _) = up();
        let mut sent = send(&mut barrier, "m1");
        let error = StanzaError::default();
        assert!(!barrier.bounced("m1", "eve@example.org", &error));
        assert!(!barrier.bounced("m2", "bob@example.org", &error));
        assert!(barrier.bounced("m1", "bob@example.org/phone", &error));
        assert_eq!(sent.try_recv(), Ok(Err(DeliverError::Bounced(error))));
    }

    #[test]
    fn the_unconfirmed_are_bounded() {
        let (mut barrier, _) = up();
        let waits: Vec<_> = (0..MAX_UNCONFIRMED).map(|n| send(&mut barrier, &n.to_string())).collect();
        assert!(!barrier.has_room());
        drop(waits);
    }
}
