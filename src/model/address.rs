//! JIDs as text, and XEP-0106: how a person's address becomes the localpart of a relay address, and back.
//! Knows nothing of stanzas, rooms' rights or groups.

use jid::{BareJid, NodePart, NodeRef, ResourcePart};
use thiserror::Error;

use super::domain;

/// Why an address can't be used.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// The address is a domain alone, such as the component's own.
    #[error("`{0}` has no localpart, so it names nobody")]
    NoLocalpart(String),
    /// The localpart has no escaped `@`, nor a `%` for it; it may be a group's name.
    #[error("`{0}` is not an escaped address: expected something like `bob\\40example.org`")]
    NotEscaped(String),
    /// The escaped address has a resource (an escaped `/`), as an occupant's has. Only bare addresses can be invited.
    #[error("`{0}` has a resource, an invitation goes to a bare address")]
    HasResource(String),
    /// A server sent the address, and normalising changes it into another one, which may belong to somebody else.
    #[error("`{address}` is not as JIDs are written: normalised it is `{other}`, which may be somebody else")]
    SomebodyElse {
        /// The address as it was found.
        address: String,
        /// Its normalised form.
        other: BareJid,
    },
    /// Not a JID (RFC 7622), or one that is too long.
    #[error("`{address}` is not a valid address: {why}")]
    Invalid {
        /// The address as it was found.
        address: String,
        /// What the JID parser found wrong.
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

/// The character whose escape code `digits` begins with. Codes in capitals are none (XEP-0106 §3.1): nodeprep has
/// lower-cased all codes.
fn escaped_char(digits: &str) -> Option<char> {
    ESCAPES.iter().find(|(_, code)| digits.starts_with(code)).map(|(c, _)| *c)
}

/// Escapes a text for a localpart (XEP-0106 §4.2). A backslash is escaped only where it would read as an escape.
///
/// A space at either end is escaped as well, although XEP-0106 forbids such localparts.
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
/// `bob@example.org`. So does `bob%example.org@invites.example.org`, for clients in which nobody can type a backslash; of
/// several `%` the last one stands for the `@`. A resource of the relay address itself is ignored.
///
/// # Errors
///
/// [`AddressError::NoLocalpart`], [`AddressError::NotEscaped`] or [`AddressError::HasResource`] as described there;
/// [`AddressError::SomebodyElse`] if normalising would lead to another contact; [`AddressError::Invalid`] if the relay
/// address or the unescaped text is not a JID.
pub fn contact_of(relay_address: &str) -> Result<BareJid, AddressError> {
    // Normalised first: XEP-0106 §4.1 unescapes only after nodeprep, and not every server has applied that.
    contact_behind(&own(relay_address)?)
}

/// [`contact_of`] for a relay address that is normalised.
///
/// # Errors
///
/// As [`contact_of`].
pub fn contact_behind(relay_address: &BareJid) -> Result<BareJid, AddressError> {
    let Some(localpart) = relay_address.node() else {
        return Err(AddressError::NoLocalpart(relay_address.to_string()));
    };
    let mut contact = unescape_localpart(localpart.as_str());
    if !contact.contains('@') {
        let Some(at) = contact.rfind(AT_WITHOUT_BACKSLASH) else {
            return Err(AddressError::NotEscaped(relay_address.to_string()));
        };
        contact.replace_range(at..=at, "@");
    }
    if contact.contains('/') {
        return Err(AddressError::HasResource(contact));
    }
    own(&contact)
}

/// Stands for the `@` in a relay address that has no escaped one. No domain contains it.
pub(super) const AT_WITHOUT_BACKSLASH: char = '%';

/// The relay address of a person: `alice@example.org` on `invites.example.org` gives
/// `alice\40example.org@invites.example.org`.
///
/// # Errors
///
/// [`AddressError::Invalid`]: the escaped address is longer than the 1023 bytes of a localpart, or the component is not a
/// domain.
pub fn relay_address(person: &BareJid, component: &str) -> Result<BareJid, AddressError> {
    escaped_on(person.as_str(), component)
}

/// The relay address of an occupant, for an inviter of whom only the nick is known. It stands for the room alone if the
/// nick can't be part of a localpart (because it has an emoji or is too long).
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

/// Whether this is what [`relay_address`] gives.
#[must_use]
pub fn is_relay_address_of(relay_address: &BareJid, person: &BareJid, component: &str) -> bool {
    relay_address.domain().as_str() == component
        && relay_address.node().is_some_and(|node| node.as_str() == escape_localpart(person.as_str()))
}

fn escaped_on(address: &str, component: &str) -> Result<BareJid, AddressError> {
    let localpart = escape_localpart(address);
    let localpart = NodePart::new(&localpart).map_err(|why| AddressError::invalid(address, why))?;
    let domain = jid::DomainPart::new(component).map_err(|why| AddressError::invalid(component, why))?;
    normal(BareJid::from_parts(Some(&localpart), &domain)).map_err(|why| AddressError::invalid(address, why))
}

/// A JID as text, cut at the first `/`: the bare part, and the resource if there is one.
#[must_use]
pub fn split_resource(jid: &str) -> (&str, Option<&str>) {
    match cut_at(b'/', jid) {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (jid, None),
    }
}

/// The text on both sides of the first `mark`, an ASCII character. Some forty times for each invitation, so it does not go through
/// `char`s.
fn cut_at(mark: u8, text: &str) -> Option<(&str, &str)> {
    memchr::memchr(mark, text.as_bytes()).map(|at| (&text[..at], &text[at + 1..]))
}

/// Whether a text can be the resource of a JID.
#[must_use]
pub fn is_resource(text: &str) -> bool {
    ResourcePart::new(text).is_ok()
}

/// The domain in a JID as text.
#[must_use]
pub fn domain_of(jid: &str) -> &str {
    let (bare, _) = split_resource(jid);
    cut_at(b'@', bare).map_or(bare, |(_, domain)| domain)
}

/// An address for people to read. Control characters and those that change the direction of writing are replaced, since
/// a nickname may have any of them.
#[must_use]
pub fn printable(text: &str) -> String {
    let harmless = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The bare, normalised form of a JID that a person has typed; the resource is not checked. Two results are equal if the
/// JIDs are the same address, however the domain is spelled ([`domain::canonical`]).
///
/// # Errors
/// [`AddressError::Invalid`]: it is not a JID.
pub fn bare(jid: &str) -> Result<BareJid, AddressError> {
    let (bare, _) = split_resource(jid);
    let invalid = |why| AddressError::invalid(jid, why);
    let (localpart, domain) = match cut_at(b'@', bare) {
        Some((localpart, domain)) => (Some(localpart), domain),
        None => (None, bare),
    };
    let normalised = if domain::is_plain(domain) {
        BareJid::new(bare)
    } else {
        let domain = domain::canonical(domain).map_err(invalid)?;
        match localpart {
            Some(localpart) => BareJid::new(&format!("{localpart}@{domain}")),
            None => BareJid::new(&domain),
        }
    };
    normalised.and_then(normal).map_err(invalid)
}

/// [`bare`], where what somebody has typed decides what the relay does: its domain must be one that can be meant
/// ([`domain::is_host_name`]).
///
/// # Errors
/// [`AddressError::Invalid`]: it is not a JID, or its domain is none.
pub fn typed(jid: &str) -> Result<BareJid, AddressError> {
    let is_meant = |found: &BareJid| domain::is_host_name(found.domain().as_str());
    let found = bare(jid)?;
    if is_meant(&found) { Ok(found) } else { Err(AddressError::invalid(jid, jid::Error::Idna)) }
}

/// Whether there are neither capitals nor characters beyond ASCII in it, so that nodeprep has nothing to fold.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

/// The same address, if nodeprep leaves its localpart as it is. Characters that are younger than nodeprep's tables may become
/// capitals (U+1F116 gives `(G)`), which the next who normalises the address makes another account's.
fn normal(jid: BareJid) -> Result<BareJid, jid::Error> {
    let changes = |localpart: &NodeRef| {
        !is_plain(localpart.as_str())
            && !NodePart::new(localpart.as_str()).is_ok_and(|again| again.as_str() == localpart.as_str())
    };
    if jid.node().is_some_and(changes) { Err(jid::Error::NodePrep) } else { Ok(jid) }
}

/// The bare form of a JID that a server has sent, or that the relay has stored. A server normalises what its users type,
/// so the localpart must be normalised already. Servers' rules differ, but for all of them capitals make no difference,
/// and ejabberd passes on the capitals with which a user has logged in. If our rules change more than that (`ᵃlice`), the
/// normalised form (`alice`) may be another account.
///
/// # Errors
/// [`AddressError::Invalid`]: it is not a JID. [`AddressError::SomebodyElse`]: normalising changes it into another one.
pub fn own(jid: &str) -> Result<BareJid, AddressError> {
    let (written, _) = split_resource(jid);
    let other = bare(jid)?;
    let (localpart, domain) = match cut_at(b'@', written) {
        Some((localpart, domain)) => (Some(localpart), domain),
        None => (None, written),
    };
    let normalised = other.node().map(NodeRef::as_str);
    let is_own = (localpart == normalised || localpart.map(str::to_lowercase).as_deref() == normalised)
        && domain::is_spelling_of(domain, other.domain().as_str());
    if is_own { Ok(other) } else { Err(AddressError::SomebodyElse { address: written.to_owned(), other }) }
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
        assert!(matches!(contact_of(r"r\40c\2fnick@invites.example.org"), Err(AddressError::HasResource(_))));
        assert!(matches!(
            contact_of(r"\40example.org@invites.example.org"),
            Err(AddressError::Invalid { .. })
        ));
        assert!(matches!(contact_of(r"a\40b\40c@invites.example.org"), Err(AddressError::Invalid { .. })));
        assert!(matches!(contact_of("@"), Err(AddressError::Invalid { .. })));
    }

    #[rstest]
    #[case(r"bob\40example.org@invites.example.org", true)]
    #[case("bob%example.org@invites.example.org", false)]
    #[case(r"bob\40example.org@elsewhere.example.org", false)]
    #[case(r"bob\40example.net@invites.example.org", false)]
    #[case("invites.example.org", false)]
    fn the_usual_relay_address(#[case] relay_address: &str, #[case] usual: bool) {
        assert_eq!(
            is_relay_address_of(&jid(relay_address), &jid("bob@example.org"), "invites.example.org"),
            usual
        );
    }

    #[rstest]
    #[case("bob%example.org@invites.example.org", "bob@example.org")]
    #[case("Bob%Example.ORG@invites.example.org/phone", "bob@example.org")]
    #[case("a%b%example.org@invites.example.org", "a%b@example.org")]
    #[case(r"a\5c26b%example.org@invites.example.org", r"a\26b@example.org")]
    #[case(r"a\26b%example.org@invites.example.org", "")]
    #[case(r"bob%x\40example.org@invites.example.org", "bob%x@example.org")]
    #[case(r"bob\40example.org%x@invites.example.org", "")]
    #[case("%example.org@invites.example.org", "")]
    #[case("bob%@invites.example.org", "")]
    fn a_relay_address_without_a_backslash(#[case] relay_address: &str, #[case] contact: &str) {
        let found = contact_of(relay_address);
        if contact.is_empty() {
            assert!(matches!(found, Err(AddressError::Invalid { .. })), "{found:?}");
        } else {
            assert_eq!(found, Ok(jid(contact)));
        }
    }

    #[rstest]
    #[case("\u{1d43}lice\\40example.org@invites.example.org")]
    #[case("\u{1d43}lice%example.org@invites.example.org")]
    #[case("alice\\40stra\u{df}e.example@invites.example.org")]
    fn a_relay_address_that_normalising_changes_is_nobodys(#[case] relay_address: &str) {
        assert!(matches!(contact_of(relay_address), Err(AddressError::SomebodyElse { .. })));
    }

    /// Every character there is; those of higher planes are none, or change nothing.
    #[test]
    fn what_is_normalised_stays_as_it_is() {
        let room = jid("den@conference.example.org");
        for c in '\u{80}'..='\u{3ffff}' {
            let text = format!("a{c}b@example.org");
            let Ok(person) = bare(&text) else { continue };
            if person.as_str() == text {
                continue;
            }
            assert_eq!(own(person.as_str()), Ok(person.clone()), "{c:?}");
            let relay = relay_address(&person, "invites.example.org").unwrap();
            assert!(is_relay_address_of(&relay, &person, "invites.example.org"), "{c:?}");
            assert_eq!(contact_of(relay.as_str()), Ok(person), "{c:?}");
            let occupant = relay_address_of_occupant(&room, &c.to_string(), "invites.example.org").unwrap();
            assert_eq!(bare(occupant.as_str()), Ok(occupant.clone()), "{c:?}");
        }
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

    /// RFC 7622 §3.5, by the numbers of its examples: the bare address of each, or none. Localparts are prepared as
    /// Prosody and ejabberd do it, with RFC 6122's nodeprep, which is older than RFC 7622.
    #[rstest]
    #[case(1, "juliet@example.com", Some("juliet@example.com"))]
    #[case(2, "juliet@example.com/foo", Some("juliet@example.com"))]
    #[case(3, "juliet@example.com/foo bar", Some("juliet@example.com"))]
    #[case(4, "juliet@example.com/foo@bar", Some("juliet@example.com"))]
    #[case(5, r"foo\20bar@example.com", Some(r"foo\20bar@example.com"))]
    #[case(6, "fussball@example.com", Some("fussball@example.com"))]
    // Differs: another account than 6 there, the same one to nodeprep.
    #[case(7, "fu\u{df}ball@example.com", Some("fussball@example.com"))]
    #[case(8, "\u{3c0}@example.com", Some("\u{3c0}@example.com"))]
    #[case(9, "\u{3a3}@example.com/foo", Some("\u{3c3}@example.com"))]
    #[case(10, "\u{3c3}@example.com/foo", Some("\u{3c3}@example.com"))]
    // Differs: another account than 10 there, the same one to nodeprep.
    #[case(11, "\u{3c2}@example.com/foo", Some("\u{3c3}@example.com"))]
    #[case(12, "king@example.com/\u{265a}", Some("king@example.com"))]
    #[case(13, "example.com", Some("example.com"))]
    #[case(14, "example.com/foobar", Some("example.com"))]
    #[case(15, "a.example.com/b@example.net", Some("a.example.com"))]
    #[case(16, "\"juliet\"@example.com", None)]
    #[case(17, "foo bar@example.com", None)]
    // Differs: a resource is never looked at, since servers pass on nicknames of any kind.
    #[case(18, "juliet@example.com/ foo", Some("juliet@example.com"))]
    #[case(19, "@example.com/", None)]
    // Differs: nodeprep writes the numeral in letters.
    #[case(20, "henry\u{2163}@example.com", Some("henryiv@example.com"))]
    // Differs: nodeprep takes symbols.
    #[case(21, "\u{265a}@example.com", Some("\u{265a}@example.com"))]
    #[case(22, "juliet@", None)]
    #[case(23, "/foobar", None)]
    fn the_examples_of_rfc_7622(#[case] number: u8, #[case] address: &str, #[case] expected: Option<&str>) {
        let found = bare(address).ok();
        assert_eq!(found.as_ref().map(|jid| jid.as_str()), expected, "example {number}");
        // What a server sends as it stands here is somebody else's wherever nodeprep changes more than a letter's case.
        assert_eq!(
            own(address).is_ok(),
            expected.is_some() && ![7, 11, 20].contains(&number),
            "example {number}"
        );
    }

    #[rstest]
    #[case("alice@example.org", true)]
    #[case("alice@Example.ORG./desk", true)]
    #[case("alice@xn--rume-loa.example", true)]
    #[case("räume.example", true)]
    #[case("\u{1d43}lice@example.org", false)]
    #[case("ｔｅａ@conference.example.org", false)]
    #[case("Alice@example.org", true)]
    #[case("alice@straße.example", false)]
    fn what_a_server_sends_is_itself(#[case] jid: &str, #[case] is_own: bool) {
        assert_eq!(own(jid).is_ok(), is_own);
        if !is_own {
            assert!(matches!(own(jid), Err(AddressError::SomebodyElse { .. })));
        }
    }

    #[test]
    fn contacts_in_any_spelling() {
        let contact = jid("bob@bücher.example");
        for address in [
            r"bob\40xn--bcher-kva.example@invites.example.org",
            r"bob\40BÜCHER.example.@invites.example.org",
            r"bob\40bücher.example@invites.example.org",
        ] {
            assert_eq!(contact_of(address), Ok(contact.clone()), "{address}");
        }
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
