//! What comes in: invitations are journaled and made ready, IQs are answered, what came back is undone. Knows nothing of when a job
//! runs.

use std::sync::Arc;

use tokio::time::Instant;

use super::{MAX_READY, MAX_RUNNING, Queue};
use crate::commands::{self, Commands};
use crate::journal::JournalClosed;
use crate::link::{Epoch, Received};
use crate::model::{Outcome, Pending, Reason, State, address};
use crate::relay::attempt;
use crate::relay::inbound::declined::declined;
use crate::relay::inbound::parse::{Parsed, WhoIsTold, parse};
use crate::relay::inbound::{answers, came_back, hand_over};
use crate::relay::job::Job;
use crate::relay::limits::Answer;
use crate::relay::parties::nick_of;
use crate::relay::settle::bounce::{self, Bounce};
use crate::relay::settle::declined::pass_on;
use crate::relay::settle::notify::{answer_room, notify};
use crate::relay::settle::report::report;
use crate::relay::settle::words;
use crate::wire::{self, Iq, Message, Stanza};

/// Invitations taken in together whose rooms are asked before the journal has them.
const MAX_LOOKED_AHEAD: usize = 8;

impl Queue {
    /// Handles what has come. Never waits for the link, which reads no further while the queue is full.
    pub(super) async fn handle(
        &mut self,
        stanzas: impl Iterator<Item = Received>,
    ) -> Result<(), JournalClosed> {
        let (mut read, mut bounces, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for (connection, stanza) in stanzas {
            match stanza {
                Stanza::Iq(question) => match came_back::parse(&self.cx, &question) {
                    Some(told) => {
                        bounces.extend(told.bounce);
                        answers.push((connection, told.answer));
                    }
                    None => self.answer(question, connection),
                },
                Stanza::Message(message) if message.type_.as_deref() == Some("error") => {
                    bounces.extend(self.bounce(&message));
                }
                Stanza::Message(message) => {
                    self.send_back(answers::to_message(&self.cx, &message));
                    read.extend(parse(&self.cx, &message));
                    self.decline(&message);
                }
                Stanza::Presence(presence) => self.send_back(answers::to_presence(&self.cx, &presence)),
                _ => {}
            }
        }
        if let Err(closed) = self.came_back(bounces).await {
            self.late.keep(&self.cx, read);
            return Err(closed);
        }
        for (connection, answer) in answers {
            // The module of that node waits for it.
            self.cx.link.send_or_drop_on(connection, Stanza::Iq(answer));
        }
        self.admit(read).await
    }

    fn send_back(&self, answer: Option<Stanza>) {
        if let Some(answer) = answer {
            self.cx.link.send_or_drop(answer);
        }
    }

    fn answer(&mut self, question: Iq, connection: Epoch) {
        if let Some(read) = wire::handover::hand_over(&question) {
            if self.waiting.is_none() && self.running.len() < MAX_RUNNING {
                self.running.spawn(hand_over::take(Arc::clone(&self.cx), question, read, connection));
            } else {
                let answer = Stanza::Iq(hand_over::too_busy(&question));
                self.cx.link.send_or_drop_on(connection, answer);
            }
        } else if question.command().is_some() {
            self.run_command(question);
        } else if commands::asks_for_groups(&question) {
            self.list_groups(question);
        } else if let Some(answer) = commands::answer(&question, &self.commands.listed(&question)) {
            self.cx.link.send_or_drop(Stanza::Iq(answer));
        }
    }

    /// Whether a person is within the limit for commands; if not, they are told.
    fn may_command(&self, question: &Iq) -> bool {
        let person = address::split_resource(question.from.as_deref().unwrap_or_default()).0;
        let passes = self.cx.limits.load().commanded(person) == Answer::Pass;
        if !passes {
            self.cx.link.send_or_drop(Stanza::Iq(Commands::too_many(question)));
        }
        passes
    }

    /// The groups that somebody may use; counted as a command.
    fn list_groups(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let (cx, commands) = (Arc::clone(&self.cx), Arc::clone(&self.commands));
        self.beside(async move {
            let answer = match commands.groups_for(&question).await {
                Some(answer) => Some(answer),
                None => commands::answer(&question, &[]),
            };
            if let Some(answer) = answer {
                cx.link.post(Stanza::Iq(answer)).await;
            }
        });
    }

    /// Runs an ad-hoc command if its sender is within the limit.
    fn run_command(&mut self, question: Iq) {
        if !self.may_command(&question) {
            return;
        }
        let (cx, commands) = (Arc::clone(&self.cx), Arc::clone(&self.commands));
        self.beside(async move {
            let answer = commands.answer(&question).await;
            cx.link.post(Stanza::Iq(answer)).await;
        });
    }

    /// Writes all of them in one commit, then makes them ready. Meanwhile their rooms are asked.
    async fn admit(&mut self, parsed: Vec<Parsed>) -> Result<(), JournalClosed> {
        let read_at = Instant::now();
        self.look_ahead(&parsed, read_at);
        let journal = &self.cx.journal;
        let admissions = parsed.iter().map(|Parsed { arrival, refused, .. }| async {
            let arrival = arrival.clone();
            let Some(reason) = *refused else { return journal.admit(arrival).await.map(Ok) };
            let (state, reason) = (State::Refused, Some(reason));
            let id = journal.note(arrival.clone(), state, reason).await?;
            let outcome = Outcome { id, state, reason, inviter: None, sent_as: None };
            report(&self.cx, &outcome, &arrival, None);
            Ok(Err(Pending { id, received: 0, arrival, added: false }))
        });
        let admitted = futures::future::join_all(admissions).await;
        if admitted.iter().any(Result::is_err) {
            let not_taken = parsed.into_iter().zip(admitted).filter(|(_, admitted)| admitted.is_err());
            let not_taken = not_taken.map(|(parsed, _)| parsed).collect();
            self.late.keep_unconfirmed(&self.cx, not_taken);
            return Err(JournalClosed);
        }
        let admitted = admitted.into_iter().flatten();
        let mut under_way = Vec::new();
        for (Parsed { arrival, parties, refused, told }, admitted) in parsed.into_iter().zip(admitted) {
            match (admitted, refused) {
                (Ok(admitted), _) => under_way.push((arrival, parties, admitted)),
                (Err(ended), Some(reason)) => self.tell(ended, reason, told, read_at),
                (Err(_), None) => {}
            }
        }
        // The journal may have taken them in another order, and what waits on the disk is fetched in the order of ids.
        under_way.sort_unstable_by_key(|(.., admitted)| admitted.id);
        for (arrival, parties, admitted) in under_way {
            if self.waiting.is_some() || self.ready.len().max(self.held_count) >= MAX_READY {
                self.waiting.get_or_insert(admitted.id - 1);
            } else {
                self.ready.push_back(Job::new(admitted, arrival).between(parties).read_at(read_at));
            }
        }
        Ok(())
    }

    /// Asks the rooms of those that will run at once. Not done for many at a time: the answers would be too old when they
    /// run.
    fn look_ahead(&mut self, read: &[Parsed], read_at: Instant) {
        if self.waiting.is_some()
            || !self.ready.is_empty()
            || read.len() > MAX_LOOKED_AHEAD
            || self.running.len() >= MAX_RUNNING
        {
            return;
        }
        for Parsed { arrival, .. } in read.iter().filter(|read| read.refused.is_none()) {
            let Ok(place) = Arc::clone(&self.looks_ahead).try_acquire_owned() else { return };
            let (cx, arrival) = (Arc::clone(&self.cx), arrival.clone());
            self.beside(async move {
                attempt::look_ahead(&cx, &arrival, read_at).await;
                drop(place);
            });
        }
    }

    /// Passes on the decline in a message, if there is one.
    fn decline(&mut self, message: &Message) {
        if let Some(declined) = declined(&self.cx, message) {
            let cx = Arc::clone(&self.cx);
            self.beside(async move { pass_on(&cx, declined).await });
        }
    }

    /// The bounce in an error message, if its id is one of this journal's.
    fn bounce(&self, message: &Message) -> Option<Bounce> {
        let (from, to, id) = (message.from.as_deref()?, message.to.as_deref()?, message.id.as_deref()?);
        let id = self.cx.invitation_of(id)?;
        // Some servers write the capitals with which somebody has logged in.
        let [contact, sent_as] = [from, to].map(|jid| address::own(jid).ok());
        Some(Bounce { id, contact: contact?.to_string(), sent_as: sent_as?.to_string() })
    }

    /// Direct invitations that were confirmed and came back later all the same.
    async fn came_back(&mut self, bounces: Vec<Bounce>) -> Result<(), JournalClosed> {
        let came_back = bounces.into_iter().map(|bounce| bounce::came_back(&self.cx, bounce));
        for bounced in futures::future::try_join_all(came_back).await?.into_iter().flatten() {
            let cx = Arc::clone(&self.cx);
            self.beside(async move { bounce::undo(&cx, bounced).await });
        }
        Ok(())
    }

    /// Tells of an invitation that was refused when it was read. Should that fail, it has ended all the same.
    fn tell(&mut self, ended: Pending, reason: Reason, whom: WhoIsTold, read_at: Instant) {
        let cx = Arc::clone(&self.cx);
        self.beside(async move {
            match whom {
                WhoIsTold::Inviter => {}
                WhoIsTold::Room => return answer_room(&cx, &ended, &words::for_inviter(reason)).await,
                WhoIsTold::Nobody => return,
            }
            let room = address::own(&ended.arrival.room).ok().filter(|room| room.node().is_some());
            let told = if room.is_some() { words::for_inviter(reason) } else { words::no_room() };
            let person = match (room, nick_of(&ended.arrival.inviter)) {
                (Some(room), Some(nick)) => cx.rooms.occupant(&room, nick, read_at).await.ok().flatten(),
                _ => None,
            };
            let _ = notify(&cx, &ended, person.as_ref(), &told).await;
        });
    }
}
