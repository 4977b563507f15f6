//! Whether a text of Lua can be given to the parser, which panics at some texts and descends into others without a limit. Knows
//! nothing of what the text means.

/// What is nested deeper, brackets, blocks and operators together, is no configuration.
const MAX_NESTED: usize = 1000;

/// The line at which the parser must not arrive, and why.
pub(super) fn trouble(text: &str) -> Option<(usize, &'static str)> {
    let mut scan = Scan { text, at: 0, line: 1 };
    // How many operators have been read since the last separator, for each bracket and block that is open.
    let mut open: Vec<usize> = vec![0];
    let mut after_value = false;
    while let Some(c) = scan.next() {
        let operators = open.last_mut()?;
        let mut is_value = false;
        match c {
            '`' => return Some((scan.line, "there is a backtick outside of strings and comments")),
            '-' if scan.rest().starts_with('-') => {
                scan.skip_comment();
                continue;
            }
            '"' | '\'' => {
                scan.skip_quoted(c);
                is_value = true;
            }
            '[' if scan.skip_long() => is_value = true,
            '(' | '[' | '{' => open.push(0),
            ')' | ']' | '}' => {
                close(&mut open);
                is_value = true;
            }
            ',' | ';' => *operators = 0,
            // Of an assignment, not of a comparison.
            '=' if scan.is_assignment() => *operators = 0,
            _ if c.is_whitespace() => continue,
            _ if c.is_alphanumeric() || c == '_' => match scan.word(c) {
                "and" | "or" | "not" => *operators += 1,
                "function" | "do" | "if" | "repeat" => open.push(0),
                "end" | "until" => close(&mut open),
                "local" | "return" | "then" | "else" | "elseif" | "while" | "for" | "in" => *operators = 0,
                _ => {
                    // A value right behind another one begins a statement.
                    if after_value {
                        *operators = 0;
                    }
                    is_value = true;
                }
            },
            _ => *operators += 1,
        }
        after_value = is_value;
        if open.len() + open.iter().sum::<usize>() > MAX_NESTED {
            return Some((scan.line, "this is nested too deep"));
        }
    }
    None
}

/// The outermost level stays.
fn close(open: &mut Vec<usize>) {
    if open.len() > 1 {
        open.pop();
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.skip(c.len_utf8());
        Some(c)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether the `=` that has been read stands alone.
    fn is_assignment(&self) -> bool {
        let before = self.text.get(..self.at - 1).unwrap_or_default();
        !self.rest().starts_with('=') && !before.ends_with(['=', '~', '<', '>'])
    }

    fn skip(&mut self, bytes: usize) {
        let skipped = self.rest().get(..bytes).unwrap_or(self.rest());
        self.line += skipped.matches('\n').count();
        self.at += skipped.len();
    }

    /// The name, keyword or number that begins with this character, which has been read.
    fn word(&mut self, first: char) -> &'a str {
        let begin = self.at - first.len_utf8();
        let rest = self.rest();
        self.skip(rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()));
        self.text.get(begin..self.at).unwrap_or_default()
    }

    /// The second dash has not been read.
    fn skip_comment(&mut self) {
        self.skip(1);
        if self.rest().starts_with('[') {
            self.skip(1);
            if self.skip_long() {
                return;
            }
        }
        let rest = self.rest();
        self.skip(rest.find('\n').unwrap_or(rest.len()));
    }

    /// Up to the end of a text in long brackets, whose first bracket has been read; tells whether it is one.
    fn skip_long(&mut self) -> bool {
        let rest = self.rest();
        let level = rest.len() - rest.trim_start_matches('=').len();
        if !rest[level..].starts_with('[') {
            return false;
        }
        let end = format!("]{}]", "=".repeat(level));
        self.skip(rest.find(&end).map_or(rest.len(), |at| at + end.len()));
        true
    }

    /// Up to the end of a quoted text, at the end of its line at the latest.
    fn skip_quoted(&mut self, quote: char) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '\n' => return,
                _ if c == quote => return,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::trouble;

    #[test]
    fn what_the_parser_can_read_is_given_to_it() {
        let many = "f.g.h:i()\n".repeat(2000);
        let long = "a = b .. c .. d\n".repeat(2000);
        let list = format!("a = {{ {} }}", "-1, 'x';".repeat(2000));
        let blocks = "if a then b = c elseif d then e = f end\nfor i = 1, 2 do g(i) end\n".repeat(500);
        for text in [
            "a = '`' -- `\nb = [[ ` ]] --[==[ ` ]] ` ]==] c = \"\\\"`\"",
            &many,
            &long,
            &list,
            &blocks,
            &format!("a = '{}'", "(".repeat(5000)),
        ] {
            assert_eq!(trouble(text), None, "{}", text.get(..60).unwrap_or(text));
        }
    }

    #[test]
    fn what_it_can_not_is_named_with_its_line() {
        assert_eq!(trouble("a = 1\nb = `\n").unwrap().0, 2);
        for deep in
            ["(", "{", "not ", "- ", "#", "a .. ", "a ^ ", "a == ", "f(", "do ", "if a then ", "a[", "a and "]
        {
            let text = format!("x = 1\ny = {}", deep.repeat(5000));
            assert_eq!(trouble(&text).unwrap().0, 2, "{deep}");
        }
    }
}
