//! Addresses as they are shown to people: harmless to read, and masked where nobody may see whose they are.

use crate::model::address::{domain_of, printable, split_resource};

/// Shown in place of what is hidden.
const HIDDEN: char = '…';

/// A localpart of fewer characters is hidden altogether.
const SHOWN_CHARACTERS: usize = 3;

/// Who may be seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask<'a> {
    /// Everybody.
    pub(super) show_people: bool,
    /// The server's own hosts. Other domains are hidden with the people on them: many have one of their own.
    pub(super) hosts: &'a [String],
}

impl Mask<'_> {
    /// A room's, a person's or an occupant's address.
    pub(super) fn shown(&self, address: &str) -> String {
        if self.show_people {
            return printable(address);
        }
        let (bare, resource) = split_resource(address);
        let local = bare.rsplit_once('@').map_or("", |(local, _)| local);
        let mut shown = String::new();
        if !local.is_empty() {
            shown.extend(local.chars().next().filter(|_| local.chars().count() >= SHOWN_CHARACTERS));
            shown.extend([HIDDEN, '@']);
        }
        let domain = domain_of(bare);
        if self.hosts.iter().any(|host| host == domain) {
            shown.push_str(&printable(domain));
        } else {
            shown.push(HIDDEN);
        }
        if resource.is_some() {
            shown.extend(['/', HIDDEN]);
        }
        printable(&shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_masked() {
        let hosts = ["example.org".to_owned(), "conference.example.org".to_owned()];
        let mask = Mask { show_people: false, hosts: &hosts };
        for (address, shown) in [
            ("alice@example.org", "a…@example.org"),
            ("al@example.org", "…@example.org"),
            ("me@jane.example", "…@…"),
            ("tea@conference.example.org", "t…@conference.example.org"),
            ("tea@conference.example.org/Alice", "t…@conference.example.org/…"),
            ("example.org", "example.org"),
            ("jane.example", "…"),
            ("", "…"),
        ] {
            assert_eq!(mask.shown(address), shown, "{address}");
        }
        let all = Mask { show_people: true, ..mask };
        assert_eq!(all.shown("me@jane.example/\u{202e}x"), "me@jane.example/\u{fffd}x");
    }
}
