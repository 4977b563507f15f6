//! JIDs as text, and XEP-0106: how a person's address becomes the localpart of a relay address, and back.
//! Knows nothing of stanzas, rooms' rights or groups.

use jid::{BareJid, NodePart};
use thiserror::Error;

/// Why an address can't be used.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// The component's own domain, where nobody lives.
    #[error("`{0}` has no localpart, so it names nobody")]
    NoLocalpart(String),
    /// A localpart without an escaped `@`: a group's name, say.
    #[error("`{0}` is not an escaped address: expected something like `bob\\40example.org`")]
    NotEscaped(String),
    /// An escaped address with an escaped `/`: one of an occupant, who can't be invited.
    #[error("`{0}` has a resource, an invitation goes to a bare address")]
    HasResource(String),
    /// Not a JID (RFC 7622), or one that is too long.
    #[error("`{address}` is not a valid address: {why}")]
    Invalid {
        /// The address as it was found.
        address: String,
        /// What is wrong with it.
        why: jid::Error,
    },
}

impl AddressError {
    pub(crate) fn invalid(address: &str, why: jid::Error) -> Self {
        let address = address.to_owned();
        Self::Invalid { address, why }
    }
}

/// The two digits behind the backslash for each character that XEP-0106 §3 escapes.
const ESCAPES: [(char, &str); 10] = [
    (' ', "20"),
    ('"', "22"),
    ('&', "26"),
    ('\'', "27"),
    ('/', "2f"),
    (':', "3a"),
    ('<', "3c"),
    ('>', "3e"),
    ('@', "40"),
    ('\\', "5c"),
];

/// The character whose two digits a text begins with. Case matters (XEP-0106 §3.1): nodeprep has lower-cased them.
fn escaped_char(digits: &str) -> Option<char> {
    ESCAPES.iter().find(|(_, code)| digits.starts_with(code)).map(|(c, _)| *c)
}

/// Escapes a text for a localpart (XEP-0106 §4.2). A backslash is escaped only where it would read as an escape.
///
/// A space at either end is escaped like any other, though XEP-0106 wants no such localparts.
#[must_use]
pub fn escape_localpart(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        let code = ESCAPES.iter().find(|(special, _)| *special == c);
        match code {
            Some((_, code)) if c != '\\' || escaped_char(&text[at + 1..]).is_some() => {
                escaped.push('\\');
                escaped.push_str(code);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Undoes [`escape_localpart`]; anything that only resembles an escape stays as it is (XEP-0106 §4.3).
#[must_use]
pub fn unescape_localpart(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        unescaped.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(c) = escaped_char(rest) {
            unescaped.push(c);
            rest = &rest[2..];
        } else {
            unescaped.push('\\');
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// The contact that a relay address stands for, normalised: `bob\40example.org@invites.example.org` gives
/// `bob@example.org`. A resource of the relay address itself is passed over.
///
/// # Errors
///
/// If there is no localpart, nothing escaped in it, or what was escaped is not a bare JID.
pub fn contact_of(relay_address: &str) -> Result<BareJid, AddressError> {
    // Normalised first: XEP-0106 §4.1 unescapes only after nodeprep, and not every server has applied that.
    let relay_address = bare(relay_address)?;
    let Some(localpart) = relay_address.node() else {
        return Err(AddressError::NoLocalpart(relay_address.to_string()));
    };
    let contact = unescape_localpart(localpart.as_str());
    if !contact.contains('@') {
        Err(AddressError::NotEscaped(relay_address.to_string()))
    } else if contact.contains('/') {
        Err(AddressError::HasResource(contact))
    } else {
        BareJid::new(&contact).map_err(|why| AddressError::invalid(&contact, why))
    }
}

/// The relay address of a person: `alice@example.org` on `invites.example.org` gives
/// `alice\40example.org@invites.example.org`.
///
/// # Errors
///
/// If the escaped address is longer than the 1023 bytes of a localpart, or the component is not a domain.
pub fn relay_address(person: &BareJid, component: &str) -> Result<BareJid, AddressError> {
    escaped_on(person.as_str(), component)
}

/// The relay address of an occupant, for an inviter of whom only the nick is known. The room alone where the nick
/// can't stand in a localpart (an emoji, or too long).
///
/// # Errors
///
/// As [`relay_address`].
pub fn relay_address_of_occupant(
    room: &BareJid,
    nick: &str,
    component: &str,
) -> Result<BareJid, AddressError> {
    escaped_on(&format!("{room}/{nick}"), component).or_else(|_| relay_address(room, component))
}

fn escaped_on(address: &str, component: &str) -> Result<BareJid, AddressError> {
    let localpart = escape_localpart(address);
    let localpart = NodePart::new(&localpart).map_err(|why| AddressError::invalid(address, why))?;
    let domain = jid::DomainPart::new(component).map_err(|why| AddressError::invalid(component, why))?;
    Ok(BareJid::from_parts(Some(&localpart), &domain))
}

/// A JID as text, cut at the first `/`: the bare part, and the resource if there is one.
#[must_use]
pub fn split_resource(jid: &str) -> (&str, Option<&str>) {
    match jid.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (jid, None),
    }
}

/// The domain in a JID as text.
#[must_use]
pub fn domain_of(jid: &str) -> &str {
    let (bare, _) = split_resource(jid);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

/// An address for people to read. A nickname is whatever its owner likes: nothing of it may move the cursor or turn the
/// line round.
#[must_use]
pub fn printable(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The bare, normalised form of a JID whose resource may be anything.
pub(crate) fn bare(jid: &str) -> Result<BareJid, AddressError> {
    let (bare, _) = split_resource(jid);
    BareJid::new(bare).map_err(|why| AddressError::invalid(jid, why))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::new(text).unwrap()
    }

    /// The examples of XEP-0106 §5.1 and §4.3.
    #[rstest]
    #[case("space cadet", r"space\20cadet")]
    #[case("call me \"ishmael\"", r"call\20me\20\22ishmael\22")]
    #[case("at&t guy", r"at\26t\20guy")]
    #[case("d'artagnan", r"d\27artagnan")]
    #[case("/.fanboy", r"\2f.fanboy")]
    #[case("::foo::", r"\3a\3afoo\3a\3a")]
    #[case("<foo>", r"\3cfoo\3e")]
    #[case("user@host", r"user\40host")]
    #[case(r"c:\net", r"c\3a\net")]
    #[case(r"c:\\net", r"c\3a\\net")]
    #[case(r"c:\cool stuff", r"c\3a\cool\20stuff")]
    #[case(r"c:\5commas", r"c\3a\5c5commas")]
    #[case(r"\3and\2is\5cool", r"\5c3and\2is\5c5cool")]
    #[case(r"\2plus\2is\4", r"\2plus\2is\4")]
    #[case(r"foo\bar", r"foo\bar")]
    #[case(r"foob\41r", r"foob\41r")]
    #[case("here's_a_wild_&_/cr%zy/_address", r"here\27s_a_wild_\26_\2fcr%zy\2f_address")]
    #[case(r"\", r"\")]
    #[case(r"é\é4", r"é\é4")]
    fn examples_of_the_xep(#[case] plain: &str, #[case] escaped: &str) {
        assert_eq!(escape_localpart(plain), escaped);
        assert_eq!(unescape_localpart(escaped), plain);
    }

    #[test]
    fn upper_case_digits_are_no_escape() {
        assert_eq!(unescape_localpart(r"a\2Fb"), r"a\2Fb");
        // But a server that has not applied nodeprep must not make a difference.
        assert_eq!(
            contact_of(r"O\5C27Hara\40Example.ORG@invites.example.org"),
            Ok(jid(r"o\27hara@example.org"))
        );
    }

    #[test]
    fn the_contact_behind_a_relay_address() {
        assert_eq!(contact_of(r"bob\40example.org@invites.example.org/phone"), Ok(jid("bob@example.org")));
        assert!(matches!(contact_of("invites.example.org"), Err(AddressError::NoLocalpart(_))));
        assert!(matches!(contact_of("members@invites.example.org"), Err(AddressError::NotEscaped(_))));
        assert!(matches!(
            contact_of("bob%example.org@invites.example.org"),
            Err(AddressError::NotEscaped(_))
        ));
        assert!(matches!(contact_of(r"r\40c\2fnick@invites.example.org"), Err(AddressError::HasResource(_))));
        assert!(matches!(
            contact_of(r"\40example.org@invites.example.org"),
            Err(AddressError::Invalid { .. })
        ));
        assert!(matches!(contact_of(r"a\40b\40c@invites.example.org"), Err(AddressError::Invalid { .. })));
        assert!(matches!(contact_of("@"), Err(AddressError::Invalid { .. })));
    }

    #[test]
    fn an_address_too_long_to_be_escaped() {
        let long = jid(&format!("{}@example.org", "a".repeat(1020)));
        assert!(matches!(relay_address(&long, "invites.example.org"), Err(AddressError::Invalid { .. })));
    }

    #[rstest]
    #[case("Alice B", r"den\40conference.example.org\2falice\20b")]
    #[case("🤖", r"den\40conference.example.org")]
    #[case("\u{1}", r"den\40conference.example.org")]
    fn a_masked_inviter(#[case] nick: &str, #[case] localpart: &str) {
        let address =
            relay_address_of_occupant(&jid("den@conference.example.org"), nick, "invites.example.org")
                .unwrap();
        assert_eq!(address.node().unwrap().as_str(), localpart);
        assert_eq!(address.domain().as_str(), "invites.example.org");
    }

    #[test]
    fn a_nick_too_long_for_a_localpart() {
        let room = jid("den@conference.example.org");
        let address = relay_address_of_occupant(&room, &"n".repeat(1000), "invites.example.org");
        assert_eq!(address, relay_address(&room, "invites.example.org"));
    }

    #[test]
    fn parts_of_a_jid() {
        assert_eq!(split_resource("a@b/c/d@e"), ("a@b", Some("c/d@e")));
        assert_eq!(split_resource("a@b"), ("a@b", None));
        assert_eq!(domain_of("a@b/c@d"), "b");
        assert_eq!(domain_of("b/c@d"), "b");
        assert_eq!(domain_of("b"), "b");
    }
}
