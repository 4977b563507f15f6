//! What an invitation says beside who, whom and where, on its way from the wire into the journal and back: cut to the
//! operator's measure, and without characters that deceive the eye (XEP-0249 §5, the first attack).

use crate::config::{self, Passwords};
use crate::model::Payload;
use crate::wire::muc::{Details, Password};

/// What is taken in under the operator's rules.
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

/// What is passed on.
pub(super) fn given(payload: Payload) -> Details {
    Details {
        reason: payload.reason,
        password: payload.password.and_then(Password::new),
        thread: payload.thread,
        continues: payload.continues,
    }
}

/// In one line of at most `max` characters, an ellipsis in place of the last where something was cut; `None` if nothing is
/// left. Lines are joined with a space, without their indentation: pretty-printed XML has more of them than its author.
fn readable(text: &str, max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| breaks(*c) || !deceives(*c)).collect();
    let lines = text.split(breaks).map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut seen = text.chars();
    let mut readable: String = seen.by_ref().take(max).collect();
    if seen.next().is_some() && readable.pop().is_some() {
        readable.push('…');
    }
    (!readable.trim().is_empty()).then_some(readable)
}

/// Line breaks and tabs.
fn breaks(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Control characters and those that turn the direction of writing.
fn deceives(c: char) -> bool {
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
                prop_assert!(!readable.chars().any(|c| deceives(c) || breaks(c)));
                prop_assert!(!readable.trim().is_empty());
            }
        }
    }
}
