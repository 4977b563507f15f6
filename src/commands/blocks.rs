//! Lists of what is blocked, as people fill them in: addresses to add, addresses to lift.
//! Knows neither whose they are nor what they do.

use std::collections::BTreeSet;

use jid::BareJid;

use super::dispatch::Draft;
use crate::model::Change;
use crate::model::address::{self, AddressError};
use crate::wire::data_form::{Choice, Field};

/// The fields.
const BLOCK: &str = "block";
const LIFT: &str = "lift";

/// What to lift beside single ones. A slash stands in no bare address.
const NOTHING: &str = "/nothing";
const EVERYTHING: &str = "/everything";

/// Bytes of text in one answer. Servers end a connection that carries too large a stanza, and escaping makes it longer.
const MAX_TEXT_BYTES: usize = 40_000;

/// The fields for a list as it is. Every client has fields of these two types, though others would suit better.
pub(super) fn fields(blocks: &BTreeSet<String>, draft: &Draft) -> Vec<Field> {
    let typed = draft.values(BLOCK).unwrap_or_default().join(" ");
    let mut fields = vec![Field::line(
        BLOCK,
        "Block: addresses of rooms, MUC services or people, with spaces between",
        &typed,
    )];
    if !blocks.is_empty() {
        let mut options = vec![Choice::new(NOTHING, "nothing"), Choice::new(EVERYTHING, "everything")];
        options.extend(fitting(blocks.iter().cloned()).iter().map(|jid| Choice::new(jid, jid)));
        let chosen =
            draft.first(LIFT).filter(|it| [NOTHING, EVERYTHING].contains(it) || blocks.contains(*it));
        fields.push(Field::choice(LIFT, "Block no longer", options, chosen));
    }
    fields
}

/// What somebody wants to be changed.
///
/// # Errors
/// What they wrote is no address: a sentence for them to read.
pub(super) fn changes(draft: &Draft, component: &str) -> Result<Vec<Change>, String> {
    let lifted = draft.values(LIFT).unwrap_or_default().iter().filter_map(|value| match value.as_str() {
        NOTHING | "" => None,
        EVERYTHING => Some(Change::LiftAll),
        jid => Some(Change::Lift(jid.to_owned())),
    });
    let typed = draft.values(BLOCK).unwrap_or_default();
    let words = typed.iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || ",;".contains(c)));
    let blocked = words.filter(|word| !word.is_empty()).map(|word| match what(word, component) {
        Ok(jid) => Ok(Change::Block(jid.to_string())),
        Err(e) => Err(format!("This can't be blocked: {e}")),
    });
    lifted.map(Ok).chain(blocked).collect()
}

/// Whom somebody means who copies an address from where they have seen it: a full one, or an inviter's relay address.
fn what(word: &str, component: &str) -> Result<BareJid, AddressError> {
    let jid = address::bare(word.trim_start_matches("xmpp:"))?;
    if jid.domain().as_str() == component && jid.node().is_some() {
        return address::contact_of(jid.as_str());
    }
    Ok(jid)
}

/// The first of these lines, as many as one answer can carry.
pub(super) fn fitting(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut left = MAX_TEXT_BYTES;
    let mut fitting = Vec::new();
    for line in lines {
        match left.checked_sub(line.len() + 1) {
            Some(rest) => left = rest,
            None => break,
        }
        fitting.push(line);
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(var: &str, values: &[&str]) -> Draft {
        Draft::of(&[(var, values)])
    }

    fn blocked(text: &str) -> Result<Vec<Change>, String> {
        changes(&draft(BLOCK, &[text]), "invites.example.org")
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
        for text in ["a@@b", "a@b c@", r"tea\40c\2fnick@invites.example.org", "nobody@invites.example.org"] {
            assert!(blocked(text).unwrap_err().starts_with("This can't be blocked: "), "{text}");
        }
    }

    #[test]
    fn what_is_lifted() {
        let lifted = |values: &[&str]| changes(&draft(LIFT, values), "invites.example.org").unwrap();
        assert_eq!(lifted(&[NOTHING]), []);
        assert_eq!(lifted(&[""]), []);
        assert_eq!(lifted(&[EVERYTHING]), [Change::LiftAll]);
        assert_eq!(lifted(&["a@b", "c"]), [Change::Lift("a@b".into()), Change::Lift("c".into())]);
    }

    #[test]
    fn an_answer_stays_small() {
        let many: BTreeSet<String> = (0..200).map(|n| format!("{n:02000}@c")).collect();
        let [_, lift] = &fields(&many, &Draft::default())[..] else { panic!("two fields") };
        assert!((5..30).contains(&lift.options.len()), "{}", lift.options.len());
        assert_eq!(lift.values, [NOTHING]);
        assert_eq!(fields(&BTreeSet::new(), &Draft::default()).len(), 1);
    }
}
