//! Selects parts of a text with sections and entries, as Prosody's and ejabberd's configurations are: lines that are indented
//! below a line belong to it. Knows nothing of what the entries mean.

/// The heading of a section and the entries with these keys, with the comments above them; all entries if there are no keys.
/// Empty if there is no such section.
pub(super) fn select(text: &str, heading: &str, keys: &[&str]) -> String {
    let mut lines = text.lines().skip_while(|line| *line != heading);
    let Some(heading) = lines.next() else { return String::new() };
    let section: Vec<&str> = lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter(|line| !line.is_empty())
        .collect();
    let indent = section.first().map_or(0, |line| indentation(line));

    let mut selected = vec![heading];
    let mut comments = Vec::new();
    let mut keep = false;
    for line in section {
        let content = line.trim_start();
        if indentation(line) > indent || content.starts_with('}') {
            // The inside of an entry, or its end.
            if keep {
                selected.push(line);
            }
        } else if content.starts_with('#') || content.starts_with("--") {
            comments.push(line);
        } else {
            let end = content.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(content.len());
            keep = keys.is_empty() || keys.contains(&&content[..end]);
            if keep {
                selected.append(&mut comments);
                selected.push(line);
            }
            comments.clear();
        }
    }
    selected.join("\n") + "\n"
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_with_their_comments_and_what_is_inside() {
        let text = "a = 1\n\n-- Here.\nHost \"x\"\n    -- One.\n    -- More.\n    one = {\n        -- In it.\n        1;\n    }\n    \
                    -- Two.\n    two = 2\n\n-- There.\nHost \"y\"\n    two = 3\n";
        assert_eq!(
            select(text, "Host \"x\"", &["one"]),
            "Host \"x\"\n    -- One.\n    -- More.\n    one = {\n        -- In it.\n        1;\n    }\n"
        );
        assert_eq!(select(text, "Host \"x\"", &["two"]), "Host \"x\"\n    -- Two.\n    two = 2\n");
        assert_eq!(select(text, "Host \"y\"", &[]), "Host \"y\"\n    two = 3\n");
        assert_eq!(select(text, "Host \"z\"", &[]), "");
        let yaml = "acl:\n  a: 1\nmodules:\n  mod_a:\n    x: 1\n\n  # B.\n  mod_b:\n    y: 1\n\n    # Later.\n    z: 2\n";
        assert_eq!(
            select(yaml, "modules:", &["mod_b"]),
            "modules:\n  # B.\n  mod_b:\n    y: 1\n    # Later.\n    z: 2\n"
        );
    }
}
