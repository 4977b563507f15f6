//! Converts an invitation's payload (reason, password, thread) between wire and journal: shortens the reason, removes
//! characters that could mislead a reader (XEP-0249 §5, the first attack), and applies `relay.passwords`.
//! Knows nothing of who invites whom.

use crate::config::{self, Passwords};
use crate::model::Payload;
use crate::wire::muc::{Details, Password};

/// The payload to store, by the operator's rules.
pub(super) fn taken(details: Details, rules: &config::Relay) -> Payload {
    Payload {
        reason: details.reason.and_then(|reason| readable(&reason, rules.max_reason)),
        password: match rules.passwords {
            Passwords::Relay => details.password.map(|password| password.expose().to_owned()),
            Passwords::Strip => None,
        },
        thread: details.thread,
        continues: details.continues,
        origin: None,
        hand_over: None,
    }
}

/// The details to send to the contact.
pub(super) fn given(payload: Payload) -> Details {
    Details {
        reason: payload.reason,
        password: payload.password.and_then(Password::new),
        thread: payload.thread,
        continues: payload.continues,
    }
}

/// The text in one line of at most `max` characters, the last one an ellipsis if it was cut; `None` if nothing is left.
/// Lines are trimmed and joined with a space, since pretty-printed XML has line breaks that the author did not write.
fn readable(text: &str, max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| is_line_break(*c) || !is_misleading(*c)).collect();
    let lines = text.split(is_line_break).map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut seen = text.chars();
    let mut readable: String = seen.by_ref().take(max).collect();
    if seen.next().is_some() && readable.pop().is_some() {
        readable.push('…');
    }
    (!readable.trim().is_empty()).then_some(readable)
}

/// Line breaks and tabs.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Control characters and those that change the direction of writing.
fn is_misleading(c: char) -> bool {
    let turning =
        matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turning
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(readable("Grüße", 5).as_deref(), Some("Grüße"));
        assert_eq!(readable("Grüße!", 5).as_deref(), Some("Grüß…"));
        assert_eq!(readable("🤖🤖🤖", 2).as_deref(), Some("🤖…"));
        assert_eq!(readable("anything", 0), None);
        assert_eq!(readable(" \n ", 10), None);
    }

    #[test]
    fn what_turns_or_hides_text_is_taken_out() {
        assert_eq!(readable("come\u{202E}gpj.exe\u{0007}\u{2066}!", 99).as_deref(), Some("comegpj.exe!"));
        assert_eq!(readable("two\nlines\tand a tab", 99).as_deref(), Some("two lines and a tab"));
        assert_eq!(readable("\u{202E}\u{202D}", 99), None);
    }

    #[test]
    fn a_pretty_printed_reason_is_one_line() {
        assert_eq!(readable("\n      Come\r\n      and  talk\n    ", 99).as_deref(), Some("Come and  talk"));
        assert_eq!(readable("\u{202E}\n\u{2066} \t", 99), None);
        assert_eq!(readable("a\u{202E}\n\u{2066}\nb", 99).as_deref(), Some("a b"));
    }

    proptest! {
        #[test]
        fn never_longer_than_allowed(text in any::<String>(), max in 0usize..50) {
            if let Some(readable) = readable(&text, max) {
                prop_assert!(readable.chars().count() <= max);
                prop_assert!(!readable.chars().any(|c| is_misleading(c) || is_line_break(c)));
                prop_assert!(!readable.trim().is_empty());
            }
        }
    }
}
