//! One connection while it lasts: commands out, stanzas in, both at the same time, and a ping behind every batch.
//!
//! A single poll function does all of it, because reading must go on while a write waits and the other way round: two
//! peers that both only write would wait for each other for ever.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, PollSender};
use tracing::{debug, error, info, warn};

use super::end::End;
use super::epoch::Epoch;
use super::handshake::Stream;
use super::ids::Ids;
use super::log_throttle::Sparing;
use super::metrics::Up;
use super::pending_iqs::Replies;
use super::ping_barrier::{Answered, Barrier};
use super::privileges::Privileges;
use super::reader::Read;
use super::settings::Settings;
use super::spellings::Spellings;
use super::suspects::Suspects;
use super::traffic::{Command, Delivered, Received};
use crate::model::address;
use crate::wire::spelling::canonicalise;
use crate::wire::{Iq, IqPayload, IqType, Message, Stanza, privileged};

/// A ping that has no answer after this time: the server hangs, or the connection is dead without saying so.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// As long as stanzas come in, the answer may only be waiting its turn behind them.
const PING_TIMEOUT_WHILE_READING: Duration = Duration::from_secs(300);

/// After so much silence a ping asks whether somebody is still there.
const IDLE_PING_AFTER: Duration = Duration::from_secs(60);

/// How long to wait for privileges, at least; there may be none.
const PRIVILEGES_WAIT: Duration = Duration::from_millis(300);

/// The same where there were some on the last connection.
const EXPECTED_PRIVILEGES_WAIT: Duration = Duration::from_secs(5);

/// How long the server may take to close its side.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it may take until all that had been read when the connection ended is taken.
const READ_THE_REST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the end of the stream may take to be written to a server that did not confirm what was sent before.
const LAST_READ_TIMEOUT: Duration = Duration::from_millis(100);

/// Stanzas handled before what they led to is flushed.
const MAX_STANZAS_PER_TURN: usize = 128;

/// Stanzas that wait for the socket.
const MAX_WAITING_STANZAS: usize = 512;

pub(super) struct Connection<'a> {
    epoch: Epoch,
    stream: Stream,
    component: &'a str,
    commands: &'a mut mpsc::Receiver<Command>,
    incoming: PollSender<Received>,
    up: &'a Up,
    privileges: &'a Privileges,
    spellings: &'a Spellings,
    ids: &'a Ids,
    queue: VecDeque<Box<Stanza>>,
    barrier: Barrier,
    replies: Replies,
    /// When a host answered the first ping, as long as the link is not up.
    answered_at: Option<Instant>,
    last_read: Instant,
    suspects: &'a mut Suspects,
    alone: Alone,
    warnings: Sparing,
    unsendable: Sparing,
    /// Nobody takes what comes in, so nothing is read.
    paused: bool,
    /// Nothing new is begun on it.
    ending: bool,
    tick: Interval,
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
        up: &'a Up,
        (privileges, spellings, ids): (&'a Privileges, &'a Spellings, &'a Ids),
        suspects: &'a mut Suspects,
    ) -> Self {
        let (barrier, probes) = Barrier::new(&settings.hosts, || ids.next());
        let component = settings.component.as_str();
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            epoch: up.begins(),
            stream,
            component,
            commands,
            incoming: PollSender::new(incoming),
            up,
            privileges,
            spellings,
            ids,
            queue: probes.into_iter().map(|(id, to)| ping(component, id, to).into()).collect(),
            barrier,
            replies: Replies::default(),
            answered_at: None,
            last_read: Instant::now(),
            suspects,
            alone: Alone::No,
            warnings: Sparing::default(),
            unsendable: Sparing::default(),
            paused: false,
            ending: false,
            tick,
        }
    }

    /// Until the connection ends.
    pub(super) async fn drive(mut self, close: &CancellationToken) -> End {
        let (renewal, epoch) = (&self.privileges.renewal, self.epoch);
        let end = tokio::select! {
            end = poll_fn(|cx| self.poll(cx)) => {
                self.read_the_rest().await;
                self.look_for_the_cause(&end);
                return end;
            }
            () = close.cancelled() => End::Closed,
            () = renewal.asked(epoch) => End::Renewed,
        };
        self.ends();
        self.say_goodbye().await;
        end
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
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
                        if let Some(patience) = self.hangs() {
                            return Poll::Ready(End::Hung(patience));
                        }
                    }
                }
            }
            if let Poll::Ready(Err(e)) = self.stream.poll_flush(cx) {
                return Poll::Ready(End::Lost(e));
            }
        }
    }

    /// Takes commands and writes as far as the socket takes it.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.send_alone();
        while matches!(self.alone, Alone::No)
            && self.barrier.has_room()
            && self.queue.len() < MAX_WAITING_STANZAS
        {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => self.obey(command),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        // One may have come just now, and nothing else may wake this task.
        self.send_alone();
        if let Some((id, to)) = self.barrier.due(|| self.ids.next()) {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        while !self.queue.is_empty() && self.stream.poll_ready(cx)?.is_ready() {
            if let Some(stanza) = self.queue.pop_front() {
                self.write(stanza);
            }
        }
        Ok(())
    }

    /// A stanza that can't be sent is as one that came back: it costs nobody else anything.
    fn write(&mut self, mut stanza: Box<Stanza>) {
        self.spellings.say(&mut stanza);
        if let Err(e) = self.stream.push(&stanza) {
            let (id, mut to) = id_and_to(&stanza);
            canonicalise(&mut to);
            if let Some(times) = self.unsendable.due(Instant::now()) {
                warn!(times, "a stanza can't be sent: {e}");
            }
            self.barrier.unsendable(&id, &to);
        }
    }

    /// Goes on with what is sent alone: see [`Suspects`].
    fn send_alone(&mut self) {
        match &mut self.alone {
            Alone::No => {}
            Alone::UnderWay(id) => {
                if self.barrier.is_idle() {
                    self.suspects.cleared(id);
                    self.alone = Alone::No;
                }
            }
            Alone::Waits { fenced: false, .. } => {
                if let Some((id, to)) = self.barrier.ping(|| self.ids.next()) {
                    self.queue.push_back(ping(self.component, id, to).into());
                    if let Alone::Waits { fenced, .. } = &mut self.alone {
                        *fenced = true;
                    }
                }
            }
            Alone::Waits { fenced: true, .. } => {
                if self.barrier.is_idle()
                    && let Alone::Waits { stanza, answer, .. } = std::mem::replace(&mut self.alone, Alone::No)
                {
                    self.alone = Alone::UnderWay(id_and_to(&stanza).0);
                    self.deliver(stanza, answer);
                }
            }
        }
    }

    fn deliver(&mut self, stanza: Box<Stanza>, answer: Delivered) {
        let (id, to) = id_and_to(&stanza);
        self.barrier.sending(id, to, answer);
        self.queue.push_back(stanza);
    }

    /// Reads one stanza and handles it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.paused = match self.incoming.poll_reserve(cx) {
            Poll::Ready(Ok(())) => false,
            // Nobody takes anything for now, or (the intake is gone) ever: we are about to be closed then.
            Poll::Pending | Poll::Ready(Err(_)) => return self.pause(),
        };
        let read = ready!(self.stream.poll_next(cx));
        self.last_read = Instant::now();
        Poll::Ready(match read {
            Ok(Read::Stanza(stanza)) => self.handle(stanza),
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

    fn obey(&mut self, command: Command) {
        match command {
            // Dropped with its answer: it is lost.
            Command::Deliver { on: Some(on), .. } if on != self.epoch => {}
            Command::Deliver { stanza, answer, .. } => {
                if self.suspects.contain(&id_and_to(&stanza).0) {
                    self.alone = Alone::Waits { stanza, answer, fenced: false };
                } else {
                    self.deliver(stanza, answer);
                }
            }
            Command::Ask { iq, answer } => {
                if let (Some(id), Some(to)) = (&iq.id, &iq.to) {
                    let mut asked = to.clone();
                    canonicalise(&mut asked);
                    self.replies.asked(id.clone(), asked, answer);
                    self.queue.push_back(Stanza::Iq(*iq).into());
                }
            }
        }
    }

    fn handle(&mut self, mut stanza: Stanza) -> Result<(), End> {
        self.spellings.heard(&mut stanza);
        match stanza {
            Stanza::StreamError(error) => return Err(End::Stream(error)),
            Stanza::Iq(iq) if matches!(iq.kind(), Some(IqType::Result | IqType::Error)) => self.answered(iq),
            // ejabberd 24.12 takes a question from somebody to themselves for the answer.
            Stanza::Iq(iq) if privileged::unwrap_iq(&iq).is_some() && self.replies.expects(&iq) => {
                self.answered(iq);
            }
            Stanza::Message(message) => {
                if let Some(message) = self.heard(message) {
                    self.forward(Stanza::Message(message));
                }
            }
            Stanza::Iq(_) => self.forward(stanza),
            // The only presence that asks for an answer.
            Stanza::Presence(presence) if presence.type_.as_deref() == Some("subscribe") => {
                self.forward(Stanza::Presence(presence));
            }
            Stanza::Presence(presence) => self.privileges.seen(&presence),
            Stanza::Handshake => {}
        }
        Ok(())
    }

    fn answered(&mut self, iq: Iq) {
        if let (Some(id), Some(from)) = (&iq.id, &iq.from) {
            let was_up = self.barrier.is_up();
            match self.barrier.answered(id, from) {
                Answered::Nothing => {}
                answered => {
                    if answered == Answered::AfterALostOne {
                        self.privileges.shared().noticed(&self.up.trouble);
                    }
                    if !was_up {
                        self.answered_at = Some(Instant::now());
                        self.go_up(self.privileges.complete());
                    }
                    return;
                }
            }
            if self.ids.are_anothers(id) && self.privileges.is_ours(address::split_resource(from).0) {
                self.privileges.shared().heard_anothers(&self.up.trouble);
            }
            if self.ids.are_ours(id) {
                self.up.plain_answer(from);
            }
        }
        if !self.replies.answered(iq) {
            debug!("an IQ answer that nobody waits for");
        }
    }

    /// Whoever waits for this answer learns at once that it can't be read.
    fn left_out(&mut self, head: Iq) {
        let mut head = Stanza::Iq(head);
        self.spellings.heard(&mut head);
        if let Stanza::Iq(head) = head {
            self.replies.left_out(&head);
        }
    }

    /// Some servers advertise privileges a moment after the first answer, and a relay that sends before that sends without
    /// them: unless there are some, the link waits a moment.
    fn go_up(&mut self, privileges: bool) {
        if let Some(answered) = self.answered_at
            && !self.ending
            && (privileges
                || answered.elapsed()
                    > if self.privileges.missing().is_empty() {
                        PRIVILEGES_WAIT
                    } else {
                        EXPECTED_PRIVILEGES_WAIT
                    })
        {
            self.answered_at = None;
            info!(component = self.component, "link is up");
            for host in self.privileges.missing() {
                warn!(
                    "{host} granted privileges on the last connection, and none on this one: look at its configuration"
                );
            }
            self.up.came(self.epoch);
        }
    }

    /// Advertised privileges and what is sent back before it was confirmed are the link's own business.
    fn heard(&mut self, message: Message) -> Option<Message> {
        let from = message.from.as_deref().unwrap_or_default();
        if message.type_.as_deref() == Some("error") {
            let error = message.error.0.clone().unwrap_or_default();
            let id = message.id.as_deref().unwrap_or_default();
            if self.barrier.bounced(id, from, &error) {
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
            debug!("nobody takes what comes in any more");
        }
    }

    /// Once a second: is somebody still there?
    fn hangs(&mut self) -> Option<Duration> {
        self.replies.prune();
        self.up.numbers.look(self.barrier.unconfirmed(), self.queue.len() + self.commands.len());
        self.go_up(false);
        self.privileges.shared().look(&self.up.trouble);
        if self.paused {
            self.barrier.not_reading();
            self.last_read = Instant::now();
        }
        if self.last_read.elapsed() > IDLE_PING_AFTER
            && let Some((id, to)) = self.barrier.ping(|| self.ids.next())
        {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        for (id, to) in self.barrier.probe_again(|| self.ids.next()) {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        if let Some((id, to)) = self.barrier.again(|| self.ids.next()) {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        let reading = self.barrier.is_up() && self.last_read.elapsed() <= PING_TIMEOUT;
        let patience = if reading { PING_TIMEOUT_WHILE_READING } else { PING_TIMEOUT };
        let hangs = self.barrier.waiting_since().is_some_and(|since| since.elapsed() > patience);
        if hangs && !self.barrier.is_up() {
            error!(
                "none of the server's hosts answers a ping. Is the parent domain of the component, or one of \
                 muc.services, a host of this server?"
            );
        }
        hangs.then_some(patience)
    }

    /// The connection has ended, perhaps because of what is unconfirmed.
    fn look_for_the_cause(&mut self, end: &End) {
        let unconfirmed: Vec<_> = self.barrier.waited_for().collect();
        let ids: Vec<_> = unconfirmed.iter().map(|(id, _)| *id).collect();
        let Some(cause) = self.suspects.ended(end, &ids) else { return };
        let found = unconfirmed.iter().find(|(id, _)| *id == cause);
        if let Some((id, to)) = found.map(|(id, to)| ((*id).to_owned(), (*to).to_owned())) {
            warn!(
                id,
                to,
                "the server ends the connection at this message, also if it is sent alone: it is given up"
            );
            self.barrier.unsendable(&id, &to);
        }
    }

    fn ends(&mut self) {
        self.ending = true;
        self.up.ends();
    }

    /// What the server has sent before the connection ended is not thrown away: an invitation that it believes to be
    /// with us has no other way. Answers to pings count as well.
    async fn read_the_rest(&mut self) {
        self.ends();
        let rest = poll_fn(|cx| {
            // Dropped with its answer: the sender learns that the connection is lost.
            while let Poll::Ready(Some(_)) = self.commands.poll_recv(cx) {}
            loop {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Pending if self.paused && self.is_taken() => return Poll::Pending,
                    Poll::Ready(Err(_)) | Poll::Pending => return Poll::Ready(()),
                }
            }
        });
        if timeout(READ_THE_REST_TIMEOUT, rest).await.is_err() {
            warn!(
                "the journal takes nothing: what the server had sent before the connection ended may be lost"
            );
        }
    }

    /// Whether somebody takes what comes in.
    fn is_taken(&self) -> bool {
        self.incoming.get_ref().is_some_and(|incoming| !incoming.is_closed())
    }

    /// Has what was sent confirmed, closes our side, and takes what still comes until the server has closed its own.
    async fn say_goodbye(&mut self) {
        if let Some((id, to)) = self.barrier.last(|| self.ids.next()) {
            self.queue.push_back(ping(self.component, id, to).into());
        }
        let goodbye = poll_fn(|cx| {
            loop {
                while let Some(stanza) = self.queue.pop_front() {
                    self.write(stanza);
                }
                // Some servers answer nothing once the stream has ended.
                let confirmed = self.barrier.unconfirmed() == 0;
                let closed = if confirmed {
                    self.stream.poll_end(cx).is_ready()
                } else {
                    let _ = self.stream.poll_flush(cx);
                    false
                };
                loop {
                    match self.poll_read(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                        Poll::Pending if closed && self.paused => return Poll::Ready(()),
                        Poll::Pending => break,
                    }
                }
                if confirmed || self.barrier.unconfirmed() > 0 {
                    return Poll::Pending;
                }
            }
        });
        if timeout(GOODBYE_TIMEOUT, goodbye).await.is_err() {
            debug!("the server did not close its side of the stream");
            let _ = timeout(LAST_READ_TIMEOUT, poll_fn(|cx| self.stream.poll_end(cx))).await;
        }
    }
}

/// What its answer, or its bounce, is known by.
fn id_and_to(stanza: &Stanza) -> (String, String) {
    match stanza {
        Stanza::Message(Message { id, to, .. }) | Stanza::Iq(Iq { id, to, .. }) => {
            (id.clone().unwrap_or_default(), to.clone().unwrap_or_default())
        }
        _ => Default::default(),
    }
}

fn ping(component: &str, id: String, to: String) -> Stanza {
    Stanza::Iq(Iq {
        from: Some(component.to_owned()),
        to: Some(to),
        id: Some(id),
        type_: Some("get".to_owned()),
        payload: IqPayload::Ping.into(),
        ..Iq::default()
    })
}
