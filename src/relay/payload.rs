//! Converts an invitation's payload (reason, password, thread) between wire and journal: shortens the reason, removes
//! characters that could mislead a reader (XEP-0249 §5, the first attack), and applies `relay.passwords`.
//!
//! What is stored is bounded in the bytes that it takes in a stanza: servers end the stream at a stanza that is too large,
//! and a quotation mark in an attribute takes six bytes.
//! Knows nothing of who invites whom.

use crate::config::{self, Passwords};
use crate::model::Payload;
use crate::wire::muc::{Details, Password};
use crate::wire::xml::{is_invisible, length_as_written};

/// A longer reason is cut, whatever `relay.max_reason` says.
const MAX_REASON_BYTES: usize = 32 << 10;
/// An invitation with a longer password is not relayed, since nobody could enter with a part of it.
const MAX_PASSWORD_BYTES: usize = 8 << 10;
/// A longer thread is left out: it is not needed to enter.
const MAX_THREAD_BYTES: usize = 1 << 10;

/// The payload to store, by the operator's rules. A password that is too long ([`fits`]) is left out.
pub(super) fn taken(details: Details, rules: &config::Relay) -> Payload {
    let password = details.password.as_ref().map(Password::expose);
    Payload {
        reason: details.reason.and_then(|reason| readable(&reason, rules.max_reason)),
        password: password.filter(|it| passes_on(it, rules)).map(str::to_owned),
        thread: details.thread.filter(|thread| length_as_written(thread) <= MAX_THREAD_BYTES),
        continues: details.continues,
        language: details.language,
        ..Payload::default()
    }
}

/// Whether all that the contact needs can be passed on.
pub(super) fn fits(details: &Details, rules: &config::Relay) -> bool {
    let password = details.password.as_ref().map(Password::expose);
    rules.passwords == Passwords::Strip || password.is_none_or(|password| passes_on(password, rules))
}

fn passes_on(password: &str, rules: &config::Relay) -> bool {
    rules.passwords == Passwords::Relay && length_as_written(password) <= MAX_PASSWORD_BYTES
}

/// The details to send to the contact.
pub(super) fn given(payload: Payload) -> Details {
    Details {
        reason: payload.reason,
        password: payload.password.and_then(Password::new),
        thread: payload.thread,
        continues: payload.continues,
        language: payload.language,
    }
}

/// The text in one line of at most `max` characters and [`MAX_REASON_BYTES`], the last one an ellipsis if it was cut; `None`
/// if nothing is left. Lines are trimmed and joined with a space, since pretty-printed XML has line breaks that the author
/// did not write.
pub(super) fn readable(text: &str, max: usize) -> Option<String> {
    let text: String = text.chars().filter(|c| is_line_break(*c) || !is_misleading(*c)).collect();
    let lines = text.split(is_line_break).map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let max = text.char_indices().take(max).scan('…'.len_utf8(), |bytes, (at, c)| {
        *bytes += length_as_written(&text[at..at + c.len_utf8()]);
        (*bytes <= MAX_REASON_BYTES).then_some(())
    });
    let max = max.count();
    let mut seen = text.chars();
    let mut readable: String = seen.by_ref().take(max).collect();
    if seen.next().is_some() && readable.pop().is_some() {
        readable.push('…');
    }
    readable.chars().any(|c| !c.is_whitespace() && !is_invisible(c)).then_some(readable)
}

/// Line breaks and tabs.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Control characters and those that change the direction of writing.
fn is_misleading(c: char) -> bool {
    let turning =
        matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{206F}');
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
        for nothing in
            ["\u{202E}\u{202D}", "\u{206A}\u{206F}", "\u{200B} \u{FEFF}\u{2060}\u{AD}", "\u{A0}\u{3000}"]
        {
            assert_eq!(readable(nothing, 99), None, "{nothing:?}");
        }
        assert_eq!(readable("\u{1F469}\u{200D}\u{1F680}", 99).as_deref(), Some("\u{1F469}\u{200D}\u{1F680}"));
    }

    #[test]
    fn a_pretty_printed_reason_is_one_line() {
        assert_eq!(readable("\n      Come\r\n      and  talk\n    ", 99).as_deref(), Some("Come and  talk"));
        assert_eq!(readable("\u{202E}\n\u{2066} \t", 99), None);
        assert_eq!(readable("a\u{202E}\n\u{2066}\nb", 99).as_deref(), Some("a b"));
    }

    #[test]
    fn each_part_is_bounded_in_bytes_as_they_leave() {
        let rules = config::Relay { max_reason: 10_000, ..relay_section() };
        for c in ['"', '\'', '&', '<', 'p', 'ä', '🤖'] {
            let one = length_as_written(&c.to_string());
            let text = |bytes: usize| c.to_string().repeat(bytes / one);
            let details = |bytes| Details {
                reason: Some(text(MAX_REASON_BYTES * 2)),
                password: Password::new(text(bytes)),
                thread: Some(text(MAX_THREAD_BYTES + one)),
                continues: true,
                ..Details::default()
            };
            let short = details(MAX_PASSWORD_BYTES);
            assert!(fits(&short, &rules), "{c}");
            let payload = taken(short, &rules);
            assert_eq!(payload.password, Some(text(MAX_PASSWORD_BYTES)));
            assert_eq!((payload.thread, payload.continues), (None, true));
            assert!(length_as_written(&payload.reason.unwrap()) <= MAX_REASON_BYTES);
            let long = details(MAX_PASSWORD_BYTES + one);
            assert!(!fits(&long, &rules), "{c}");
            let strip = config::Relay { passwords: Passwords::Strip, ..relay_section() };
            assert!(fits(&long, &strip), "{c}");
            assert_eq!(taken(long, &strip).password, None);
        }
    }

    fn relay_section() -> config::Relay {
        let toml = "[component]\njid = \"invites.example.org\"\nsecret = \"x\"\nserver = \"127.0.0.1:5347\"\n\
                    [muc]\nservices = [\"c.example.org\"]\n[journal]\npath = \"/tmp/j.db\"\n";
        config::Config::from_toml(toml, std::iter::empty()).unwrap().relay
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
