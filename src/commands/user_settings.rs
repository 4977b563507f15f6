//! The command *my settings*: from whom a person accepts invitations, and whom they block. Knows nothing of sessions, nor of
//! what the settings do to an invitation.

use jid::BareJid;

use super::blocks;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use crate::model::{AcceptFrom, Change, Preferences};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The name of the field for whose invitations are accepted.
const ACCEPT_FROM_FIELD: &str = "takes";

/// The numbers of the pages.
const ACCEPT_FROM_PAGE: usize = 0;
const BLOCKS_PAGE: usize = 1;

fn in_words(takes: AcceptFrom) -> &'static str {
    match takes {
        AcceptFrom::Everybody => "from everybody",
        AcceptFrom::Contacts => "only from people in my contact list",
        AcceptFrom::Nobody => "none at all",
        AcceptFrom::Server => "left to my server where it can deliver them, as if there were no relay",
    }
}

/// The page for whose invitations are accepted.
pub(super) async fn accept_from_page(
    cx: &Context,
    person: &BareJid,
    draft: &Draft,
) -> Result<Vec<Field>, Failure> {
    let now = cx.journal.wishes(person.as_str()).await?.takes;
    let offered =
        AcceptFrom::ALL.iter().filter(|takes| **takes == now || can_be_decided(cx, person, **takes));
    let options = offered.map(|takes| Choice::new(takes.as_str(), in_words(*takes))).collect();
    let chosen = draft.first(ACCEPT_FROM_FIELD).unwrap_or(now.as_str());
    Ok(vec![Field::choice(ACCEPT_FROM_FIELD, "Invitations to rooms", options, Some(chosen))])
}

/// The page for blocked addresses.
pub(super) async fn blocks_page(
    cx: &Context,
    person: &BareJid,
    draft: &Draft,
) -> Result<Vec<Field>, Failure> {
    let now = cx.journal.wishes(person.as_str()).await?;
    Ok(blocks::fields(&now.blocks, draft))
}

/// Saves what has been filled in.
pub(super) async fn save(cx: &Context, person: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
    let again = |page, complaint| Ok(Outcome::Again { page, complaint });
    let mut changes = match blocks::changes(draft, cx.link.component()) {
        Ok(changes) => changes,
        Err(complaint) => return again(BLOCKS_PAGE, complaint),
    };
    if let Some(word) = draft.first(ACCEPT_FROM_FIELD) {
        let takes: AcceptFrom = word.parse().map_err(|_| Refusal::BadPayload)?;
        let now = cx.journal.wishes(person.as_str()).await?.takes;
        if takes != now && !can_be_decided(cx, person, takes) {
            return again(ACCEPT_FROM_PAGE, "The relay can't see your contact list.".to_owned());
        }
        changes.push(Change::AcceptFrom(takes));
    }
    match cx.journal.change_wishes(person.as_str(), changes).await? {
        Ok(wishes) => Ok(Outcome::Done { note: "Your settings are saved.".to_owned(), form: shown(&wishes) }),
        Err(too_many) => again(BLOCKS_PAGE, format!("Nothing is changed: {too_many}.")),
    }
}

/// Whether the relay can find out from whom invitations are then accepted: a contact list needs the roster permission.
fn can_be_decided(cx: &Context, person: &BareJid, takes: AcceptFrom) -> bool {
    takes != AcceptFrom::Contacts
        || cx.link.grants(person.domain().as_str()).is_some_and(|grants| grants.roster)
}
fn shown(wishes: &Preferences) -> Form {
    Form::result("My settings", fields(wishes))
}

/// The settings of a person, to be read.
pub(super) fn fields(wishes: &Preferences) -> Vec<Field> {
    let mut fields = vec![Field::line(ACCEPT_FROM_FIELD, "Invitations to rooms", in_words(wishes.takes))];
    if !wishes.blocks.is_empty() {
        fields.push(Field::lines("blocks", "Blocked", lines_that_fit(wishes.blocks.iter().cloned())));
    }
    fields
}
