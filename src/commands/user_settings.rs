//! The command *my settings*: from whom a person accepts invitations, and whom they block. Knows nothing of sessions, nor of
//! what the settings do to an invitation.

use jid::BareJid;

use super::blocks;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use crate::model::{AcceptFrom, Change, Language, Preferences};
use crate::texts::{Id, text};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The name of the field for whose invitations are accepted.
const ACCEPT_FROM_FIELD: &str = "takes";

fn in_words(language: Language, takes: AcceptFrom) -> String {
    let id = match takes {
        AcceptFrom::Everybody => Id::AcceptEverybody,
        AcceptFrom::Contacts => Id::AcceptContacts,
        AcceptFrom::Nobody => Id::AcceptNobody,
        AcceptFrom::Server => Id::AcceptServer,
    };
    text(language, id)
}

/// The form: whose invitations are accepted, and which addresses are blocked.
pub(super) async fn form(
    cx: &Context,
    language: Language,
    person: &BareJid,
    draft: &Draft,
) -> Result<Vec<Field>, Failure> {
    let now = cx.journal.preferences(person.as_str()).await?;
    let offered = AcceptFrom::ALL
        .iter()
        .filter(|takes| **takes == now.accept_from || can_be_decided(cx, person, **takes));
    let options = offered.map(|takes| Choice::new(takes.as_str(), &in_words(language, *takes))).collect();
    let chosen = draft.first(ACCEPT_FROM_FIELD).unwrap_or(now.accept_from.as_str());
    let label = text(language, Id::FieldAcceptFrom);
    let accept_from = Field::choice(ACCEPT_FROM_FIELD, &label, options, Some(chosen));
    Ok([vec![accept_from], blocks::fields(language, &now.blocks, draft)].concat())
}

/// Saves what has been filled in.
pub(super) async fn save(
    cx: &Context,
    language: Language,
    person: &BareJid,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    let again = |complaint| Ok(Outcome::Again { complaint });
    let config = cx.config.load();
    let mut changes = match blocks::changes(language, draft, cx.link.component(), |it| config.muc.serves(it))
    {
        Ok(changes) => changes,
        Err(complaint) => return again(complaint),
    };
    if let Some(word) = draft.first(ACCEPT_FROM_FIELD) {
        let takes: AcceptFrom = word.parse().map_err(|_| Refusal::BadPayload)?;
        let now = cx.journal.preferences(person.as_str()).await?.accept_from;
        if takes != now && !can_be_decided(cx, person, takes) {
            return again(text(language, Id::WrongNoContactList));
        }
        changes.push(Change::AcceptFrom(takes));
    }
    match cx.journal.change_preferences(person.as_str(), changes).await? {
        Ok(preferences) => {
            let title = text(language, Id::CommandSettings);
            let form = Form::result(&title, fields(language, &preferences));
            Ok(Outcome::Done { note: text(language, Id::NoteSettingsSaved), form })
        }
        Err(e) => again(blocks::too_many(language, e)),
    }
}

/// Whether the relay can find out from whom invitations are then accepted: a contact list needs the roster permission.
fn can_be_decided(cx: &Context, person: &BareJid, takes: AcceptFrom) -> bool {
    takes != AcceptFrom::Contacts
        || cx.link.grants(person.domain().as_str()).is_some_and(|grants| grants.roster)
}

/// The settings of a person, to be read.
pub(super) fn fields(language: Language, preferences: &Preferences) -> Vec<Field> {
    let label = text(language, Id::FieldAcceptFrom);
    let mut fields =
        vec![Field::line(ACCEPT_FROM_FIELD, &label, &in_words(language, preferences.accept_from))];
    let blocked = lines_that_fit(preferences.blocks.iter().cloned());
    fields.extend(Field::each_line("blocks", &text(language, Id::FieldBlocked), blocked));
    fields
}
