//! `setup --diff` as an operator runs it, on configurations as they are kept: what is missing is named with its place, what is there
//! is not repeated, and a complete one misses nothing.

#[path = "common/lua.rs"]
mod lua;
#[path = "common/setup.rs"]
mod setup;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use setup::{Bench, RELAY, kept};

/// The configurations, and versions of the servers that they are for.
const PROSODY: [(&str, &str); 6] = [
    ("prosody-minimal.cfg.lua", "13.0"),
    ("prosody-several-hosts.cfg.lua", "13.0"),
    ("prosody-include/prosody.cfg.lua", "13.0"),
    ("prosody-ansible.cfg.lua", "13.0"),
    ("prosody-docker.cfg.lua", "13.0"),
    ("prosody-old.cfg.lua", "0.12"),
];
const EJABBERD: [(&str, &str); 4] = [
    ("ejabberd-debian.yml", "23.01"),
    ("ejabberd-several-hosts.yml", "26.07"),
    ("ejabberd-include/ejabberd.yml", "26.07"),
    ("ejabberd-docker.yml", "26.07"),
];

/// What is missing in one that is kept.
fn missing(bench: &Bench, make: &str, name: &str, version: &str) -> String {
    let (said, code) = bench.diff(make, &kept(name), version, &[]);
    assert_eq!(code, Some(1), "{name}: {said}");
    assert!(!said.contains("open sesame"), "{name}: {said}");
    said
}

/// Each of these stands in the text, and none of those.
fn has(said: &str, expected: &[&str], unexpected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "{text} is not in:\n{said}");
    }
    for text in unexpected {
        assert!(!said.contains(text), "{text} is in:\n{said}");
    }
}

#[test]
fn a_prosody_with_nothing_misses_everything() {
    let said = missing(&Bench::new(""), "prosody", "prosody-minimal.cfg.lua", "13.0");
    let host = r#"prosody-minimal.cfg.lua:4, VirtualHost "example.test": add"#;
    has(
        &said,
        &[
            host,
            "    modules_enabled = { \"privilege\" }\n",
            "privileged_entities = {",
            "component_ports = { 5347, 5275 }",
        ],
        &["Not looked at", "plugin_paths"],
    );
    has(&said, &["add a section\nComponent \"invites.example.test\"\n", "8 things are missing"], &[]);
}

#[test]
fn included_files_are_read_and_named() {
    let said = missing(&Bench::new(""), "prosody", "prosody-include/prosody.cfg.lua", "13.0");
    has(
        &said,
        &[
            "conf.d/10-example.test.cfg.lua:2, VirtualHost \"example.test\", to the list modules_enabled: add\n        \"privilege\";\n",
            "conf.d/10-example.test.cfg.lua:6, Component \"conference.example.test\" \"muc\", to the list modules_enabled: add\n        \
             \"muc_invite_relay\";\n",
            "10-example.test.cfg.lua:7, Component \"conference.example.test\" \"muc\", to the list admins: add\n        \
             \"invites.example.test\";\n",
        ],
        &["company.test", "modules_enabled = { \"muc_invite_relay\" }", ".bak"],
    );
}

#[test]
fn what_is_there_already_is_not_repeated() {
    let said = missing(&Bench::new(""), "prosody", "prosody-ansible.cfg.lua", "13.0");
    has(
        &said,
        &[
            "to the list component_ports: add\n    5275;\n",
            // Its own list would be one more; the global one stays.
            "VirtualHost \"example.test\": add\n    -- Add it",
            "in privileged_entities: invites.example.test: iq: add\n        [\"urn:xmpp:blocking\"] = \"get\";\n",
            "component_admins_as_room_owners = true",
        ],
        &["message = \"outgoing\"", "roster", "admins = {", "muc#admin", "component_interfaces"],
    );
}

#[test]
fn what_is_computed_is_not_guessed() {
    let said = missing(&Bench::new(""), "prosody", "prosody-docker.cfg.lua", "13.0");
    has(
        &said,
        &[
            "component_conflict_resolve = \"kick_old\"",
            "add a section (braces close the one at ",
            "\nVirtualHost \"example.test\"\n    -- Add it to the list",
            "Not looked at: ",
            "prosody-docker.cfg.lua:16: modules_enabled, which is computed",
            "prosody-docker.cfg.lua:20: component_secret, which is computed",
            "prosody-docker.cfg.lua:3: code that Prosody runs there",
        ],
        &["add a section\n", "component_secret ="],
    );
}

#[test]
fn an_old_prosody_is_read_as_well() {
    let said = missing(&Bench::new(""), "prosody", "prosody-old.cfg.lua", "0.12");
    has(
        &said,
        &[
            "prosody-old.cfg.lua:17, VirtualHost \"example.test\": add",
            "prosody-old.cfg.lua:12: in the place of what component_ports is there, write\ncomponent_ports = { 5347, 5275 }\n",
        ],
        // Until 13 admins have these rights by default.
        &["component_admins_as_room_owners", "anon.example.test"],
    );
}

#[test]
fn no_host_is_made_up() {
    let bench = Bench::new("");
    let said = missing(&bench, "prosody", "prosody-debian.cfg.lua", "0.12");
    has(
        &said,
        &[
            "there is no VirtualHost \"example.test\", which may be the host of your users (there is \"localhost\")",
        ],
        &["\nVirtualHost"],
    );
}

#[test]
fn a_prosody_with_what_setup_prints_misses_nothing() {
    let bench = Bench::new("");
    for (name, version) in PROSODY {
        fs::write(bench.path("relay.toml"), RELAY.to_owned() + "hand_over_from = [\"example.test\"]\n")
            .unwrap();
        let (printed, _) = bench.setup(&["prosody", "--show-secret"]);
        let printed = printed.replace("-- component_ports = { ", "component_ports = { 5347, ");
        fs::write(bench.path("printed.cfg.lua"), printed).unwrap();
        let both = bench.path("both.cfg.lua");
        let include = |path: &Path| format!("Include \"{}\"\n", path.display());
        fs::write(&both, include(&kept(name)) + &include(&bench.path("printed.cfg.lua"))).unwrap();
        let (said, code) = bench.diff("prosody", &both, version, &[]);
        // The file of hosts elsewhere has no host of the relay's.
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains("Nothing is missing in"), "{name}: {said}");
    }
}

/// The options of each host, as Prosody's own code reads them.
fn as_prosody_reads(file: &Path) -> Value {
    const READER: &str = r#"
        local json, config = require "util.json", require "core.configmanager"
        assert(config.load(arg[1], "lua"))
        local all = {}
        for host, options in pairs(config.getconfig()) do
            all[host] = {}
            for option, value in pairs(options) do all[host][option] = value end
        end
        print(json.encode(all))
    "#;
    let script = file.with_extension("reader");
    fs::write(&script, format!("{}{READER}", lua::PROSODYS)).unwrap();
    let done = Command::new("lua5.4").arg(script).arg(file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Whether all of one value is in the other.
fn is_within(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => one.iter().all(|item| other.contains(item)),
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_within(value, other)))
        }
        // Lua's empty table.
        (Value::Object(one), Value::Array(_)) if one.is_empty() => true,
        _ => one == other,
    }
}

/// Does what each paragraph of the output says, the last one first, so that lines keep their numbers.
fn follow(said: &str) {
    for paragraph in said.split("\n\n").collect::<Vec<_>>().into_iter().rev() {
        let Some((instruction, lines)) = paragraph.strip_prefix("-- ").and_then(|it| it.split_once('\n'))
        else {
            continue;
        };
        let (file, rest) = instruction.split_once(".lua").unwrap_or((instruction, ""));
        let file = format!("{file}.lua");
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let mut kept: Vec<String> = text.lines().map(str::to_owned).collect();
        let at = rest.strip_prefix(':').and_then(|it| it.split([',', ':']).next()?.parse::<usize>().ok());
        match at {
            None if rest.contains("above every") => kept.insert(0, lines.to_owned()),
            None => kept.push(lines.to_owned()),
            Some(line) if rest.contains("in the place of what") => {
                lines.trim_end().clone_into(&mut kept[line - 1]);
            }
            Some(line) if rest.contains("to the list") || rest.contains(", in ") => {
                let list = rest.strip_suffix(": add").unwrap().rsplit([' ', ':']).next().unwrap();
                let line = &mut kept[line - 1];
                let begin = line.find(list).unwrap();
                match line[begin..].find('{') {
                    Some(open) => line.insert_str(begin + open + 1, &format!("\n{lines}\n")),
                    None => panic!("no list: {line}"),
                }
            }
            Some(line) => {
                let begins = |it: &String| {
                    ["VirtualHost", "Host", "Component", "Include"].iter().any(|word| it.starts_with(word))
                };
                let end = kept[line..].iter().position(begins).map_or(kept.len(), |it| line + it);
                kept.insert(end, lines.to_owned());
            }
        }
        fs::write(&file, kept.join("\n") + "\n").unwrap();
    }
}

#[test]
fn following_it_completes_a_prosody_and_takes_nothing_away() {
    for (name, version) in PROSODY {
        if name.contains("several-hosts") {
            // Its rooms are not those of the relay's configuration.
            continue;
        }
        let bench = Bench::new("");
        let folder = kept(name).parent().unwrap().to_owned();
        let copied = Command::new("cp").arg("-r").arg(folder).arg(bench.path("server")).status().unwrap();
        assert!(copied.success());
        let file = bench.path("server").join(Path::new(name).file_name().unwrap());
        let before = as_prosody_reads(&file);
        let arguments =
            ["prosody", "--diff", file.to_str().unwrap(), "--server-version", version, "--show-secret"];
        let (said, _) = bench.setup(&arguments);

        follow(&said);

        let (left, code) = bench.setup(&arguments);
        assert_eq!(code, Some(0), "{name}: {left}\nafter\n{said}");
        let after = as_prosody_reads(&file);
        for (host, options) in before.as_object().unwrap() {
            for (option, value) in options.as_object().unwrap() {
                let is = &after[host][option];
                let ports = (option.as_str(), is.as_array()) == ("component_ports", is.as_array());
                assert!(is_within(value, is) || ports, "{name}: {host}: {option} was {value} and is {is}");
            }
        }
        let new: Vec<&String> =
            after.as_object().unwrap().keys().filter(|host| before[host.as_str()].is_null()).collect();
        assert!(new.is_empty() || new == ["invites.example.test"], "{name}: {new:?}");
    }
}

#[test]
fn debians_ejabberd_keeps_its_own_administrators() {
    let said = missing(&Bench::new(""), "ejabberd", "ejabberd-debian.yml", "23.01");
    has(
        &said,
        &[
            "ejabberd-debian.yml:20, in `listen:`, below this line: add\n",
            "`mod_muc:`, `access_admin:`: in the place of lines 167 to 168, write\n    access_admin: muc_admin\n",
            "in `access_rules:`, below this line: add\n  muc_admin:\n    # Your own administrators first:\n    - allow: admin\n    - \
             allow: invite_relay\n",
            "in `acl:`, below this line: add\n  invite_relay:\n",
            "  mod_privilege:\n",
        ],
        &["iq:", "hosts: [", "  mod_muc:\n"],
    );
}

#[test]
fn each_host_of_an_ejabberd_is_looked_at() {
    let bench = Bench::new("");
    let said = missing(&bench, "ejabberd", "ejabberd-include/ejabberd.yml", "26.07");
    has(
        &said,
        &[
            "listen.yml:4, in `listen:`, the listener with several components under `hosts`, below this line: add\n",
            "\n    global_routes: false\n",
            "in `access_rules:`, `muc_admin:`, below this line: add\n    - allow: invite_relay\n",
            "ejabberd.yml:16, in `modules:`, below this line: add\n",
            "acl.yml:1, in `acl:`, below this line: add\n  invite_relay:\n",
        ],
        &["password", "host_config", "component.server", "  muc_admin:\n"],
    );
    let hosts = RELAY.to_owned() + "hand_over_from = [\"company.test\"]\n";
    fs::write(bench.path("relay.toml"), hosts).unwrap();
    let said = missing(&bench, "ejabberd", "ejabberd-include/ejabberd.yml", "26.07");
    has(
        &said,
        &[
            "in `host_config:`, `company.test:`, `modules:`, below this line: add\n",
            "ejabberd.yml:16, in `modules:`, below this line: add\n",
        ],
        &[],
    );
}

#[test]
fn rules_of_an_operators_own_are_understood() {
    let said = missing(&Bench::new(""), "ejabberd", "ejabberd-docker.yml", "26.07");
    has(
        &said,
        &[
            "ejabberd-docker.yml:45, in `modules:`, `mod_privilege:`, `iq:`, below this line: add\n",
            "\n      http://jabber.org/protocol/disco#info: {get: invite_relay}\n",
            "  mod_muc_invite_relay:\n",
            "    access_admin: muc_admin\n",
        ],
        &["outgoing", "roster", "muc#admin", "in `listen:`"],
    );
}

#[test]
fn an_ejabberd_with_what_setup_prints_misses_nothing() {
    const JOIN: &str = "
import sys, yaml
def join(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: join(old.get(key), value) for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return old + [item for item in new if item not in old]
    return new
print(yaml.safe_dump(join(*(yaml.safe_load(open(path)) for path in sys.argv[1:]))))
";
    let bench = Bench::new("");
    for (name, version) in EJABBERD {
        if name.contains("include") || name.contains("docker") {
            // These have a listener for the relay already.
            continue;
        }
        let (printed, _) = bench.setup(&["ejabberd", "--show-secret", "--server-version", version]);
        fs::write(bench.path("printed.yml"), printed).unwrap();
        let mut python = Command::new("/usr/bin/python3");
        let joined =
            python.args(["-c", JOIN]).args([kept(name), bench.path("printed.yml")]).output().unwrap();
        assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
        fs::write(bench.path("both.yml"), joined.stdout).unwrap();
        let (said, code) = bench.diff("ejabberd", &bench.path("both.yml"), version, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains("Nothing is missing in"), "{name}: {said}");
    }
}

#[test]
fn another_secret_or_port_is_named_and_not_shown() {
    let bench = Bench::new("");
    let lua = "VirtualHost 'example.test'\nComponent 'invites.example.test'\n    component_secret = 'another secret'\n";
    fs::write(bench.path("a.cfg.lua"), lua).unwrap();
    let (said, _) = bench.diff("prosody", &bench.path("a.cfg.lua"), "13.0", &[]);
    has(
        &said,
        &["a.cfg.lua:3", "component_secret is not component.secret"],
        &["another secret", "open sesame"],
    );
    let yaml = "hosts: [example.test]\nlisten:\n  - port: 5276\n    module: ejabberd_service\n    hosts:\n      \
                invites.example.test: {password: another secret}\n";
    fs::write(bench.path("a.yml"), yaml).unwrap();
    let (said, _) = bench.diff("ejabberd", &bench.path("a.yml"), "26.07", &[]);
    has(
        &said,
        &["is on port 5276", "names 5275", "the password of invites.example.test is not component.secret"],
        &["another secret", "open sesame", "global_routes"],
    );
}

#[test]
fn what_cant_be_compared_is_an_error() {
    let bench = Bench::new("");
    for (make, text, expected) in [
        ("prosody", "VirtualHost \"a\"\nmodules_enabled = { \"a\"\n", "wrong:"),
        ("prosody", "hosts:\n  - example.test\n", "wrong:1: this is no configuration of the server"),
        ("ejabberd", "hosts: [a\nlisten:\n", "this is no configuration of the server"),
        ("ejabberd", "VirtualHost \"a\"\n", "this is no configuration of the server"),
        ("ejabberd", "- a\n- b\n", "wrong:1: this is no configuration of the server"),
    ] {
        fs::write(bench.path("wrong"), text).unwrap();
        let (said, code) = bench.diff(make, &bench.path("wrong"), "26.07", &[]);
        assert_eq!(code, Some(2), "{text}: {said}");
        has(&said, &[expected], &["things are missing", "Nothing is missing"]);
    }
    let (said, code) = bench.diff("prosody", &bench.path("absent"), "13.0", &[]);
    assert_eq!(code, Some(2), "{said}");
    has(&said, &["absent can't be read: ", "name the server's own configuration"], &[]);
}
