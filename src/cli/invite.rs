//! `invite`: has the running relay invite contacts to a room in a user's name, and prints what becomes of each. Knows nothing of
//! how that is done.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use jid::BareJid;
use serde::Serialize;

use super::command::{CommandError, bare_jid, block_on};
use crate::config::{Config, ConfigError, Journal};
use crate::daemon::control::{self, Answered};
use crate::daemon::orders::{ContactLine, INVITE_WORD, InviteAnswer, InviteOrder};
use crate::model::address::printable;
use crate::model::group::MEMBERS;
use crate::model::invite::MAX_CONTACTS_OF_COMMAND;
use crate::model::{Reason, State};

/// With fewer contacts nobody needs to see how far it has come.
const COUNTED_FROM: usize = 20;

/// A longer reason is named where an order is too long.
const LONG_REASON_BYTES: usize = 64 << 10;

/// The step of a test that may be other than it should without any harm to the invitation.
const SENDER_STEP: &str = "sender";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The room's bare JID, on one of muc.services
    #[arg(value_parser = bare_jid, required_unless_present = "test")]
    room: Option<BareJid>,
    /// The contacts' bare JIDs
    #[arg(value_name = "CONTACT", value_parser = bare_jid, required_unless_present_any = ["members", "group", "test"])]
    contacts: Vec<BareJid>,
    /// In whose name: a user of this server who may invite to the room
    #[arg(long = "as", value_name = "INVITER", value_parser = bare_jid, required_unless_present = "test")]
    inviter: Option<BareJid>,
    /// The reason that the contacts see
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Instead of contacts: everybody on the room's own owner, admin and member lists
    #[arg(long, conflicts_with_all = ["contacts", "group"])]
    members: bool,
    /// Instead of contacts: everybody in this group
    #[arg(long, value_name = "NAME", conflicts_with = "contacts")]
    group: Option<String>,
    /// Say what would become of each; nothing is sent, nobody is made a member, nothing is written
    #[arg(long)]
    dry_run: bool,
    /// The test button: A invites B, and each step says what was found. To a room that the relay makes for it and destroys
    /// afterwards, or to the one of --room
    #[arg(
        long,
        value_names = ["A", "B"],
        num_args = 2,
        value_parser = bare_jid,
        conflicts_with_all = ["room", "contacts", "inviter", "members", "group", "dry_run"],
    )]
    test: Vec<BareJid>,
    /// With --test: the room, to which A may invite
    #[arg(
        long = "room",
        value_name = "ROOM",
        value_parser = bare_jid,
        requires = "test",
        conflicts_with_all = ["room", "contacts"],
    )]
    test_room: Option<BareJid>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let journal = load()?.journal;
    if arguments.contacts.len() > MAX_CONTACTS_OF_COMMAND {
        let why = format!(
            "no more than {MAX_CONTACTS_OF_COMMAND} contacts at a time: invite them in several parts"
        );
        return Err(CommandError::Refused { why, wrong: true });
    }
    let json = arguments.json;
    let order = order(arguments);
    let mut shown = Shown { order: &order, json, out, seen: Seen::default() };
    let socket = journal.socket.clone();
    let answered = block_on(control::order(&socket, INVITE_WORD, &order, |answer| shown.take(answer)))?;
    shown.finish(answered, &journal)
}

/// Without an argument that is missing, which the definition above rules out.
fn order(arguments: Arguments) -> InviteOrder {
    let Arguments { room, contacts, inviter, reason, members, group, dry_run, test, test_room, .. } =
        arguments;
    let word = |jid: Option<BareJid>| jid.map(|jid| jid.to_string()).unwrap_or_default();
    if let [a, b] = &test[..] {
        let (room, inviter, contacts) = (word(test_room), a.to_string(), vec![b.to_string()]);
        return InviteOrder { room, inviter, contacts, reason, dry_run: false, test: true };
    }
    let contacts = match group {
        _ if members => vec![format!("@{MEMBERS}")],
        Some(name) => vec![format!("@{}", name.trim_start_matches('@'))],
        None => contacts.iter().map(ToString::to_string).collect(),
    };
    InviteOrder { room: word(room), inviter: word(inviter), contacts, reason, dry_run, test: false }
}

/// What is printed, and what has been seen so far.
struct Shown<'a, Out> {
    order: &'a InviteOrder,
    json: bool,
    out: &'a mut Out,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    refused: Option<(String, bool)>,
    /// `None` if nobody was begun.
    expected: Option<usize>,
    contacts: usize,
    /// How many ended in each way, if many are invited.
    endings: BTreeMap<String, usize>,
    /// Somebody was not reached, and is not there already.
    missed: bool,
}

/// A line for programs. The names are those of the history.
#[derive(Serialize)]
struct Line<'a> {
    id: Option<i64>,
    room: &'a str,
    inviter: &'a str,
    contact: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    sent_as: Option<&'a str>,
    dry_run: bool,
    adds_member: bool,
}

impl<Out: Write> Shown<'_, Out> {
    fn take(&mut self, answer: InviteAnswer) -> io::Result<()> {
        match answer {
            InviteAnswer::Refused { why, in_the_order } => self.seen.refused = Some((why, in_the_order)),
            InviteAnswer::Begun(count) => self.seen.expected = Some(count),
            InviteAnswer::Contact(contact) => {
                self.seen.contacts += 1;
                self.seen.missed |= !is_well(&contact);
                let reason = contact.reason.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
                *self.seen.endings.entry(format!("{}{reason}", contact.state)).or_default() += 1;
                self.show(&contact)?;
                self.count();
            }
            InviteAnswer::Step { what, well, found } => {
                self.seen.missed |= !well && what != SENDER_STEP;
                let state = if well { "ok" } else { "failed" };
                if self.json {
                    let step = serde_json::json!({ "step": what, "state": state, "found": found });
                    writeln!(self.out, "{step}")?;
                } else {
                    writeln!(self.out, "{state:<9}{what}: {}", printable(&found))?;
                }
                self.out.flush()?;
            }
        }
        Ok(())
    }

    fn show(&mut self, it: &ContactLine) -> io::Result<()> {
        if self.json {
            let line = Line {
                id: it.id,
                room: &self.order.room,
                inviter: &self.order.inviter,
                contact: &it.contact,
                state: &it.state,
                reason: it.reason.as_deref(),
                sent_as: it.sent_as.as_deref(),
                dry_run: self.order.dry_run,
                adds_member: it.adds_member,
            };
            writeln!(self.out, "{}", serde_json::to_string(&line)?)?;
        } else {
            let would = if self.order.dry_run { "would be " } else { "" };
            let reason = it.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            let member = if it.adds_member { ", made a member before" } else { "" };
            writeln!(self.out, "{}: {would}{}{reason}{member}", printable(&it.contact), it.state)?;
        }
        self.out.flush()
    }

    /// Shows how far it has come, if there are many and somebody watches.
    fn count(&self) {
        let (seen, Some(expected)) = (self.seen.contacts, self.seen.expected) else { return };
        let mut terminal = io::stderr();
        if expected >= COUNTED_FROM && terminal.is_terminal() {
            let end = if seen == expected { "\r\u{1b}[K" } else { "\r" };
            // Nobody is told if that fails: it is no part of the result.
            let _ = write!(terminal, "{seen} of {expected}{end}");
        }
    }

    fn finish(self, answered: io::Result<Answered<()>>, journal: &Journal) -> Result<ExitCode, CommandError> {
        let failed = |why: String| Err(CommandError::Refused { why, wrong: false });
        match answered {
            Ok(Answered::Yes(())) => {}
            Ok(Answered::Nobody { .. }) => return Err(CommandError::NoRelay(journal.place.clone().into())),
            Ok(Answered::Hangs(process)) => return Err(CommandError::no_answer(process)),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Err(e.into()),
            Err(e) if e.kind() == io::ErrorKind::ArgumentListTooLong => return Err(self.too_long(&e)),
            Err(e) => return Err(CommandError::not_asked(&e, &journal.socket)),
        }
        if self.seen.contacts >= COUNTED_FROM && !self.json {
            let endings = self.seen.endings.iter().map(|(ending, count)| format!("{count} {ending}"));
            writeln!(
                self.out,
                "{} contacts: {}",
                self.seen.contacts,
                endings.collect::<Vec<_>>().join(", ")
            )?;
        }
        match self.seen {
            Seen { refused: Some((why, wrong)), .. } => Err(CommandError::Refused { why, wrong }),
            Seen { expected: None, .. } => failed("the relay stopped: nobody was invited".to_owned()),
            // The step that failed has said why the contact was not invited.
            Seen { missed: true, .. } if self.order.test => Ok(ExitCode::FAILURE),
            Seen { expected: Some(expected), contacts, .. } if contacts < expected => failed(format!(
                "the relay stopped, or nothing happened for a minute: {} were not invited",
                expected - contacts
            )),
            Seen { missed: true, .. } => Ok(ExitCode::FAILURE),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

impl<Out> Shown<'_, Out> {
    fn too_long(&self, e: &io::Error) -> CommandError {
        let InviteOrder { contacts, reason, .. } = self.order;
        let shorter = if reason.as_ref().is_some_and(|reason| reason.len() > LONG_REASON_BYTES) {
            ", and a shorter reason"
        } else {
            ""
        };
        let why = format!("{e}; {} contacts were given: give fewer at once{shorter}", contacts.len());
        CommandError::Refused { why, wrong: true }
    }
}

/// Whether the contact has the invitation, or is there already.
fn is_well(contact: &ContactLine) -> bool {
    let there = [Reason::Duplicate, Reason::Occupant].map(Reason::as_str);
    contact.state == State::Relayed.as_str()
        || contact.reason.as_deref().is_some_and(|it| there.contains(&it))
}
