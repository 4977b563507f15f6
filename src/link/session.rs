//! One connection while it lasts: sends what a [`super::Link`] asks for, handles what comes in, both at the same time, and
//! sends a ping behind every batch. How it ends is in `goodbye`.
//!
//! A single poll function does all of it, because reading must go on while a write waits, and the reverse: two peers that
//! both only write would wait for each other for ever.

use std::collections::VecDeque;
use std::io;
use std::sync::MutexGuard;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::PollSender;
use tracing::{debug, info, warn};

use super::answer::Answer;
use super::end::End;
use super::epoch::Epoch;
use super::handshake::Stream;
use super::ids::Ids;
use super::log_throttle::LogThrottle;
use super::metrics::ConnectionState;
use super::patience::Patience;
use super::ping_barrier::{Answered, Barrier};
use super::privileges::Privileges;
use super::reader::Read;
use super::settings::Settings;
use super::siblings::Siblings;
use super::spellings::Spellings;
use super::traffic::{Command, Delivered, Received};
use crate::model::{Lease, address};
use crate::wire::spelling::canonicalise;
use crate::wire::{Iq, IqPayload, IqType, Message, Stanza, privileged};

/// How long privileges are waited for; there may be none.
const PRIVILEGES_WAIT: Duration = Duration::from_millis(300);

/// The same if there were some on the last connection.
const EXPECTED_PRIVILEGES_WAIT: Duration = Duration::from_secs(5);

/// How many stanzas are handled before what is to be sent is flushed.
const MAX_STANZAS_PER_TURN: usize = 128;

/// How many stanzas may wait for the socket.
const MAX_WAITING_STANZAS: usize = 512;

pub(super) struct Connection<'a> {
    pub(super) epoch: Epoch,
    pub(super) stream: Stream,
    pub(super) component: &'a str,
    pub(super) commands: &'a mut mpsc::Receiver<Command>,
    pub(super) incoming: PollSender<Received>,
    pub(super) up: &'a ConnectionState,
    pub(super) privileges: &'a Privileges,
    spellings: &'a Spellings,
    pub(super) ids: &'a Ids,
    pub(super) queue: VecDeque<Box<Stanza>>,
    pub(super) siblings: &'a Siblings,
    /// When a host answered the first ping; `None` before that, and once the link is up.
    answered_at: Option<Instant>,
    pub(super) last_read: Instant,
    /// When was last done what is due at each interval.
    pub(super) last_pulse: Instant,
    alone: Alone,
    unsendable: LogThrottle,
    warnings: LogThrottle,
    /// Nobody takes incoming stanzas, so nothing is read.
    pub(super) paused: bool,
    /// The connection is about to end: it does not come up any more.
    pub(super) ending: bool,
    tick: Interval,
    pub(super) lease: &'a Lease,
}

/// What is sent alone.
enum Alone {
    /// Nothing.
    No,
    /// This waits until all that was sent before is confirmed. `fenced`: a ping was sent behind all of it.
    Waits { stanza: Box<Stanza>, answer: Delivered, fenced: bool },
    /// The one with this id is under way, and nothing else is sent.
    UnderWay(String),
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        stream: Stream,
        settings: &'a Settings,
        commands: &'a mut mpsc::Receiver<Command>,
        incoming: mpsc::Sender<Received>,
        up: &'a ConnectionState,
        siblings: &'a Siblings,
        (privileges, spellings, ids, lease): (&'a Privileges, &'a Spellings, &'a Ids, &'a Lease),
    ) -> Self {
        let (barrier, probes) = Barrier::new(&settings.hosts, || ids.next());
        let component = settings.component.as_str();
        let epoch = up.begins();
        *siblings.barrier(epoch) = barrier;
        let mut tick = interval(Patience::with_others(siblings.are_several()).interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            epoch,
            stream,
            component,
            commands,
            incoming: PollSender::new(incoming),
            up,
            privileges,
            spellings,
            ids,
            queue: probes.into_iter().map(|(id, to)| ping(component, id, to).into()).collect(),
            siblings,
            answered_at: None,
            last_read: Instant::now(),
            last_pulse: Instant::now(),
            alone: Alone::No,
            unsendable: LogThrottle::default(),
            warnings: LogThrottle::default(),
            paused: false,
            ending: false,
            tick,
            lease,
        }
    }

    /// Reads, writes and handles stanzas until the connection ends.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            if !self.lease.is_sure() {
                // Another relay may work by now. Nothing is sent nor taken in until the next look finds that it doesn't.
                self.paused = true;
                if self.tick.poll_tick(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pulse();
                continue;
            }
            for _ in 0..MAX_STANZAS_PER_TURN {
                if let Err(e) = self.poll_write(cx) {
                    return Poll::Ready(End::Lost(e));
                }
                match self.poll_read(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => {
                        if let Poll::Ready(Err(e)) = self.stream.poll_flush(cx) {
                            return Poll::Ready(End::Lost(e));
                        }
                        if self.tick.poll_tick(cx).is_pending() {
                            return Poll::Pending;
                        }
                        if let Some(timeout) = self.pulse() {
                            return Poll::Ready(End::Hung(timeout));
                        }
                    }
                }
            }
            if let Poll::Ready(Err(e)) = self.stream.poll_flush(cx) {
                return Poll::Ready(End::Lost(e));
            }
        }
    }

    /// Takes commands, and writes as much as the socket takes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.send_alone();
        while matches!(self.alone, Alone::No)
            && self.barrier().has_room()
            && self.queue.len() < MAX_WAITING_STANZAS
        {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.execute(command),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        // One may have come just now, and nothing else may wake this task.
        self.send_alone();
        let due = self.barrier().due(|| self.ids.next());
        if let Some((id, to)) = due {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        while !self.queue.is_empty() && self.stream.poll_ready(cx)?.is_ready() {
            if let Some(stanza) = self.queue.pop_front() {
                self.write(stanza);
            }
        }
        Ok(())
    }

    /// Writes a stanza. One that can't be sent is treated as one that came back, and does not affect others.
    pub(super) fn write(&mut self, mut stanza: Box<Stanza>) {
        self.spellings.respell_outgoing(&mut stanza);
        if let Err(e) = self.stream.push(&stanza) {
            let (id, mut to) = id_and_to(&stanza);
            canonicalise(&mut to);
            if let Some(times) = self.unsendable.due(Instant::now()) {
                warn!(times, "a stanza can't be sent: {e}");
            }
            self.barrier().unsendable(&id, &to);
        }
    }

    /// Goes on with what is sent alone: see [`super::suspects`].
    fn send_alone(&mut self) {
        match &self.alone {
            Alone::No => {}
            Alone::UnderWay(id) => {
                if self.barrier().is_idle() {
                    self.siblings.suspects().cleared(id);
                    self.alone = Alone::No;
                }
            }
            Alone::Waits { fenced: false, .. } => {
                let due = self.barrier().ping(|| self.ids.next());
                if let Some((id, to)) = due {
                    self.queue.push_back(ping(self.component, id, to).into());
                    if let Alone::Waits { fenced, .. } = &mut self.alone {
                        *fenced = true;
                    }
                }
            }
            Alone::Waits { fenced: true, .. } => {
                if self.barrier().is_idle()
                    && let Alone::Waits { stanza, answer, .. } = std::mem::replace(&mut self.alone, Alone::No)
                {
                    self.alone = Alone::UnderWay(id_and_to(&stanza).0);
                    self.deliver(stanza, answer);
                }
            }
        }
    }

    /// What is unconfirmed on this connection.
    pub(super) fn barrier(&self) -> MutexGuard<'_, Barrier> {
        self.siblings.barrier(self.epoch)
    }

    fn deliver(&mut self, stanza: Box<Stanza>, answer: Delivered) {
        let (id, to) = id_and_to(&stanza);
        self.barrier().sending(id, to, answer);
        self.queue.push_back(stanza);
    }

    /// Reads one stanza and handles it.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.paused = match self.incoming.poll_reserve(cx) {
            Poll::Ready(Ok(())) => false,
            // Nobody takes stanzas at present, or the intake has ended and this connection is about to be closed.
            Poll::Pending | Poll::Ready(Err(_)) => return self.pause(),
        };
        let read = ready!(self.stream.poll_next(cx));
        self.last_read = Instant::now();
        Poll::Ready(match read {
            Ok(Read::Stanza(stanza)) => self.handle(stanza),
            Ok(Read::LongAnswer(mut answer)) => {
                self.canonicalise_head(&mut answer.head);
                self.answered(Answer::Long(answer));
                Ok(())
            }
            Ok(Read::LeftOut { why, answer }) => {
                if let Some(times) = self.warnings.due(self.last_read) {
                    warn!(times, "left out a stanza that can't be read: {why}");
                }
                if let Some(answer) = answer {
                    self.left_out(*answer);
                }
                Ok(())
            }
            Ok(Read::Footer) => Err(End::Footer),
            Err(e) => Err(End::Lost(e)),
        })
    }

    fn pause(&mut self) -> Poll<Result<(), End>> {
        self.paused = true;
        Poll::Pending
    }

    fn execute(&mut self, command: Command) {
        match command {
            // It is dropped, which tells the caller that it is lost.
            Command::Deliver { on: Some(on), .. } if on != self.epoch => {}
            Command::Deliver { stanza, answer, .. } => {
                if self.siblings.suspects().contain(&id_and_to(&stanza).0) {
                    self.alone = Alone::Waits { stanza, answer, fenced: false };
                } else {
                    self.deliver(stanza, answer);
                }
            }
            // Nothing is sent before the ping, and nothing can come back.
            Command::Ping { answer } => self.barrier().sending(String::new(), String::new(), answer),
            Command::Ask { iq, answer } => {
                if let (Some(id), Some(to)) = (&iq.id, &iq.to) {
                    let mut asked = to.clone();
                    canonicalise(&mut asked);
                    self.siblings.pending_iqs().asked(id.clone(), asked, self.epoch, answer);
                    self.queue.push_back(Stanza::Iq(*iq).into());
                }
            }
        }
    }

    fn handle(&mut self, mut stanza: Stanza) -> Result<(), End> {
        self.spellings.canonicalise_incoming(&mut stanza);
        match stanza {
            Stanza::StreamError(error) => return Err(End::Stream(error)),
            Stanza::Iq(iq) if matches!(iq.kind(), Some(IqType::Result | IqType::Error)) => {
                self.answered(Answer::Whole(iq));
            }
            // ejabberd 24.12 returns a request from a user to themselves as if it were the answer.
            Stanza::Iq(iq)
                if privileged::unwrap_iq(&iq).is_some() && self.siblings.pending_iqs().expects(&iq) =>
            {
                self.answered(Answer::Whole(iq));
            }
            Stanza::Message(message) => {
                if let Some(message) = self.handle_own_message(message) {
                    self.forward(Stanza::Message(message));
                }
            }
            Stanza::Iq(_) => self.forward(stanza),
            // The only presence that needs an answer.
            Stanza::Presence(presence) if presence.type_.as_deref() == Some("subscribe") => {
                self.forward(Stanza::Presence(presence));
            }
            Stanza::Presence(presence) => self.privileges.note_presence(&presence),
            Stanza::Handshake => {}
        }
        Ok(())
    }

    fn answered(&mut self, answer: Answer) {
        if let Iq { id: Some(id), from: Some(from), .. } = answer.head() {
            let was_up = self.barrier().is_up();
            let answered = self.barrier().answered(id, from);
            match answered {
                Answered::Nothing => {}
                answered => {
                    if answered == Answered::AfterLostAnswer {
                        self.privileges.shared().noticed(&self.up.trouble);
                    }
                    if !was_up {
                        self.answered_at = Some(Instant::now());
                        self.go_up(self.privileges.complete());
                    }
                    return;
                }
            }
            if self.ids.is_of_another_relay(id) && self.privileges.is_ours(address::split_resource(from).0) {
                self.privileges.shared().noticed_foreign_answer(&self.up.trouble);
            }
            if self.ids.is_own(id) {
                self.up.bare_iq_answered(from);
            }
        }
        if !self.siblings.pending_iqs().answered(answer) {
            debug!("an IQ answer that nobody waits for");
        }
    }

    /// Tells the caller that waits for this answer that it can't be read.
    fn left_out(&mut self, mut head: Iq) {
        self.canonicalise_head(&mut head);
        self.siblings.pending_iqs().left_out(&head);
    }

    fn canonicalise_head(&self, head: &mut Iq) {
        let mut stanza = Stanza::Iq(std::mem::take(head));
        self.spellings.canonicalise_incoming(&mut stanza);
        if let Stanza::Iq(canonical) = stanza {
            *head = canonical;
        }
    }

    /// Marks the link as up after the first answer. Some servers advertise privileges a moment later, and stanzas that are sent
    /// before would go without them: unless all privileges are there, it waits for them for a while.
    pub(super) fn go_up(&mut self, privileges_complete: bool) {
        let Some(answered_at) = self.answered_at else { return };
        let missing = self.privileges.missing();
        let wait = if missing.is_empty() { PRIVILEGES_WAIT } else { EXPECTED_PRIVILEGES_WAIT };
        if self.ending || !(privileges_complete || answered_at.elapsed() > wait) {
            return;
        }
        self.answered_at = None;
        info!(component = self.component, "link is up");
        for host in missing {
            warn!(
                "{host} granted privileges on the last connection, and none on this one: look at its configuration"
            );
        }
        self.up.came_up(self.epoch);
    }

    /// Handles advertisements of privileges, and stanzas that came back before they were confirmed. Returns all other messages.
    fn handle_own_message(&mut self, message: Message) -> Option<Message> {
        let from = message.from.as_deref().unwrap_or_default();
        if message.type_.as_deref() == Some("error") {
            let error = message.error.0.clone().unwrap_or_default();
            let id = message.id.as_deref().unwrap_or_default();
            if self.siblings.bounced(self.epoch, id, from, &error) {
                return None;
            }
        } else if let Some(advertisement) = privileged::advertisement(&message) {
            if message.to.as_deref() == Some(self.component) {
                self.privileges.advertised(from, &advertisement);
                self.go_up(self.privileges.complete());
            }
            return None;
        }
        Some(message)
    }

    fn forward(&mut self, stanza: Stanza) {
        if self.incoming.send_item((self.epoch, stanza)).is_err() {
            debug!("a stanza is dropped: the relay stops");
        }
    }

    /// Notes that the connection has ended, perhaps because of an unconfirmed stanza.
    pub(super) fn look_for_the_cause(&mut self, end: &End) {
        let unconfirmed: Vec<_> =
            self.barrier().waited_for().map(|(id, to)| (id.to_owned(), to.to_owned())).collect();
        let ids: Vec<_> = unconfirmed.iter().map(|(id, _)| id.as_str()).collect();
        let Some(cause) = self.siblings.suspects().ended(end, &ids) else { return };
        if let Some((id, to)) = unconfirmed.iter().find(|(id, _)| id == cause) {
            warn!(
                id,
                to,
                "the server ends the connection at this message, also if it is sent alone: it is given up"
            );
            self.barrier().unsendable(id, to);
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.siblings.ended(self.epoch);
    }
}

/// The id and the addressee, which its answer or its error repeats.
fn id_and_to(stanza: &Stanza) -> (String, String) {
    match stanza {
        Stanza::Message(Message { id, to, .. }) | Stanza::Iq(Iq { id, to, .. }) => {
            (id.clone().unwrap_or_default(), to.clone().unwrap_or_default())
        }
        _ => Default::default(),
    }
}

pub(super) fn ping(component: &str, id: String, to: String) -> Stanza {
    Stanza::Iq(Iq {
        from: Some(component.to_owned()),
        to: Some(to),
        id: Some(id),
        type_: Some("get".to_owned()),
        payload: IqPayload::Ping.into(),
        ..Iq::default()
    })
}
