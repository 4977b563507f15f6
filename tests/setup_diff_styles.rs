//! `setup ejabberd --diff` on files in many styles of YAML: what it prints is done literally, as an operator would. Then the file is
//! still YAML, nothing that was there is gone, and a second comparison finds nothing missing.

#[path = "common/setup.rs"]
mod setup;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use setup::{Bench, kept};
use tempfile::TempDir;

const MORE: &str = r#"
hand_over_from = ["company.test"]
[relay]
support = "ask"
"#;

const VERSIONS: [&str; 2] = ["23.01", "26.07"];

/// The files of one folder, and those that are kept for their contents.
fn files() -> Vec<PathBuf> {
    let in_styles = fs::read_dir(kept("ejabberd-styles")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = in_styles.collect();
    files.extend(["ejabberd-debian.yml", "ejabberd-docker.yml", "ejabberd-several-hosts.yml"].map(kept));
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    files
}

/// What it prints of this text, and its exit code.
fn diff(bench: &Bench, text: &str, version: &str, more: &[&str]) -> (String, Option<i32>) {
    let file = bench.path("ejabberd.yml");
    fs::write(&file, text).unwrap();
    bench.diff("ejabberd", &file, version, more)
}

/// The text with everything done that is printed of it, and what is printed.
fn completed(bench: &Bench, text: &str, version: &str) -> (String, String) {
    let (said, _) = diff(bench, text, version, &["--show-secret"]);
    (followed(text, &said), said)
}

/// The text after what each paragraph says has been done, one after the other, by numbers of lines.
fn followed(text: &str, said: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut paragraphs: Vec<(String, Vec<String>)> = Vec::new();
    for line in said.lines() {
        match line.strip_prefix("# ").filter(|line| line.contains("ejabberd.yml")) {
            Some(instruction) => paragraphs.push((instruction.to_owned(), Vec::new())),
            None => paragraphs.last_mut().unwrap_or_else(|| panic!("{said}")).1.push(line.to_owned()),
        }
    }
    for (instruction, mut new) in paragraphs {
        while new.last().is_some_and(String::is_empty) {
            new.pop();
        }
        let place = instruction.split_once("ejabberd.yml").unwrap().1;
        let line = place
            .strip_prefix(':')
            .map(|rest| rest.split([',', ':', ' ']).next().unwrap().parse::<usize>().unwrap());
        let range = if place.ends_with("below this line: add") {
            line.unwrap()..line.unwrap()
        } else if place.ends_with("at the end: add") {
            lines.len()..lines.len()
        } else if place.ends_with("above the first line: add") {
            0..0
        } else if place.ends_with("in the place of this line, write") {
            line.unwrap() - 1..line.unwrap()
        } else if let Some((_, which)) =
            place.strip_suffix(", write").and_then(|it| it.split_once("in the place of lines "))
        {
            let (first, last) = which.split_once(" to ").unwrap();
            first.parse::<usize>().unwrap() - 1..last.parse().unwrap()
        } else {
            assert!(new.is_empty(), "not to be followed: {instruction}");
            continue;
        };
        assert!(!new.is_empty(), "nothing to write: {instruction}");
        lines.splice(range, new);
    }
    lines.join("\n") + "\n"
}

/// As another reader of YAML has it.
fn parsed(text: &str) -> Value {
    const READER: &str = "
import json, sys, yaml
class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        assert len(set(map(str, keys))) == len(keys), f'twice: {keys}'
        return super().construct_mapping(node, deep)
json.dump(yaml.load(open(sys.argv[1], encoding='utf-8-sig'), Loader), sys.stdout, default=str)
";
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("text.yml");
    fs::write(&file, text).unwrap();
    let done = Command::new("/usr/bin/python3").args(["-c", READER]).arg(&file).output().unwrap();
    assert!(
        done.status.success(),
        "{}\nis the reader's complaint of:\n{text}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Whether all of one value is in the other, items in their order. A rule may have got a name, and a mapping may have become a
/// list of its entries. `all` is what stands around each of them.
fn is_within(one: &Value, other: &Value, all: [&Value; 2]) -> bool {
    let named = |all: &Value, name: &str| {
        let there = all["access_rules"].get(name).or_else(|| all["define_macro"].get(name));
        there.cloned()
    };
    match (one, other) {
        (Value::String(none), _) if none == "none" => true,
        (Value::Null, _) | (Value::Bool(true), Value::Bool(false)) => true,
        (Value::Array(one), Value::Object(_)) => one.is_empty(),
        (Value::Array(one), Value::Array(other)) => {
            let mut rest = other.iter();
            one.iter().all(|item| rest.any(|other| is_within(item, other, all)))
        }
        (Value::Object(one), Value::Array(_)) => {
            one.iter().all(|(key, value)| is_within(&json!([{ key: value }]), other, all))
        }
        (Value::Object(one), Value::Object(other)) => one.iter().all(|(key, value)| {
            let both_for_nobody = key == "both" && value == "none" && other.contains_key("get");
            both_for_nobody || other.get(key).is_some_and(|other| is_within(value, other, all))
        }),
        (Value::Array(_) | Value::Object(_), Value::String(name)) => {
            named(all[1], name).is_some_and(|rule| is_within(one, &rule, all))
        }
        (Value::String(name), Value::String(_)) if one != other => {
            named(all[0], name).is_some_and(|rule| is_within(&rule, other, all))
        }
        _ => one == other,
    }
}

/// Who writes a comment wants to find it again.
fn comments(text: &str) -> Vec<String> {
    let comments = text.lines().filter_map(|line| line.split_once("# "));
    comments.map(|(_, comment)| comment.trim().to_owned()).collect()
}

#[test]
fn what_is_printed_fits_files_in_every_style() {
    let bench = Bench::new(MORE);
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let before = parsed(&text);
        for version in VERSIONS {
            let (after, said) = completed(&bench, &text, version);
            let name = format!("{} for {version}:\n{said}\n=>\n{after}", file.display());
            let tree = parsed(&after);
            assert!(
                is_within(&before, &tree, [&before, &tree]),
                "something is gone of {name}\n{before}\n{tree}"
            );
            let (left, code) = diff(&bench, &after, version, &["--show-secret"]);
            assert_eq!(code, Some(0), "still missing: {left}\nof {name}");
            assert!(left.contains("Nothing is missing in"), "{left}\n{name}");
            assert!(!left.contains("Not looked at"), "{left}\n{name}");
            for comment in comments(&text) {
                assert!(after.contains(&comment), "the comment {comment:?} is gone from {name}");
            }
        }
    }
}

#[test]
fn secrets_of_others_are_not_shown_unasked() {
    let bench = Bench::new(MORE);
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let (said, _) = diff(&bench, &text, "26.07", &[]);
        for secret in ["another secret", "open sesame"] {
            assert!(!said.contains(secret), "{}:\n{said}", file.display());
        }
    }
}

/// The lines of a file, with what is printed of them for the newest version.
fn of_lines(lines: &[&str]) -> String {
    diff(&Bench::new(MORE), &lines.join("\n"), "26.07", &[]).0
}

fn has(said: &str, expected: &[&str], unexpected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "{text} is not in:\n{said}");
    }
    for text in unexpected {
        assert!(!said.contains(text), "{text} is in:\n{said}");
    }
}

#[test]
fn the_relay_is_let_in_before_it_is_shut_out() {
    let said = of_lines(&[
        "access_rules: {muc_admin: [allow: admin, deny: all]}",
        "modules:",
        "  mod_muc: {access_admin: muc_admin}",
    ]);
    has(&said, &["muc_admin: [{allow: invite_relay}, allow: admin, deny: all]"], &[]);
    let said = of_lines(&[
        "access_rules:",
        "  muc_admin:",
        "    allow: admin",
        "modules:",
        "  mod_muc: {access_admin: muc_admin}",
    ]);
    has(
        &said,
        &[
            "ejabberd.yml:3, in `access_rules:`, `muc_admin:`: in the place of this line, write\n    - allow: invite_relay\n    - allow: admin\n",
        ],
        &["in the place of lines"],
    );
}

#[test]
fn a_rule_that_is_for_nobody_is_replaced_where_it_stands() {
    let said = of_lines(&[
        "modules:",
        "  mod_privilege:",
        "    roster:",
        "      both: none",
        "    message: {outgoing: none}",
    ]);
    has(
        &said,
        &["ejabberd.yml:4, ", "\n      get: invite_relay\n", "\n    message: {outgoing: invite_relay}\n"],
        &["`none:`"],
    );
}

#[test]
fn rooms_that_the_relay_may_not_write_to_are_named() {
    let local =
        ["access_rules:", "  local:", "    allow: local", "modules:", "  mod_muc:", "    access: local"];
    has(
        &of_lines(&local),
        &[
            "ejabberd.yml:3, in `access_rules:`, `local:`: in the place of this line, write\n    - allow: {server: \"invites.example.test\"}\n    - allow: local\n",
        ],
        &[],
    );
    let inline = ["modules:", "  mod_muc:", "    access: [{allow: local}]"];
    has(
        &of_lines(&inline),
        &["    access: [{allow: {server: \"invites.example.test\"}}, {allow: local}]\n"],
        &[],
    );
    for open in [
        "all",
        "[allow]",
        "[{allow: all}]",
        "{allow: {server: invites.example.test}}",
        "{allow: {server_glob: \"*\"}}",
    ] {
        let access = format!("    access: {open}");
        has(&of_lines(&["modules:", "  mod_muc:", &access]), &[], &["`access:`"]);
    }
    // What the relay has to say to an inviter comes from its addresses, not from the component itself.
    let bare = [
        "acl:",
        "  invite_relay: {node_regexp: {\"^$\": \"^invites[.]example[.]test$\"}}",
        "modules:",
        "  mod_muc:",
    ];
    has(
        &of_lines(&[&bare[..], &["    access: {allow: invite_relay}"]].concat()),
        &["`access:`"],
        &["`acl:`"],
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let at = |listener: &str| of_lines(&["hosts: [example.test]", "listen:", &format!("  - {listener}")]);
    let gateways = "hosts: {gateway.example.test: {password: another secret}}";
    let own = "ejabberd.yml:2, in `listen:`, below this line: add";
    has(
        &at(&format!("{{port: 5275, module: ejabberd_service, {gateways}}}")),
        &[
            "ejabberd.yml:3, in `listen:`, `hosts:` of the listener on port 5275",
            "\"invites.example.test\": {password: ",
            "global_routes: false",
        ],
        &[own, "another secret"],
    );
    has(
        &at("{port: 5275, ip: \"::\", module: ejabberd_c2s}"),
        &["ejabberd.yml:3, in `listen:`: the listener ejabberd_c2s has port 5275"],
        &[own],
    );
    has(
        &at("{port: 5275, module: ejabberd_service, password: x}"),
        &["ejabberd.yml:3, ", "has no `hosts`", "make them equal"],
        &[own],
    );
    has(
        &at("{port: 5275, module: ejabberd_service, password: open sesame}"),
        &["Not looked at", "a listener without `hosts`"],
        &[own, "open sesame"],
    );
    for elsewhere in ["port: 5275, ip: 10.0.0.5", "port: 5275, transport: udp", "port: 5276"] {
        has(&at(&format!("{{{elsewhere}, module: ejabberd_service, {gateways}}}")), &[own], &["is taken"]);
    }
}

#[test]
fn names_within_texts_have_their_values() {
    let of = |defined: &str, password: &str, version: &str| {
        let listener = format!(
            "  - {{port: 5275, module: ejabberd_service, hosts: {{invites.example.test: {{password: {password}}}}}}}"
        );
        let text = ["hosts: [example.test]", defined, "listen:", &listener].join("\n");
        diff(&Bench::new(MORE), &text, version, &[]).0
    };
    let another = "the password of invites.example.test is not component.secret";
    let unseen = "the password of invites.example.test, which is defined elsewhere";
    for (defined, password) in [
        ("define_macro: {SECRET: 'open sesame'}", "\"@SECRET@\""),
        ("define_macro: {SECRET: open sesame}", "SECRET"),
        ("define_macro: {SECRET: \"@ONE@ @TWO_2@\", ONE: 'open', TWO_2: 'sesame'}", "\"@SECRET@\""),
        ("define_macro: {ONE: 'open', TWO: ' sesame'}", "\"@ONE@@TWO@\""),
        ("define_keyword: {SECRET: 'open sesame'}", "'@SECRET@'"),
        ("define_keyword: {SECRET: 'open sesame'}", "SECRET"),
        ("define_keyword: {SECRET: 'sesame'}", "open @SECRET@"),
    ] {
        has(&of(defined, password, "26.07"), &[], &[another, unseen]);
    }
    for (defined, password) in [
        // Without quotes it is no text, and ejabberd leaves the other one as it is.
        ("define_macro: {SECRET: open sesame}", "\"@SECRET@\""),
        ("define_macro: {SECRET: 'another'}", "\"@SECRET@\""),
        ("define_keyword: {SECRET: 'open sesame'}", "\"SECRET\""),
        ("define_keyword: {SECRET: 'open sesame'}", "\"@HOST@\""),
        ("define_keyword: {SECRET: 'open sesame'}", "\"me@example.test\""),
    ] {
        has(&of(defined, password, "26.07"), &[another], &[unseen]);
    }
    // Older ones know none of that.
    has(&of("define_macro: {SECRET: 'open sesame'}", "\"@SECRET@\"", "24.12"), &[another], &[unseen]);
    for (defined, password) in [
        ("define_macro: {OTHER: 'open sesame'}", "\"@SECRET@\""),
        ("define_macro: {SECRET: 'open&sesame'}", "\"@SECRET@\""),
        ("define_macro: {ONE: '@TWO@', TWO: '@ONE@'}", "\"@ONE@\""),
    ] {
        has(&of(defined, password, "26.07"), &["Not looked at: ", unseen], &[another]);
    }
}

#[test]
fn no_text_exhausts_the_stack() {
    let bench = Bench::new(MORE);
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        format!("a: {}{}", "{a: ".repeat(5000), "}".repeat(5000)),
    ] {
        let (said, code) = diff(&bench, &text, "26.07", &[]);
        assert_eq!(code, Some(2), "{said}");
        has(&said, &["this is no configuration of the server"], &[]);
    }
}
