//! Stanzas that were not confirmed when a connection broke off: one of them may be what the server ended the connection
//! at. Sent together again they would break the next connection as well, and all would be lost or arrive again and again.
//! So each is sent alone, between two pings, until it is confirmed.
//!
//! They are known by their ids, which stay the same at each attempt. Knows nothing of sockets.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::end::End;

/// Remembered ids; a connection has no more unconfirmed stanzas than a quarter of this.
const MAX_SUSPECTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// A stanza that was sent alone is given up after so many connections have broken off at it: the first, on which others
/// were under way as well, included. A stream error says that the server minds something.
const MAX_STREAM_ERRORS: u32 = 2;

/// The same if the server said nothing: networks break, too, and may do so several times at one stanza.
const MAX_BREAKS: u32 = 5;

/// Ids, and how many connections have broken off at each.
#[derive(Debug)]
pub(super) struct Suspects(LruCache<String, u32>);

impl Suspects {
    pub(super) fn new() -> Self {
        Self(LruCache::new(MAX_SUSPECTS))
    }

    /// Whether this one is to be sent alone.
    pub(super) fn contain(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    /// It was confirmed, or came back.
    pub(super) fn cleared(&mut self, id: &str) {
        self.0.pop(id);
    }

    /// A connection has ended, and these were unconfirmed. Returns the one that is given up.
    pub(super) fn ended<'a>(&mut self, end: &End, unconfirmed: &[&'a str]) -> Option<&'a str> {
        if !breaks_off(end) {
            return None;
        }
        let max = if matches!(end, End::Stream(_)) { MAX_STREAM_ERRORS } else { MAX_BREAKS };
        let mut breaks = 0;
        for id in unconfirmed {
            breaks = self.0.get(*id).map_or(0, |breaks| *breaks) + 1;
            self.0.put((*id).to_owned(), breaks);
        }
        // A suspect is always alone.
        match unconfirmed {
            [id] if breaks >= max => {
                self.cleared(id);
                Some(id)
            }
            _ => None,
        }
    }
}

/// Whether a connection may have ended because of something that the relay had sent.
fn breaks_off(end: &End) -> bool {
    match end {
        End::Stream(error) => !matches!(
            error.condition(),
            "conflict"
                | "connection-timeout"
                | "host-gone"
                | "host-unknown"
                | "not-authorized"
                | "reset"
                | "resource-constraint"
                | "see-other-host"
                | "system-shutdown"
        ),
        End::Lost(_) => true,
        End::Closed | End::Footer | End::Hung(_) | End::Renewed => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::wire::{Stanza, top_level};

    fn stream_error(condition: &str) -> End {
        let xml = format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        );
        match top_level::parse(xml.as_bytes()) {
            Ok(Stanza::StreamError(error)) => End::Stream(error),
            other => panic!("{other:?}"),
        }
    }

    fn cut() -> End {
        End::Lost(io::ErrorKind::ConnectionReset.into())
    }

    #[test]
    fn what_breaks_two_streams_is_given_up_and_nothing_else() {
        let mut suspects = Suspects::new();
        assert_eq!(suspects.ended(&stream_error("not-well-formed"), &["a", "b", "c"]), None);
        assert!(["a", "b", "c"].iter().all(|id| suspects.contain(id)) && !suspects.contain("d"));
        suspects.cleared("a");
        assert!(!suspects.contain("a"));
        assert_eq!(suspects.ended(&stream_error("policy-violation"), &["b"]), Some("b"));
        assert!(!suspects.contain("b") && suspects.contain("c"));
    }

    #[test]
    fn a_network_that_breaks_now_and_then_is_no_reason_yet() {
        let mut suspects = Suspects::new();
        assert_eq!(suspects.ended(&cut(), &["a", "b"]), None);
        for _ in 2..MAX_BREAKS {
            assert_eq!(suspects.ended(&cut(), &["a"]), None);
        }
        assert_eq!(suspects.ended(&cut(), &["a"]), Some("a"));
        assert!(!suspects.contain("a") && suspects.contain("b"));
    }

    #[test]
    fn one_that_was_the_only_one_has_a_second_chance() {
        let mut suspects = Suspects::new();
        assert_eq!(suspects.ended(&stream_error("not-well-formed"), &["a"]), None);
        assert_eq!(suspects.ended(&stream_error("not-well-formed"), &["a"]), Some("a"));
    }

    #[test]
    fn no_stanza_is_to_blame_for_a_goodbye() {
        let mut suspects = Suspects::new();
        let goodbyes = ["conflict", "reset", "system-shutdown"].map(stream_error);
        for end in goodbyes.into_iter().chain([End::Footer, End::Closed, End::Renewed]) {
            for _ in 0..5 {
                assert_eq!(suspects.ended(&end, &["a"]), None, "{end}");
            }
            assert!(!suspects.contain("a"), "{end}");
        }
    }
}
