//! The commands *what the relay holds about me* and *forget me*. Knows nothing of sessions.

use jid::BareJid;

use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use super::user_settings;
use crate::journal::{Filter, Forget, Record};
use crate::model::address::printable;
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The most invitations that are shown, received ones and sent ones each.
const MAX_INVITATIONS_SHOWN: u32 = 100;

/// The name of the field for what to forget, and its values.
const FORGET_FIELD: &str = "what";
const FORGET_INVITATIONS: &str = "invitations";
const FORGET_EVERYTHING: &str = "everything";

/// Shows everything that the journal has about a person.
pub(super) async fn show(cx: &Context, person: &BareJid) -> Result<Outcome, Failure> {
    let mut fields = user_settings::fields(&cx.journal.wishes(person.as_str()).await?);
    let (received, sent) = {
        let _one_at_a_time = cx.history.acquire().await;
        let limit = MAX_INVITATIONS_SHOWN;
        let received = Filter { contact: Some(person.clone()), limit, ..Filter::default() };
        let sent = Filter { inviter: Some(person.clone()), limit, ..Filter::default() };
        (cx.reader().history(&received).await?, cx.reader().history(&sent).await?)
    };
    let lists = [
        (
            "received",
            "Invitations for me, the newest first",
            received,
            line_for_contact as fn(&Record) -> String,
        ),
        ("sent", "Invitations by me, the newest first", sent, line_for_inviter),
    ];
    for (var, label, records, line) in lists {
        if !records.is_empty() {
            fields.push(Field::lines(var, label, lines_that_fit(records.iter().map(line))));
        }
    }
    let note = "This is what the relay holds about you.".to_owned();
    Ok(Outcome::Done { note, form: Form::result("What the relay holds about me", fields) })
}

/// The page for what to forget.
pub(super) fn forget_page(draft: &Draft) -> Vec<Field> {
    let options = vec![
        Choice::new(FORGET_INVITATIONS, "the invitations that I have received and sent; my settings stay"),
        Choice::new(FORGET_EVERYTHING, "my settings too, so that invitations reach me from everybody"),
    ];
    vec![Field::choice(FORGET_FIELD, "Forget", options, draft.first(FORGET_FIELD))]
}

/// Forgets what has been chosen.
pub(super) async fn forget(cx: &Context, person: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
    let what = match draft.first(FORGET_FIELD) {
        // A client may leave out a field that was not changed; this is the value that was shown.
        Some(FORGET_INVITATIONS) | None => Forget::Invitations,
        Some(FORGET_EVERYTHING) => Forget::Everything,
        Some(_) => return Err(Refusal::BadPayload.into()),
    };
    let _one_at_a_time = cx.history.acquire().await;
    let forgotten = cx.reader().forget(person, what).await?;
    let count = forgotten.invitations;
    let noun = if count == 1 { "invitation is" } else { "invitations are" };
    let settings = match what {
        Forget::Invitations => "Your settings stay as they are.",
        Forget::Everything => "Your settings are forgotten: invitations reach you from everybody.",
    };
    let note = format!("{count} {noun} forgotten. {settings}");
    let form = Form::result("Forget me", vec![Field::line("forgotten", "Forgotten", &note)]);
    Ok(Outcome::Done { note, form })
}
/// An invitation as its contact may see it: all of it.
fn line_for_contact(record: &Record) -> String {
    let reason = record.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let (room, inviter) = (printable(&record.room), printable(&record.inviter));
    format!("{} to {room} by {inviter}: {}{reason}", when(record), record.state)
}

/// An invitation as its inviter may see it: without its state, which would tell them who is in a room, and who blocks them.
fn line_for_inviter(record: &Record) -> String {
    let (room, contact) = (printable(&record.room), printable(&record.contact));
    format!("{} to {room} for {contact}", when(record))
}

/// When an invitation was received, for people to read.
pub(super) fn when(record: &Record) -> impl std::fmt::Display + use<> {
    record.received.format("%Y-%m-%d %H:%M UTC")
}
