//! The admins' command *invite in somebody's name*. Knows nothing of sessions, nor of who is an admin, nor of how an invitation
//! is carried out.

use std::time::Duration;

use jid::BareJid;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::context::{AskedToInvite, Context};
use super::draft::Draft;
use super::invite_words;
use super::outcome::{Failure, Outcome, lines_that_fit};
use crate::journal::JournalClosed;
use crate::model::Language;
use crate::model::address;
use crate::model::invite::{InviteEvent, InviteRequest, Obstacle, Text};
use crate::texts::{Id, text, text_with};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The names of the fields.
const ROOM_FIELD: &str = "room";
const INVITER_FIELD: &str = "inviter";
const CONTACTS_FIELD: &str = "contacts";
const REASON_FIELD: &str = "reason";
const MODE_FIELD: &str = "mode";

/// The values of the choice.
const SEND: &str = "send";
const DRY_RUN: &str = "dry-run";

/// How long the answer waits for invitations to end. Clients wait for some thirty seconds.
const ANSWER_AFTER: Duration = Duration::from_secs(15);

/// How many events may wait to be taken.
const MAX_WAITING_EVENTS: usize = 64;

/// The form.
pub(super) fn form(language: Language, draft: &Draft) -> Vec<Field> {
    let text = |id| text(language, id);
    let line = |var, label| Field::line(var, &text(label), &draft.line(var));
    let modes = [Choice::new(SEND, &text(Id::InviteSend)), Choice::new(DRY_RUN, &text(Id::InviteDryRun))];
    let mode = draft.first(MODE_FIELD).filter(|mode| [SEND, DRY_RUN].contains(mode));
    let contacts = draft.values(CONTACTS_FIELD).unwrap_or_default().to_vec();
    vec![
        line(ROOM_FIELD, Id::FieldInviteRoom),
        line(INVITER_FIELD, Id::FieldInviter),
        Field::lines(CONTACTS_FIELD, &text(Id::FieldInviteContacts), contacts),
        line(REASON_FIELD, Id::FieldInviteReason),
        Field::choice(MODE_FIELD, &text(Id::FieldInviteMode), modes.to_vec(), mode),
    ]
}

/// Invites whom an admin has named.
pub(super) async fn invite(
    cx: &Context,
    language: Language,
    admin: &BareJid,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    let again = |obstacle: &Obstacle| {
        let complaint = invite_words::obstacle(language, &cx.config.load(), obstacle);
        Ok(Outcome::Again { complaint })
    };
    let request = match request(draft)? {
        Ok(request) => request,
        Err(obstacle) => return again(&obstacle),
    };
    let dry_run = request.dry_run;
    let (events, mut told) = mpsc::channel(MAX_WAITING_EVENTS);
    // It fails only if the relay is stopping.
    cx.invite
        .send(AskedToInvite { request, by: admin.to_string(), events })
        .await
        .map_err(|_| JournalClosed)?;
    let deadline = Instant::now() + ANSWER_AFTER;
    let (mut count, mut lines) = (0, Vec::new());
    while let Ok(Some(event)) = timeout_at(deadline, told.recv()).await {
        match event {
            InviteEvent::Obstacle(obstacle) => return again(&obstacle),
            InviteEvent::Begun(contacts) => count = contacts,
            InviteEvent::Contact(contact) => lines.push(invite_words::line(&contact)),
            // Only tests have steps.
            InviteEvent::Step(_) => {}
        }
    }
    let left = count - lines.len().min(count);
    if left > 0 {
        // Whoever does not wait any longer must not stop what is not begun yet.
        tokio::spawn(async move { while told.recv().await.is_some() {} });
    }
    let id = if dry_run { Id::NoteRehearsed } else { Id::NoteInvited };
    let note = text_with(language, id, &[("count", lines.len().into()), ("waiting", left.into())]);
    let fields =
        Field::each_line("contacts", &text(language, Id::FieldEnded), lines_that_fit(lines.into_iter()));
    Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandInvite), fields) })
}

/// What an admin has filled in.
fn request(draft: &Draft) -> Result<Result<InviteRequest, Obstacle>, Failure> {
    let address = |var| {
        let word = draft.first(var).unwrap_or_default().trim().trim_start_matches("xmpp:");
        let bare = (!word.contains('/')).then(|| address::typed(word).ok()).flatten();
        bare.ok_or_else(|| Obstacle::NoAddress(word.to_owned()))
    };
    let dry_run = match draft.first(MODE_FIELD) {
        Some(SEND) | None => false,
        Some(DRY_RUN) => true,
        Some(_) => return Err(Refusal::BadPayload.into()),
    };
    let request = || {
        Ok(InviteRequest {
            room: address(ROOM_FIELD)?,
            inviter: address(INVITER_FIELD)?,
            whom: invite_words::whom(draft.words(CONTACTS_FIELD))?,
            reason: draft.first(REASON_FIELD).map(|reason| Text(reason.to_owned())),
            trial: None,
            dry_run,
        })
    };
    Ok(request())
}
