//! The command *my settings*: from whom somebody takes invitations, and what they block.
//! Knows nothing of sessions, nor of what the settings do to an invitation.

use jid::BareJid;

use super::blocks;
use super::dispatch::{Commands, Draft, Failure, Outcome};
use crate::model::{AcceptFrom, Change, Preferences};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::Refusal;

/// The field for whose invitations are taken.
const TAKES: &str = "takes";

/// The pages.
const FROM_WHOM: usize = 0;
const BLOCKS: usize = 1;

fn in_words(takes: AcceptFrom) -> &'static str {
    match takes {
        AcceptFrom::Everybody => "from everybody",
        AcceptFrom::Contacts => "only from people in my contact list",
        AcceptFrom::Nobody => "none at all",
        AcceptFrom::Server => "left to my server where it can deliver them, as if there were no relay",
    }
}

impl Commands {
    pub(super) async fn settings_from_whom(
        &self,
        person: &BareJid,
        draft: &Draft,
    ) -> Result<Vec<Field>, Failure> {
        let now = self.journal.wishes(person.as_str()).await?.takes;
        let offered = AcceptFrom::ALL.iter().filter(|takes| **takes == now || self.can_tell(person, **takes));
        let options = offered.map(|takes| Choice::new(takes.as_str(), in_words(*takes))).collect();
        let chosen = draft.first(TAKES).unwrap_or(now.as_str());
        Ok(vec![Field::choice(TAKES, "Invitations to rooms", options, Some(chosen))])
    }

    pub(super) async fn settings_blocks(
        &self,
        person: &BareJid,
        draft: &Draft,
    ) -> Result<Vec<Field>, Failure> {
        let now = self.journal.wishes(person.as_str()).await?;
        Ok(blocks::fields(&now.blocks, draft))
    }

    pub(super) async fn settings(&self, person: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
        let again = |page, complaint| Ok(Outcome::Again { page, complaint });
        let mut changes = match blocks::changes(draft, self.link.component()) {
            Ok(changes) => changes,
            Err(complaint) => return again(BLOCKS, complaint),
        };
        if let Some(word) = draft.first(TAKES) {
            let takes: AcceptFrom = word.parse().map_err(|_| Refusal::BadPayload)?;
            let now = self.journal.wishes(person.as_str()).await?.takes;
            if takes != now && !self.can_tell(person, takes) {
                return again(FROM_WHOM, "The relay can't see your contact list.".to_owned());
            }
            changes.push(Change::AcceptFrom(takes));
        }
        match self.journal.change_wishes(person.as_str(), changes).await? {
            Ok(wishes) => {
                Ok(Outcome::Done { note: "Your settings are saved.".to_owned(), form: shown(&wishes) })
            }
            Err(too_many) => again(BLOCKS, format!("Nothing is changed: {too_many}.")),
        }
    }

    /// Whether it can be told who sends what is to be taken.
    fn can_tell(&self, person: &BareJid, takes: AcceptFrom) -> bool {
        takes != AcceptFrom::Contacts
            || self.link.grants(person.domain().as_str()).is_some_and(|grants| grants.roster)
    }
}

fn shown(wishes: &Preferences) -> Form {
    Form::result("My settings", fields(wishes))
}

/// Somebody's settings, to be read.
pub(super) fn fields(wishes: &Preferences) -> Vec<Field> {
    let mut fields = vec![Field::line(TAKES, "Invitations to rooms", in_words(wishes.takes))];
    if !wishes.blocks.is_empty() {
        fields.push(Field::lines("blocks", "Blocked", blocks::fitting(wishes.blocks.iter().cloned())));
    }
    fields
}
