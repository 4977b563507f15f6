//! The commands *what the relay holds about me* and *forget me*. Knows nothing of sessions.

use jid::BareJid;

use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use super::{invite_words, user_settings};
use crate::journal::{Filter, Forget, Record};
use crate::model::Language;
use crate::model::address::printable;
use crate::texts::{Id, text, text_with};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The most invitations that are shown, received ones and sent ones each.
const MAX_INVITATIONS_SHOWN: u32 = 100;

/// The name of the field for what to forget, and its values.
const FORGET_FIELD: &str = "what";
const FORGET_INVITATIONS: &str = "invitations";
const FORGET_EVERYTHING: &str = "everything";

/// Shows everything that the journal has about a person.
pub(super) async fn show(cx: &Context, language: Language, person: &BareJid) -> Result<Outcome, Failure> {
    let mut fields = user_settings::fields(language, &cx.journal.preferences(person.as_str()).await?);
    let (received, sent) = {
        let _one_at_a_time = cx.history.acquire().await;
        let limit = MAX_INVITATIONS_SHOWN;
        let received = Filter { contact: Some(person.clone()), limit, ..Filter::default() };
        let sent = Filter { inviter: Some(person.clone()), limit, ..Filter::default() };
        (cx.reader().history(&received).await?, cx.reader().history(&sent).await?)
    };
    let lists = [
        ("received", Id::FieldReceived, received, line_for_contact as fn(Language, &Record) -> String),
        ("sent", Id::FieldSent, sent, line_for_inviter),
    ];
    for (var, label, records, line) in lists {
        let lines = lines_that_fit(records.iter().map(|record| line(language, record)));
        fields.extend(Field::each_line(var, &text(language, label), lines));
    }
    let form = Form::result(&text(language, Id::CommandData), fields);
    Ok(Outcome::Done { note: text(language, Id::NoteData), form })
}

/// The form for what to forget.
pub(super) fn forget_form(language: Language, draft: &Draft) -> Vec<Field> {
    let options = vec![
        Choice::new(FORGET_INVITATIONS, &text(language, Id::ForgetInvitations)),
        Choice::new(FORGET_EVERYTHING, &text(language, Id::ForgetEverything)),
    ];
    let label = text(language, Id::FieldForget);
    vec![Field::choice(FORGET_FIELD, &label, options, draft.first(FORGET_FIELD))]
}

/// Forgets what has been chosen.
pub(super) async fn forget(
    cx: &Context,
    language: Language,
    person: &BareJid,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    let what = match draft.first(FORGET_FIELD) {
        // A client may leave out a field that was not changed; this is the value that was shown.
        Some(FORGET_INVITATIONS) | None => Forget::Invitations,
        Some(FORGET_EVERYTHING) => Forget::Everything,
        Some(_) => return Err(Refusal::BadPayload.into()),
    };
    let _one_at_a_time = cx.history.acquire().await;
    let forgotten = cx.reader().forget(person, what).await?;
    let id = match what {
        Forget::Invitations => Id::ForgottenInvitations,
        Forget::Everything => Id::ForgottenEverything,
    };
    let note = text_with(language, id, &[("count", forgotten.invitations.into())]);
    let line = Field::line("forgotten", &text(language, Id::FieldForgotten), &note);
    let form = Form::result(&text(language, Id::CommandForget), vec![line]);
    Ok(Outcome::Done { note, form })
}

/// An invitation as its contact may see it: all of it.
fn line_for_contact(language: Language, record: &Record) -> String {
    let arguments = [
        ("when", when(record)),
        ("room", printable(&record.room)),
        ("inviter", printable(&record.inviter)),
        ("state", state(record)),
    ];
    text_with(language, Id::LineReceived, &arguments.map(|(name, value)| (name, value.into())))
}

/// An invitation as its inviter may see it: without its state, which would tell them who is in a room, and who blocks them.
fn line_for_inviter(language: Language, record: &Record) -> String {
    let arguments =
        [("when", when(record)), ("room", printable(&record.room)), ("contact", printable(&record.contact))];
    text_with(language, Id::LineSent, &arguments.map(|(name, value)| (name, value.into())))
}

/// When an invitation was received, for people to read.
pub(super) fn when(record: &Record) -> String {
    record.received.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// State and reason of an invitation, in the words of the history.
pub(super) fn state(record: &Record) -> String {
    invite_words::state(record.state, record.reason)
}
