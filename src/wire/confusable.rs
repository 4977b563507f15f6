//! Which addresses look alike to people (XEP-0165, UTS #39 §4). Knows nothing of who the addresses belong to.

use std::sync::LazyLock;

use idna::{domain_to_ascii, domain_to_unicode};
use unicode_security::skeleton;

/// A key that is equal for bare addresses that look alike, and rarely for others: the skeleton (UTS #39 §4) of localpart
/// and domain, the domain as people see it (`xn--…` decoded).
///
/// The key is in small letters, as addresses are: UTS #39 maps `0` to a capital O, which is an `o` here. It is not meant
/// to be shown to people.
#[must_use]
pub fn skeleton_of(jid: &str) -> String {
    // Most addresses take this way, which is ten times as fast.
    if jid.is_ascii() && !jid.contains("xn--") {
        return jid.bytes().map(|byte| ASCII_SKELETONS[usize::from(byte)].as_str()).collect();
    }
    let (localpart, domain) = jid.rsplit_once('@').unwrap_or(("", jid));
    // A domain that can't be decoded stays as it is.
    let domain = domain_to_unicode(domain).0;
    skeleton_of_part(localpart) + "@" + &skeleton_of_part(&domain)
}

/// The skeleton of each ASCII character, which does not depend on the characters beside it.
static ASCII_SKELETONS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..128).map(|byte| skeleton_of_part(&char::from(byte).to_string())).collect());

fn skeleton_of_part(text: &str) -> String {
    skeleton(text).flat_map(char::to_lowercase).collect()
}

/// Whether two bare addresses are the same: `bob@xn--bcher-kva.example` is `bob@bücher.example`.
#[must_use]
pub fn is_same_address(jid: &str, other: &str) -> bool {
    jid == other
        || match (jid.rsplit_once('@'), other.rsplit_once('@')) {
            (Some((localpart, domain)), Some((other, others))) => {
                let [domain, others] = [domain, others].map(|domain| domain_to_ascii(domain).ok());
                localpart == other && domain.is_some() && domain == others
            }
            _ => false,
        }
}

/// An address for the log, where look-alikes must differ: characters beyond ASCII are repeated as code points.
#[must_use]
pub fn for_log(jid: &str) -> String {
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
            assert_eq!(skeleton_of(one), skeleton_of(other), "{one} and {other}");
            assert!(!is_same_address(one, other), "{one} and {other}");
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
            assert_ne!(skeleton_of(one), skeleton_of(other), "{one} and {other}");
        }
    }

    #[test]
    fn one_address_in_two_notations() {
        assert!(is_same_address("bob@bücher.example", "bob@xn--bcher-kva.example"));
        assert!(is_same_address("bob@example.org", "bob@example.org"));
        assert!(!is_same_address("bob@bücher.example", "rob@xn--bcher-kva.example"));
        assert!(!is_same_address("bob@example.org", "bob@example.net"));
        assert!(!is_same_address("bob", "bob@example.net"));
        // Invalid domains are never the same.
        assert!(!is_same_address("bob@\u{fffd}a.example", "bob@\u{fffd}b.example"));
    }

    #[test]
    fn a_log_tells_them_apart() {
        assert_eq!(for_log("alice@example.org"), "alice@example.org");
        assert_eq!(for_log("аlice@example.org"), r"аlice@example.org (\u{430}lice@example.org)");
    }

    proptest! {
        #[test]
        fn whatever_it_is(one in any::<String>(), other in any::<String>()) {
            prop_assert_eq!(skeleton_of(&one), skeleton_of(&one));
            prop_assert!(is_same_address(&one, &one));
            prop_assert_eq!(is_same_address(&one, &other), is_same_address(&other, &one));
            prop_assert_eq!(for_log(&one) == for_log(&other), one == other);
        }

        #[test]
        fn ascii_looks_as_anything_else_does(localpart in "[!-?a-~]{1,20}", domain in "[a-z0-9-]{1,9}\\.[a-z]{2,5}") {
            let jid = format!("{}@{domain}", localpart.replace(['@', '/'], ""));
            let (localpart, domain) = jid.split_once('@').unwrap();
            prop_assert_eq!(skeleton_of(&jid), skeleton_of_part(localpart) + "@" + &skeleton_of_part(domain));
        }

        /// Whatever stands before and behind it.
        #[test]
        fn a_look_alike_letter_anywhere(before in "[a-z0-9]{0,8}", behind in "[a-z0-9]{0,8}", which in 0usize..8) {
            let (latin, other) = [
                ('a', 'а'), ('c', 'с'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('x', 'х'), ('y', 'у'), ('i', 'і'),
            ][which];
            let jid = |c| format!("{before}{c}{behind}@example.org");
            prop_assert_eq!(skeleton_of(&jid(latin)), skeleton_of(&jid(other)));
            let domain = |c| format!("alice@{before}{c}{behind}.example");
            prop_assert_eq!(skeleton_of(&domain(latin)), skeleton_of(&domain(other)));
        }
    }
}
