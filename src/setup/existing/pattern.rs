//! Patterns with `*` and `?`, as servers take them for names of files and domains. Knows nothing of files and domains.

/// Whether the whole text matches. The time is bounded by the product of both lengths.
pub(super) fn matches(text: &str, pattern: &str) -> bool {
    let mut reached: Vec<bool> = std::iter::once(true).chain(text.chars().map(|_| false)).collect();
    for p in pattern.chars() {
        let mut next = vec![false; reached.len()];
        next[0] = p == '*' && reached[0];
        for (at, c) in text.chars().enumerate() {
            next[at + 1] = match p {
                '*' => reached[at + 1] || next[at],
                '?' => reached[at],
                _ => reached[at] && p == c,
            };
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (text, pattern) in
            [("", ""), ("", "*"), ("a.lua", "*.lua"), ("abc", "a?c"), ("abc", "*b*"), ("ä", "?")]
        {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("a", ""), ("", "?"), ("a.lua.bak", "*.lua"), ("abc", "ab"), ("abc", "b*")] {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
        assert!(!matches(&"a".repeat(500), &"*a".repeat(200).repeat(2).replace("a*a", "b*a")));
    }
}
