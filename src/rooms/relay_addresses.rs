//! Addresses on the component that a room has as members, and since when. A room makes a relay address a member when it
//! passes an invitation on, and clients of owners do so themselves. Knows nothing of what follows from it.

use jid::BareJid;
use tokio::time::Instant;

/// Addresses on the component that are members of a room.
#[derive(Debug, Default)]
pub(super) struct RelayAddresses(Vec<Listed>);

#[derive(Debug, Clone)]
struct Listed {
    address: BareJid,
    /// The last look that did not find it on the list; `None` if it was there whenever the list was seen.
    absent: Option<Instant>,
    /// The first look that found it.
    seen: Instant,
}

impl RelayAddresses {
    /// What a look at this moment found. `before`: what the look before found, and when, if it saw the whole list.
    pub(super) fn found(
        addresses: impl Iterator<Item = BareJid>,
        at: Instant,
        before: Option<(&Self, Instant)>,
    ) -> Self {
        let listed = addresses.map(|address| {
            let earlier = before.and_then(|(before, _)| before.0.iter().find(|it| it.address == address));
            earlier.cloned().unwrap_or(Listed { address, absent: before.map(|(_, at)| at), seen: at })
        });
        Self(listed.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &BareJid> {
        self.0.iter().map(|listed| &listed.address)
    }

    pub(super) fn remove(&mut self, address: &BareJid) {
        self.0.retain(|listed| listed.address != *address);
    }

    /// See [`super::Snapshot::became_member_about`].
    pub(super) fn became_member_about(&self, read_at: Instant, is_its: impl Fn(&BareJid) -> bool) -> bool {
        self.0.iter().any(|listed| {
            let came = listed.absent.is_some_and(|absent| absent < read_at) && listed.seen >= read_at;
            came && is_its(&listed.address)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_there_before_an_invitation_is_told_from_what_came_with_it() {
        let bob = BareJid::new(r"bob\40example.org@invites.example.org").unwrap();
        let carol = BareJid::new(r"carol\40example.org@invites.example.org").unwrap();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let came = |found: &RelayAddresses, read| found.became_member_about(at(read), |it| *it == bob);
        let both = || [bob.clone(), carol.clone()].into_iter();

        let unknown = RelayAddresses::found(both(), at(5), None);
        assert!(!came(&unknown, 4), "nobody looked before");

        let none = RelayAddresses::default();
        let found = RelayAddresses::found(both(), at(5), Some((&none, at(1))));
        assert!(came(&found, 4));
        assert!(!came(&found, 1), "the look came after the invitation");
        assert!(!came(&found, 6), "it was there before");
        assert!(!found.became_member_about(at(4), |it| it.as_str() == "team@invites.example.org"));

        let later = RelayAddresses::found(both(), at(9), Some((&found, at(5))));
        assert!(came(&later, 4) && !came(&later, 8), "it has been there since");

        let mut removed = later;
        removed.remove(&bob);
        assert!(!came(&removed, 4));
        let again = RelayAddresses::found(both(), at(12), Some((&removed, at(9))));
        assert!(came(&again, 11));
    }
}
