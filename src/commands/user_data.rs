//! The commands *what the relay holds about me* and *forget me*. Knows nothing of sessions.

use jid::BareJid;

use super::dispatch::{Commands, Draft, Failure, Outcome};
use super::{blocks, user_settings};
use crate::journal::{Filter, Forget, JournalReader, Record};
use crate::model::address::printable;
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// Invitations that are shown, each way.
const MAX_SHOWN: u32 = 100;

/// The field for what to forget, and what it can hold.
const WHAT: &str = "what";
const INVITATIONS: &str = "invitations";
const EVERYTHING: &str = "everything";

impl Commands {
    pub(super) async fn held(&self, person: &BareJid) -> Result<Outcome, Failure> {
        let mut fields = user_settings::fields(&self.journal.wishes(person.as_str()).await?);
        let (received, sent) = {
            let _alone = self.reading.acquire().await;
            let limit = MAX_SHOWN;
            let received = Filter { contact: Some(person.clone()), limit, ..Filter::default() };
            let sent = Filter { inviter: Some(person.clone()), limit, ..Filter::default() };
            (
                JournalReader::new(&self.path).history(&received).await?,
                JournalReader::new(&self.path).history(&sent).await?,
            )
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
                fields.push(Field::lines(var, label, blocks::fitting(records.iter().map(line))));
            }
        }
        let note = "This is what the relay holds about you.".to_owned();
        Ok(Outcome::Done { note, form: Form::result("What the relay holds about me", fields) })
    }

    pub(super) fn forget_what(draft: &Draft) -> Vec<Field> {
        let options = vec![
            Choice::new(INVITATIONS, "the invitations that I have received and sent; my settings stay"),
            Choice::new(EVERYTHING, "my settings too, so that invitations reach me from everybody"),
        ];
        vec![Field::choice(WHAT, "Forget", options, draft.first(WHAT))]
    }

    pub(super) async fn forget(&self, person: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
        let what = match draft.first(WHAT) {
            // A client may leave out what it has not changed, and this is what it was shown.
            Some(INVITATIONS) | None => Forget::Invitations,
            Some(EVERYTHING) => Forget::Everything,
            Some(_) => return Err(Refusal::BadPayload.into()),
        };
        let _alone = self.reading.acquire().await;
        let forgotten = JournalReader::new(&self.path).forget(person, what).await?;
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
}

/// An invitation as its contact may see it: all of it.
fn line_for_contact(record: &Record) -> String {
    let reason = record.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let (room, inviter) = (printable(&record.room), printable(&record.inviter));
    format!("{} to {room} by {inviter}: {}{reason}", when(record), record.state)
}

/// An invitation as its inviter may see it: not what became of it. That would tell them who is in a room, or wants
/// nothing of them.
fn line_for_inviter(record: &Record) -> String {
    let (room, contact) = (printable(&record.room), printable(&record.contact));
    format!("{} to {room} for {contact}", when(record))
}

pub(super) fn when(record: &Record) -> impl std::fmt::Display + use<> {
    record.received.format("%Y-%m-%d %H:%M UTC")
}
