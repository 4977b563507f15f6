//! How an address looks to people (XEP-0165, UTS #39 §4). Knows neither who somebody is nor who knows them.

use std::sync::LazyLock;

use idna::{domain_to_ascii, domain_to_unicode};
use unicode_security::skeleton;

/// What is the same for all bare addresses that can be taken for one another, and hardly ever for others: the skeleton of
/// UTS #39 §4 of localpart and domain, the domain as it is shown (`xn--…` decoded).
///
/// Addresses are written in small letters, so the look is: `0`, which UTS #39 holds for a capital O, is an `o` here.
///
/// It means nothing to people, and is not for their eyes.
#[must_use]
pub fn look(jid: &str) -> String {
    // Nearly all of them, at a tenth of the price.
    if jid.is_ascii() && !jid.contains("xn--") {
        return jid.bytes().map(|byte| ASCII[usize::from(byte)].as_str()).collect();
    }
    let (localpart, domain) = jid.rsplit_once('@').unwrap_or(("", jid));
    // What can't be decoded is looked at as it is.
    let domain = domain_to_unicode(domain).0;
    look_of(localpart) + "@" + &look_of(&domain)
}

/// The look of each ASCII character: it does not depend on what stands beside it.
static ASCII: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..128).map(|byte| look_of(&char::from(byte).to_string())).collect());

fn look_of(text: &str) -> String {
    skeleton(text).flat_map(char::to_lowercase).collect()
}

/// Whether two bare addresses are one: `bob@xn--bcher-kva.example` is `bob@bücher.example`.
#[must_use]
pub fn are_one(jid: &str, other: &str) -> bool {
    jid == other
        || match (jid.rsplit_once('@'), other.rsplit_once('@')) {
            (Some((localpart, domain)), Some((other, others))) => {
                let [domain, others] = [domain, others].map(|domain| domain_to_ascii(domain).ok());
                localpart == other && domain.is_some() && domain == others
            }
            _ => false,
        }
}

/// An address for a log, where look-alikes must differ: what is not ASCII stands there as its number as well.
#[must_use]
pub fn told_apart(jid: &str) -> String {
    if jid.is_ascii() {
        return jid.to_owned();
    }
    let plain = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    format!("{jid} ({})", jid.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_alike() {
        for (one, other) in [
            // The first letter is Cyrillic, then all that can be.
            ("аlice@example.org", "alice@example.org"),
            ("\u{430}\u{440}\u{435}@example.org", "ape@example.org"),
            ("alice@ex\u{430}mple.org", "alice@example.org"),
            ("alice@xn--exmple-4nf.org", "alice@example.org"),
            ("amold@example.org", "arnold@example.org"),
            ("al1ce@example.org", "allce@example.org"),
            ("b0b@example.org", "bob@example.org"),
            ("bob@examp1e.org", "bob@example.org"),
            ("tea\u{200B}@conference.example.org", "tea@conference.example.org"),
            ("ti\u{301}a@example.org", "t\u{ed}a@example.org"),
        ] {
            assert_eq!(look(one), look(other), "{one} and {other}");
            assert!(!are_one(one, other), "{one} and {other}");
        }
    }

    #[test]
    fn what_does_not() {
        for (one, other) in [
            ("alice@example.org", "alicia@example.org"),
            ("alice@example.org", "alice@example.net"),
            ("alice@example.org", "alice.example.org"),
            ("bob@example.org", "rob@example.org"),
            ("алиса@example.org", "alisa@example.org"),
            ("team-1@conference.example.org", "team-2@conference.example.org"),
        ] {
            assert_ne!(look(one), look(other), "{one} and {other}");
        }
    }

    #[test]
    fn one_address_in_two_notations() {
        assert!(are_one("bob@bücher.example", "bob@xn--bcher-kva.example"));
        assert!(are_one("bob@example.org", "bob@example.org"));
        assert!(!are_one("bob@bücher.example", "rob@xn--bcher-kva.example"));
        assert!(!are_one("bob@example.org", "bob@example.net"));
        assert!(!are_one("bob", "bob@example.net"));
        // Nobody knows what these are, so they are not one.
        assert!(!are_one("bob@\u{fffd}a.example", "bob@\u{fffd}b.example"));
    }

    #[test]
    fn a_log_tells_them_apart() {
        assert_eq!(told_apart("alice@example.org"), "alice@example.org");
        assert_eq!(told_apart("аlice@example.org"), r"аlice@example.org (\u{430}lice@example.org)");
    }

    proptest! {
        #[test]
        fn whatever_it_is(one in any::<String>(), other in any::<String>()) {
            prop_assert_eq!(look(&one), look(&one));
            prop_assert!(are_one(&one, &one));
            prop_assert_eq!(are_one(&one, &other), are_one(&other, &one));
            prop_assert_eq!(told_apart(&one) == told_apart(&other), one == other);
        }

        #[test]
        fn ascii_looks_as_anything_else_does(localpart in "[!-?a-~]{1,20}", domain in "[a-z0-9-]{1,9}\\.[a-z]{2,5}") {
            let jid = format!("{}@{domain}", localpart.replace(['@', '/'], ""));
            let (localpart, domain) = jid.split_once('@').unwrap();
            prop_assert_eq!(look(&jid), look_of(localpart) + "@" + &look_of(domain));
        }

        /// Whatever stands before and behind it.
        #[test]
        fn a_look_alike_letter_anywhere(before in "[a-z0-9]{0,8}", behind in "[a-z0-9]{0,8}", which in 0usize..8) {
            let (latin, other) = [
                ('a', 'а'), ('c', 'с'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('x', 'х'), ('y', 'у'), ('i', 'і'),
            ][which];
            let jid = |c| format!("{before}{c}{behind}@example.org");
            prop_assert_eq!(look(&jid(latin)), look(&jid(other)));
            let domain = |c| format!("alice@{before}{c}{behind}.example");
            prop_assert_eq!(look(&domain(latin)), look(&domain(other)));
        }
    }
}
