//! Addresses as the page shows them: without control characters, and masked unless it may show people.

use crate::model::address::{domain_of, printable, split_resource};

/// Shown in place of hidden text.
const HIDDEN_MARK: char = '…';

/// The first character of a localpart is shown only from this length on; characters.
const MIN_LOCALPART_CHARACTERS: usize = 3;

/// What is masked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask<'a> {
    /// Nothing is masked.
    pub(super) show_people: bool,
    /// The server's own hosts, which are shown. Other domains are hidden: many belong to one person.
    pub(super) hosts: &'a [String],
}

impl Mask<'_> {
    /// An address of a room, a person or an occupant, as it is shown.
    pub(super) fn shown(&self, address: &str) -> String {
        if self.show_people {
            return printable(address);
        }
        let (bare, resource) = split_resource(address);
        let local = bare.rsplit_once('@').map_or("", |(local, _)| local);
        let mut shown = String::new();
        if !local.is_empty() {
            shown.extend(local.chars().next().filter(|_| local.chars().count() >= MIN_LOCALPART_CHARACTERS));
            shown.extend([HIDDEN_MARK, '@']);
        }
        let domain = domain_of(bare);
        if self.hosts.iter().any(|host| host == domain) {
            shown.push_str(&printable(domain));
        } else {
            shown.push(HIDDEN_MARK);
        }
        if resource.is_some() {
            shown.extend(['/', HIDDEN_MARK]);
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
