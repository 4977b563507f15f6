//! `setup prosody --diff` on what else configurations in Lua can be: a single value for a list, what is off, and texts that are
//! none at all.

#[path = "common/setup.rs"]
mod setup;

use std::fs;

use setup::{Bench, RELAY};

/// Nothing is missing in it.
const COMPLETE: &str = r#"
modules_enabled = { "roster"; "saslauth" }
component_ports = { 5347, 5275 }
VirtualHost "example.test"
    modules_enabled = { "privilege" }
    privileged_entities = { ["invites.example.test"] = { message = "outgoing"; roster = "get";
        iq = { ["http://jabber.org/protocol/muc#admin"] = "both"; ["urn:xmpp:blocking"] = "get" } } }
Component "conference.example.test" "muc"
    modules_enabled = { "muc_invite_relay" }
    muc_invite_relay = "invites.example.test"
    admins = { "invites.example.test" }
    component_admins_as_room_owners = true
Component "invites.example.test"
    component_secret = "open sesame"
    modules_enabled = { "privilege" }
    component_conflict_resolve = "kick_old"
"#;

const PRIVILEGES: &str = r#"    privileged_entities = { ["invites.example.test"] = { message = "outgoing"; roster = "get";
        iq = { ["http://jabber.org/protocol/muc#admin"] = "both"; ["urn:xmpp:blocking"] = "get" } } }"#;

/// What it prints of this text, and its exit code.
fn diff(text: &str) -> (String, Option<i32>) {
    let bench = Bench::new("hand_over_from = [\"example.test\"]\n");
    let file = bench.path("prosody.cfg.lua");
    fs::write(&file, text).unwrap();
    bench.diff("prosody", &file, "13.0", &[])
}

/// With one of its lines in the place of another one.
fn with(old: &str, new: &str) -> String {
    assert!(COMPLETE.contains(old), "{old}");
    COMPLETE.replacen(old, new, 1)
}

/// One thing is missing in this text, and this is said of it.
fn is_all_that_is_missing(text: &str, expected: &str) {
    let (said, code) = diff(text);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(expected) && said.contains("One thing is missing"),
        "{expected} is not in:\n{said}"
    );
}

#[test]
fn what_means_the_same_is_the_same() {
    for (old, new) in [
        ("", ""),
        ("Component \"invites.example.test\"", "Component 'invites.example.test' \"component\""),
        ("Component \"invites.example.test\"", "Component [[invites.example.test]] 'component'"),
        ("VirtualHost \"example.test\"", "VirtualHost(\"EXAMPLE.test\")"),
        ("admins = { \"invites.example.test\" }", "admins = admins or { [==[invites.example.test]==], }"),
        ("component_ports = { 5347, 5275 }", "component_ports = 5347; component_ports = { 5275; };"),
        ("component_ports = { 5347, 5275 }", "component_ports = 5275"),
        (
            "modules_enabled = { \"muc_invite_relay\" }",
            "modules_enabled = { };  modules_enabled { \"muc_invite_relay\" }",
        ),
        ("modules_enabled = { \"muc_invite_relay\" }", "modules_enabled = \"muc_invite_relay\""),
        (
            "modules_enabled = { \"muc_invite_relay\" }",
            "modules_enabled = {}  modules_enabled:append { \"muc_invite_relay\" }",
        ),
        (
            "modules_enabled = { \"roster\"",
            "local extra = {}; extra = { \"mam\" }\nmodules_enabled = { \"roster\"",
        ),
        (
            "modules_enabled = { \"roster\"",
            "modules_disabled = { \"privilege\" }\nmodules_enabled = { \"roster\"",
        ),
        ("    admins", "    enabled = true; modules_disabled = { \"mam\" }\n    admins"),
    ] {
        let text = with(old, new);
        let (said, code) = diff(&text);
        assert_eq!(code, Some(0), "{said}\nof\n{text}");
        assert!(!said.contains("Not looked at"), "{said}\nof\n{text}");
    }
}

#[test]
fn a_single_value_becomes_a_list() {
    for (old, new, expected) in [
        (
            "component_ports = { 5347, 5275 }",
            "component_ports = 5347",
            ".lua:3: in the place of what component_ports is there, write\ncomponent_ports = { 5347, 5275 }\n",
        ),
        (
            "component_ports = { 5347, 5275 }",
            "component_ports = { 5275 }; component_ports = 5348",
            ".lua:3: in the place of what component_ports is there, write\ncomponent_ports = { 5348, 5275 }\n",
        ),
        (
            "component_ports",
            "component_interfaces = '10.0.0.1'\ncomponent_ports",
            "component_interfaces = { \"10.0.0.1\", \"127.0.0.1\" }\n",
        ),
        (
            "modules_enabled = { \"muc_invite_relay\" }",
            "modules_enabled = 'muc_mam'",
            "    modules_enabled = { \"muc_mam\", \"muc_invite_relay\" }\n",
        ),
        // A port is an option of the whole server.
        (
            "component_ports = { 5347, 5275 }\nVirtualHost \"example.test\"",
            "VirtualHost \"example.test\"\n    component_ports = { 5275 }",
            "above every VirtualHost and Component, add",
        ),
    ] {
        is_all_that_is_missing(&with(old, new), expected);
    }
}

/// Nothing can be added where only a name stands, but what is in it can be changed where it is written.
#[test]
fn what_is_written_elsewhere_is_written_out() {
    for (old, new, expected) in [
        (
            "component_ports = { 5347, 5275 }",
            "local ports = { 5347 }; component_ports = ports",
            ".lua:3: in the place of what component_ports is there, write\ncomponent_ports = { 5347, 5275 }\n",
        ),
        (
            "    admins = { \"invites.example.test\" }",
            "    local adm = { 'admin@example.test' }\n    admins = adm",
            "\"muc\": in the place of what admins is there, write\n    \
             admins = { \"admin@example.test\", \"invites.example.test\" }\n",
        ),
        (
            "    modules_enabled = { \"privilege\" }\n    privileged_entities",
            "    local on = { 'mam' }\n    modules_enabled = (on)\n    privileged_entities",
            "    modules_enabled = { \"mam\", \"privilege\" }\n",
        ),
        (
            PRIVILEGES,
            "    local may = { message = 'outgoing', roster = 'get', iq = { [\"urn:xmpp:blocking\"] = \"get\" } }\n    \
             privileged_entities = { ['pubsub.example.test'] = may, [\"invites.example.test\"] = may }",
            "VirtualHost \"example.test\", in privileged_entities: invites.example.test: iq: add\n",
        ),
        (
            PRIVILEGES,
            "    local may = { message = 'outgoing', iq = { [\"http://jabber.org/protocol/muc#admin\"] = \"both\"; \
             [\"urn:xmpp:blocking\"] = \"get\" } }\n    privileged_entities = { [\"invites.example.test\"] = may }",
            "VirtualHost \"example.test\": in the place of what privileged_entities: invites.example.test is there, write\n    \
             [\"invites.example.test\"] = {\n        message = \"outgoing\";\n        iq = {\n",
        ),
    ] {
        is_all_that_is_missing(&with(old, new), expected);
    }
}

#[test]
fn what_is_off_is_noticed() {
    for (old, new, expected) in [
        (
            "    privileged_entities",
            "    modules_disabled = { \"privilege\" }\n    privileged_entities",
            ".lua:6, VirtualHost \"example.test\": take \"privilege\" out of the list modules_disabled",
        ),
        (
            "    component_secret",
            "    modules_disabled = \"privilege\"\n    component_secret",
            "Component \"invites.example.test\": take \"privilege\" out of the list modules_disabled",
        ),
        (
            "    admins",
            "    modules_disabled = { 'mam', 'muc_invite_relay' }\n    admins",
            "take \"muc_invite_relay\" out of the list",
        ),
        (
            "    privileged_entities",
            "    enabled = false\n    privileged_entities",
            ".lua:6, VirtualHost \"example.test\": it is off. In the place of what `enabled` is there, write\n    enabled = true\n",
        ),
        (
            "    component_secret",
            "    enabled = false\n    component_secret",
            "Component \"invites.example.test\": it is off.",
        ),
        (
            "VirtualHost \"example.test\"",
            "VirtualHost \"example.test\" { enabled = false }\nVirtualHost \"example.test\"",
            "VirtualHost \"example.test\": it is off.",
        ),
        // Off for all, and on only for all.
        (
            "{ \"roster\"; \"saslauth\" }\ncomponent_ports = { 5347, 5275 }\nVirtualHost \"example.test\"\n    modules_enabled = { \"privilege\" }",
            "{ \"privilege\" }\nmodules_disabled = { \"privilege\" }\ncomponent_ports = { 5347, 5275 }\nVirtualHost \"example.test\"",
            "VirtualHost \"example.test\": add\n    -- Add it to the list",
        ),
    ] {
        is_all_that_is_missing(&with(old, new), expected);
    }
}

/// Prosody adds only to an option that its section has already.
#[test]
fn what_prosody_refuses_to_add_to_is_named() {
    for (old, new, expected) in [
        (
            "modules_enabled = { \"muc_invite_relay\" }",
            "modules_enabled:append { \"muc_mam\", \"muc_invite_relay\" }",
            ".lua:9: Prosody stops here, since no modules_enabled stands above this in its section: begin the line with \
             modules_enabled = {\n",
        ),
        (
            "    modules_enabled = { \"privilege\" }\n    privileged_entities",
            "    modules_enabled { 'mam', 'privilege' }\n    privileged_entities",
            ".lua:5: Prosody stops here, since no modules_enabled stands above",
        ),
        (
            "admins = { \"invites.example.test\" }",
            "admins:append({ \"invites.example.test\" })",
            ".lua:11: Prosody stops here, since no admins stands above",
        ),
    ] {
        is_all_that_is_missing(&with(old, new), expected);
    }
}

#[test]
fn where_prosody_listens_is_compared_in_any_spelling() {
    let at = |server: &str| {
        let bench = Bench::new("hand_over_from = [\"example.test\"]\n");
        let relay = RELAY.replace("127.0.0.1:5275", server) + "hand_over_from = [\"example.test\"]\n";
        fs::write(bench.path("relay.toml"), relay).unwrap();
        let file = bench.path("prosody.cfg.lua");
        fs::write(&file, COMPLETE).unwrap();
        bench.diff("prosody", &file, "13.0", &[])
    };
    for server in ["LOCALHOST:5347", "127.0.0.1:05347", "localhost:5275", "[0:0::1]:5275"] {
        let (said, code) = at(server);
        assert_eq!(code, Some(0), "{server}: {said}");
    }
    let (said, code) = at("unix:/run/x.sock");
    assert_eq!(code, Some(1), "{said}");
    let expected = "component.server of the relay's configuration: Prosody takes components on TCP ports only; set it to \
                    127.0.0.1:5347 in the place of unix:/run/x.sock";
    assert!(said.contains(expected) && said.contains("One thing is missing"), "{said}");
}

#[test]
fn no_text_panics_or_exhausts_the_stack() {
    let deep = |of: &str| format!("a = 1\nx = {}\n", of.repeat(100_000));
    let texts = [
        "(",
        "{",
        "{{",
        "[",
        "not ",
        "- ",
        "#",
        "~",
        "a .. ",
        "a ^ ",
        "a == ",
        "f(",
        "function() ",
        "do ",
        "a[",
        "a and ",
        "{a=",
        "a.",
    ];
    let odd = [
        "`",
        "x = `a`",
        "\u{0}",
        "\\",
        "\"",
        "'",
        "[[",
        "[=",
        "--[[",
        "0x",
        "1e",
        "\u{feff}",
        "\"\\",
        "'\\u{",
        "'\\x",
        "x = 5 5",
        "$",
        "@",
        "é",
        "::",
        "goto",
        "x = ",
        "=",
        "#!",
        "<const>",
        "local x <close> = 1",
    ];
    for text in texts.map(deep).into_iter().chain(odd.map(str::to_owned)) {
        let (said, code) = diff(&text);
        let start = text.chars().take(40).collect::<String>();
        assert!(matches!(code, Some(1 | 2)), "{start:?}: {code:?}: {said}");
        assert!(!said.contains("panicked"), "{start:?}: {said}");
    }
    for (text, line) in [("a = 1\nx = `\n", 2), (&*deep("{"), 2), (&*deep("not "), 2)] {
        let (said, code) = diff(text);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(&format!("prosody.cfg.lua:{line}: this is no configuration of the server: ")),
            "{said}"
        );
    }
    // What doubles with each line.
    for doubling in ["t = t .. t", "t = { t, t }"] {
        let text = format!("local t = 'a'\n{}", format!("{doubling}\n").repeat(200));
        assert!(matches!(diff(&text).1, Some(1)), "{doubling}");
    }
}
