//! `setup` as an operator runs it: its output is well-formed, has every name in its place, and the secret only on demand.

#[path = "common/lua.rs"]
mod lua;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const CONFIG: &str = r#"
[component]
jid = "relay.example.net"
secret = 'open "sesame" \ münze'
server = "[::1]:5275"
[muc]
services = ["rooms.example.net", "invites.example.org"]
hand_over_from = ["example.com", "rooms.example.net"]
"#;

fn setup_with(config: &str, arguments: &[&str]) -> Output {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    std::fs::write(&file, config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"))
        .arg("setup")
        .args(arguments)
        .env("MUC_INVITE_RELAY_CONFIG", &file)
        .output()
        .unwrap()
}

fn setup(arguments: &[&str]) -> String {
    printed(&setup_with(CONFIG, arguments))
}

fn printed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The output of a program for this input. The program must succeed.
fn through(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} is needed ({e}): ./scripts/test installs it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    printed(&child.wait_with_output().unwrap())
}

/// Runs the text as Lua, and returns each section with its options.
fn prosody(text: &str) -> Value {
    const READER: &str = r#"
        local json = require "util.json"
        local sections = { global = {} }
        local section = sections.global
        local function open(name) sections[name] = sections[name] or {}; section = sections[name] end
        local function section_of_its_own() section = sections.global end
        local function component(name) open(name); return function () end end
        local env = setmetatable({ VirtualHost = open, Component = component, section_of_its_own = section_of_its_own }, {
            __newindex = function (_, option, value) section[option] = value end,
        })
        assert(load(io.read("a"), "=setup", "t", env))()
        print(json.encode(sections))
    "#;
    let reader = format!("{}{READER}", lua::PROSODYS);
    let said = through("lua5.4", &["-e", &reader], text);
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
}

fn ejabberd(text: &str) -> Value {
    let reader = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    serde_json::from_str(&through("/usr/bin/python3", &["-c", reader], text)).unwrap()
}

#[test]
fn prosodys_side_has_a_section_for_each_host_and_service() {
    let text = setup(&["prosody", "--show-secret"]);
    let told = prosody(&text);

    // The domains above the component and above a MUC service may be no hosts of users.
    for guess in ["example.net", "example.org"] {
        assert!(text.contains(&format!("-- Only if {guess} is a host of your users")), "{text}");
        assert!(text.contains(&format!("\n-- VirtualHost \"{guess}\"\n")), "{text}");
        assert!(told[guess].is_null(), "{text}");
    }
    let hosts = ["example.com"];
    let services = ["invites.example.org", "rooms.example.net"];
    let mut expected = json!({
        "global": {},
        "relay.example.net": {
            "component_secret": r#"open "sesame" \ münze"#,
            "modules_enabled": ["privilege"],
            "component_conflict_resolve": "kick_old",
        },
    });
    for host in hosts {
        let iq = json!({ "http://jabber.org/protocol/muc#admin": "both", "urn:xmpp:blocking": "get" });
        let grant = json!({ "message": "outgoing", "roster": "get", "iq": iq });
        expected[host] = json!({
            "modules_enabled": ["privilege"],
            "privileged_entities": { "relay.example.net": grant },
        });
    }
    for service in services {
        expected[service] = json!({
            "modules_enabled": ["muc_invite_relay"],
            "muc_invite_relay": "relay.example.net",
            "admins": ["relay.example.net"],
            "component_admins_as_room_owners": true,
        });
    }
    assert_eq!(told, expected);
    // Global options would replace those of the configuration that is there.
    for option in [
        r#"-- plugin_paths = { "/usr/local/lib/prosody/modules" }"#,
        r#"-- component_interfaces = { "::1" }"#,
        "-- component_ports = { 5275 }",
    ] {
        assert!(text.lines().any(|line| line == option), "{text}");
    }
}

/// The options of a configuration, and the options of this configuration with the printed text after it.
fn before_and_after(before: &str, services: &str) -> [Value; 2] {
    let config = format!(
        "[component]\njid = 'invites.example.test'\nsecret = 'open sesame'\nserver = '127.0.0.1:5275'\n[muc]\nservices = \
         {services}\n"
    );
    let printed = printed(&setup_with(&config, &["prosody", "--show-secret"]));
    [prosody(before), prosody(&format!("{before}\n{}", global_again(&printed)))]
}

/// The printed text as a file of its own, which begins outside of all sections.
fn global_again(text: &str) -> String {
    format!("section_of_its_own()\n{text}")
}

#[test]
fn a_file_of_its_own_takes_nothing_away_from_prosodys_configuration() {
    for (name, before, services) in [
        ("debian", include_str!("setups/prosody-debian.cfg.lua"), "['conference.localhost']"),
        ("several hosts", include_str!("setups/prosody-several-hosts.cfg.lua"), "['rooms.talk.test']"),
        ("minimal", include_str!("setups/prosody-minimal.cfg.lua"), "['conference.example.test']"),
    ] {
        let [before, after] = before_and_after(before, services);
        for (section, options) in before.as_object().unwrap() {
            for (option, value) in options.as_object().unwrap() {
                assert_eq!(&after[section][option], value, "{name}: {section}: {option}");
            }
        }
        assert_eq!(after["global"], before["global"], "{name}");
        for guess in ["talk.test", "example.test"] {
            assert_eq!(after[guess], before[guess], "{name}: a host that never was");
        }
    }
}

#[test]
fn what_is_printed_takes_nothing_away_from_ejabberds_configuration() {
    let config = CONFIG.replace("relay.example.net", "invites.example.test");
    let printed = ejabberd(&printed(&setup_with(&config, &["ejabberd", "--server-version", "26.07"])));
    for text in
        [include_str!("setups/ejabberd-debian.yml"), include_str!("setups/ejabberd-several-hosts.yml")]
    {
        let before = ejabberd(text);
        let mut changed = Vec::new();
        differing(&before, &printed, "", &mut changed);
        // Lists are appended to, and the rule still lets administrators do everything.
        assert_eq!(changed, ["/modules/mod_muc/access_admin"]);
        assert_eq!(printed["access_rules"]["muc_admin"][0], json!({ "allow": "admin" }));
    }
}

/// The paths at which both have a value, but not the same.
fn differing(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                if let Some(other) = other.get(key) {
                    differing(value, other, &format!("{path}/{key}"), found);
                }
            }
        }
        (Value::Array(_), Value::Array(_)) if path == "/listen" => {}
        _ if one == other => {}
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn prosodys_usual_port_needs_no_words() {
    for (server, told) in [("127.0.0.1:5347", false), ("localhost:5347", false), ("127.0.0.1:5348", true)] {
        let text = printed(&setup_with(&CONFIG.replace("[::1]:5275", server), &["prosody"]));
        assert_eq!(text.contains("component_ports"), told, "{server}");
    }
}

#[test]
fn ejabberds_side_has_every_name() {
    let told = ejabberd(&setup(&["--show-secret", "ejabberd", "--server-version", "26.07"]));
    let grant = |key: &str| json!({ key: "invite_relay" });
    let expected = json!({
        "listen": [{
            "port": 5275,
            "ip": "::1",
            "module": "ejabberd_service",
            "access": "all",
            "global_routes": false,
            "hosts": { "relay.example.net": { "password": r#"open "sesame" \ münze"# } },
        }],
        "acl": { "invite_relay": { "node_regexp": { "^$": "^relay[.]example[.]net$" } } },
        "access_rules": {
            "invite_relay": grant("allow"),
            "muc_admin": [{ "allow": "admin" }, grant("allow")],
        },
        "modules": {
            "mod_muc": { "access_admin": "muc_admin" },
            "mod_muc_invite_relay": { "component": "relay.example.net" },
            "mod_privilege": {
                "message": grant("outgoing"),
                "roster": grant("get"),
                "iq": {
                    "http://jabber.org/protocol/muc#admin": grant("both"),
                    "http://jabber.org/protocol/disco#info": grant("get"),
                    "urn:xmpp:blocking": grant("get"),
                },
            },
        },
    });
    assert_eq!(told, expected);
}

#[test]
fn an_older_ejabberd_is_told_nothing_of_iqs() {
    let privileges = |version| {
        ejabberd(&setup(&["ejabberd", "--server-version", version]))["modules"]["mod_privilege"].clone()
    };
    for old in ["23.01", "24.9", "24.07-1~bpo12+1"] {
        assert!(privileges(old)["message"].is_object() && privileges(old)["iq"].is_null(), "{old}");
    }
    for new in ["24.10", "24.12-3+deb13u1", "26.1"] {
        assert!(privileges(new)["iq"].is_object(), "{new}");
    }
}

#[test]
fn a_version_may_be_its_first_number_alone() {
    let with = |make: &str, version: &str| setup_with(CONFIG, &[make, "--server-version", version]);
    for (make, short, long) in
        [("prosody", "13", "13.0"), ("ejabberd", "24", "24.00"), ("ejabberd", "26", "26.0")]
    {
        assert_eq!(printed(&with(make, short)), printed(&with(make, long)), "{make} {short}");
    }
    for (make, such_as) in [("prosody", "0.12 or 13.0"), ("ejabberd", "23.01 or 26.07")] {
        for wrong in ["newest", "", "-13", "13,"] {
            let wrong = setup_with(CONFIG, &[make, &format!("--server-version={wrong}")]);
            let said = String::from_utf8_lossy(&wrong.stderr);
            assert_eq!(wrong.status.code(), Some(2), "{said}");
            assert!(said.contains(&format!("write a version such as {such_as}")), "{said}");
        }
    }
}

#[test]
fn which_version_was_assumed_is_said() {
    let here = setup(&["ejabberd"]);
    let first = here.lines().next().unwrap();
    assert!(
        first.starts_with("# For ") && first.ends_with("; --server-version names another one."),
        "{first}"
    );
    assert!(!setup(&["ejabberd", "--server-version", "23.01"]).contains("# For "));

    // Where no server is, and no command that could tell of one.
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let found = |database: &str| {
        std::fs::write(directory.path().join("dpkg-query"), database).unwrap();
        let run = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path().join("dpkg-query"), run).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"));
        command
            .args(["setup", "ejabberd"])
            .env("MUC_INVITE_RELAY_CONFIG", &file)
            .env("PATH", directory.path());
        printed(&command.output().unwrap())
    };
    let old = found("#!/bin/sh\necho 'not-installed '; echo 'installed 1:24.07-1'\nexit 1\n");
    assert!(old.contains("version 24.07, as the package database of this machine says"), "{old}");
    assert!(ejabberd(&old)["modules"]["mod_privilege"]["iq"].is_null(), "{old}");
}

#[test]
fn no_secret_is_shown_unasked() {
    for server in ["prosody", "ejabberd"] {
        let text = setup(&[server]);
        assert!(!text.contains("sesame"), "{text}");
        assert!(text.contains("--show-secret prints it"), "{text}");
        assert!(!text.contains("change me"), "{text}");
    }
    assert_eq!(
        prosody(&setup(&["prosody"]))["relay.example.net"]["component_conflict_resolve"],
        "kick_old",
        "the placeholder is a string"
    );
    ejabberd(&setup(&["ejabberd"]));
}

#[test]
fn a_secret_may_have_any_characters() {
    let config = CONFIG.replace(r#"'open "sesame" \ münze'"#, r#""a\"b\\c\n\u0085\u007F🔑 #{}%""#);
    let secret = "a\"b\\c\n\u{85}\u{7f}🔑 #{}%";
    let lua = printed(&setup_with(&config, &["prosody", "--show-secret"]));
    assert_eq!(prosody(&lua)["relay.example.net"]["component_secret"], secret);
    let yaml = printed(&setup_with(&config, &["ejabberd", "--show-secret"]));
    assert_eq!(ejabberd(&yaml)["listen"][0]["hosts"]["relay.example.net"]["password"], secret);
}

#[test]
fn what_the_configuration_does_not_tell_is_said() {
    let at = |server: &str| CONFIG.replace("[::1]:5275", server);
    let told = |config: &str, server| printed(&setup_with(config, &[server]));

    assert!(told(&at("localhost:5348"), "prosody").contains(r#"component_interfaces = { "127.0.0.1" }"#));
    let elsewhere = at("xmpp.example.org:5347\"\nallow_remote_cleartext = true #");
    for server in ["prosody", "ejabberd"] {
        assert!(told(&elsewhere, server).contains("the IP address of xmpp.example.org"));
    }

    let socket = at("unix:/run/server/component.sock");
    assert!(told(&socket, "prosody").contains("set component.server to 127.0.0.1:5347"));
    let listen = &ejabberd(&told(&socket, "ejabberd"))["listen"][0];
    assert_eq!(listen["port"], "unix:/run/server/component.sock");

    let flat = "component = { jid = 'relay', secret = 's' }\nmuc.services = ['rooms']";
    assert!(told(flat, "prosody").contains("add it to muc.hand_over_from"));
}

#[test]
fn nothing_is_left_of_the_example() {
    for arguments in [&["prosody"][..], &["ejabberd"]] {
        let text = setup(arguments);
        for name in ["conference.example.org", "127.0.0.1", "5347", "Put your own names", "have it printed"] {
            assert!(!text.contains(name), "{name}: {text}");
        }
    }
}
