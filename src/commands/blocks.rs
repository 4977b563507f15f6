//! The page for blocked addresses: fields for those to block and those to block no longer. Knows nothing of whose they are,
//! nor of what blocking does.

use std::collections::BTreeSet;

use jid::BareJid;

use super::draft::Draft;
use super::outcome::{lines_that_fit, shortened};
use crate::model::address::{self, AddressError};
use crate::model::{Change, Language, TooMany, domain};
use crate::texts::{Id, text, text_with};
use crate::wire::data_form::{Choice, Field};

/// The names of the fields.
pub(super) const BLOCK_FIELD: &str = "block";
pub(super) const LIFT_FIELD: &str = "lift";

/// Options of the second field that are no addresses: no bare address has a slash.
const LIFT_NOTHING: &str = "/nothing";
const LIFT_EVERYTHING: &str = "/everything";

/// The fields, for the addresses that are blocked now. All clients know these two types of fields; others would suit better.
pub(super) fn fields(language: Language, blocks: &BTreeSet<String>, draft: &Draft) -> Vec<Field> {
    let text = |id| text(language, id);
    let mut fields = vec![Field::line(BLOCK_FIELD, &text(Id::FieldBlock), &draft.line(BLOCK_FIELD))];
    if !blocks.is_empty() {
        let mut options = vec![
            Choice::new(LIFT_NOTHING, &text(Id::LiftNothing)),
            Choice::new(LIFT_EVERYTHING, &text(Id::LiftEverything)),
        ];
        options.extend(lines_that_fit(blocks.iter().cloned()).iter().map(|jid| Choice::new(jid, jid)));
        let chosen = draft
            .first(LIFT_FIELD)
            .filter(|it| [LIFT_NOTHING, LIFT_EVERYTHING].contains(it) || blocks.contains(*it));
        fields.push(Field::choice(LIFT_FIELD, &text(Id::FieldLift), options, chosen));
    }
    fields
}

/// The changes that a person has filled in. `has_rooms`: whether a domain is a MUC service.
///
/// # Errors
/// A word is no address, or that of somebody in a room, which would block the whole room: a sentence about it, for the person
/// to read.
pub(super) fn changes(
    language: Language,
    draft: &Draft,
    component: &str,
    has_rooms: impl Fn(&str) -> bool,
) -> Result<Vec<Change>, String> {
    let lifted =
        draft.values(LIFT_FIELD).unwrap_or_default().iter().filter_map(|value| match value.as_str() {
            LIFT_NOTHING | "" => None,
            LIFT_EVERYTHING => Some(Change::LiftAll),
            jid => Some(Change::Lift(jid.to_owned())),
        });
    let can_be_blocked = |jid: &BareJid, word: &str| {
        let domain = jid.domain().as_str();
        domain::is_host_name(domain) && !(word.contains('/') && has_rooms(domain))
    };
    let blocked = draft.words(BLOCK_FIELD).map(|word| match address_meant(word, component) {
        Ok(jid) if can_be_blocked(&jid, word) => Ok(Change::Block(jid.to_string())),
        _ => Err(text_with(language, Id::WrongBlock, &[("word", shortened(word).into())])),
    });
    lifted.map(Ok).chain(blocked).collect()
}

/// The address that a person means. They may have copied a full JID, or the relay address that stands for an inviter. The domain
/// may be any: what an earlier version has blocked can be lifted.
pub(super) fn address_meant(word: &str, component: &str) -> Result<BareJid, AddressError> {
    let jid = address::bare(word.trim_start_matches("xmpp:"))?;
    if jid.domain().as_str() == component && jid.node().is_some() {
        return address::contact_of(jid.as_str());
    }
    Ok(jid)
}

/// Nothing is changed, since more addresses would be blocked than can be.
pub(super) fn too_many(language: Language, TooMany(count): TooMany) -> String {
    text_with(language, Id::WrongTooManyBlocks, &[("count", count.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(var: &str, values: &[&str]) -> Draft {
        Draft::of(&[(var, values)])
    }

    fn blocked(text: &str) -> Result<Vec<Change>, String> {
        let has_rooms = |domain: &str| domain == "conference.example.org";
        changes(Language::English, &draft(BLOCK_FIELD, &[text]), "invites.example.org", has_rooms)
    }

    #[test]
    fn addresses_are_taken_as_people_copy_them() {
        for (text, jid) in [
            ("tea@conference.example.org", "tea@conference.example.org"),
            (" Alice@Example.ORG/phone ", "alice@example.org"),
            ("xmpp:conference.example.org", "conference.example.org"),
            (r"alice\40example.net@invites.example.org", "alice@example.net"),
            ("invites.example.org", "invites.example.org"),
        ] {
            assert_eq!(blocked(text), Ok(vec![Change::Block(jid.into())]), "{text}");
        }
        assert_eq!(blocked("a@b.c,\n d.e;").unwrap().len(), 2);
        assert_eq!(blocked(" ").unwrap(), []);
        for text in [
            "a@@b",
            "a@b c@",
            "tea@conference.example.org/Eve",
            r"tea\40c\2fnick@invites.example.org",
            "nobody@invites.example.org",
            "*.spam.example",
            "\"spam.example\"",
            "eve@*",
            "${DOMAIN}",
            r"eve\40*@invites.example.org",
        ] {
            assert!(blocked(text).unwrap_err().starts_with("This can't be blocked: "), "{text}");
        }
    }

    #[test]
    fn what_is_lifted() {
        let lifted = |values: &[&str]| {
            changes(Language::English, &draft(LIFT_FIELD, values), "invites.example.org", |_| false).unwrap()
        };
        assert_eq!(lifted(&[LIFT_NOTHING]), []);
        assert_eq!(lifted(&[""]), []);
        assert_eq!(lifted(&[LIFT_EVERYTHING]), [Change::LiftAll]);
        assert_eq!(lifted(&["a@b", "c"]), [Change::Lift("a@b".into()), Change::Lift("c".into())]);
    }

    #[test]
    fn an_answer_stays_small() {
        let many: BTreeSet<String> = (0..200).map(|n| format!("{n:02000}@c")).collect();
        let [_, lift] = &fields(Language::German, &many, &Draft::default())[..] else { panic!("two fields") };
        assert!((5..30).contains(&lift.options.len()), "{}", lift.options.len());
        assert_eq!(lift.values, [LIFT_NOTHING]);
        assert_eq!(fields(Language::German, &BTreeSet::new(), &Draft::default()).len(), 1);
    }
}
