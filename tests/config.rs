//! The configuration as operators write it: the annotated reference, folders of valid and invalid examples, and the environment.
//! The first line of an invalid example says what the error must contain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muc_invite_relay::config::{
    Archive, Changes, Config, LogFormat, Membership, Mimicry, Passwords, REFERENCE, Rate, Server, Strangers,
    Support,
};
use secrecy::ExposeSecret;

const LEAST: &str = include_str!("configs/valid/least.toml");

fn examples(folder: &str, at_least: usize) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= at_least, "only {} examples", files.len());
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn parse(text: &str) -> Result<Config, String> {
    with_env(text, &[])
}

fn with_env(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    let env = env.iter().map(|(name, value)| (format!("MUC_INVITE_RELAY__{name}"), (*value).to_owned()));
    Config::from_toml(text, env).map_err(|e| e.to_string())
}

#[test]
fn valid_examples_are_read() {
    for (path, text) in examples("valid", 6) {
        if let Err(e) = parse(&text) {
            panic!("{}: {e}", path.display());
        }
    }
}

#[test]
fn invalid_examples_are_refused_with_the_remedy() {
    for (path, text) in examples("invalid", 60) {
        let first = text.lines().next().unwrap();
        let expected = first.strip_prefix("# expect: ").expect("the first line says what to expect");
        let complaint = parse(&text).expect_err(&format!("{} was read", path.display()));
        assert!(
            complaint.contains(expected),
            "{}:\nexpected {expected}\n     got {complaint}",
            path.display()
        );
        let secrets = ["swordfish", "12345"];
        assert!(!secrets.iter().any(|secret| complaint.contains(secret)), "shows a secret: {complaint}");
    }
}

#[test]
fn every_value_arrives() {
    let config = parse(include_str!("configs/valid/everything-else.toml")).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(config.component.jid, "invites.example.org");
    assert_eq!(config.component.secret.expose_secret(), "swordfish");
    assert_eq!(config.component.server, Server::Tcp("[::1]:5275".into()));
    assert_eq!(config.muc.services, ["conference.example.org", "rooms.example.net"]);
    assert_eq!(config.muc.membership, Membership::Require);
    assert_eq!(config.muc.hand_over_from, ["example.org"]);
    assert_eq!(config.relay.window, seconds(90));
    assert_eq!(config.relay.expiry, seconds(5400));
    assert_eq!(config.relay.strangers, Strangers::Refuse);
    assert_eq!(config.relay.mimicry, Mimicry::Refuse);
    assert_eq!(config.relay.support, Support::Ask);
    assert_eq!(config.relay.max_reason, 1000);
    assert_eq!(config.relay.passwords, Passwords::Strip);
    assert_eq!(config.relay.archive, Archive::NoStore);
    assert_eq!(config.limits.per_inviter, Rate { count: 1, per: seconds(1) });
    assert_eq!(config.limits.per_domain, Rate { count: 5, per: seconds(60) });
    assert_eq!(config.limits.per_contact, Rate { count: 2, per: seconds(120) });
    assert_eq!(config.limits.per_room, Rate { count: 3, per: seconds(3 * 3600) });
    assert_eq!(config.limits.max_recipients, 16);
    assert_eq!(config.journal.place.file(), Some(Path::new("journal.db")));
    assert_eq!(config.journal.retention, seconds(30 * 24 * 3600));
    let groups: Vec<_> = config.groups.iter().map(|(name, people)| (name.as_str(), people.len())).collect();
    assert_eq!(groups, [("night-shift", 1), ("team", 2)]);
    assert_eq!(config.admins.jids, [jid::BareJid::new("admin@example.org").unwrap()]);
    assert_eq!(config.log.level, "info,muc_invite_relay::link=debug");
    assert_eq!(config.log.format, LogFormat::Journald);
    assert_eq!(config.metrics.listen, Some(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9590))));
    assert!(config.metrics.show_people);
}

/// Domains are compared in their canonical form. The server gets them in the labels of the configuration.
#[test]
fn domains_in_any_spelling_are_one() {
    let config = parse(
        "component = { jid = 'XN--RUME-LOA.example.org.', secret = 's' }\n\
         muc = { services = ['conference.xn--bcher-kva.example', 'Conference.BÜCHER.example.'] }\n\
         admins = { jids = ['Admin@xn--bcher-kva.example', 'admin@bücher.example.'] }\n\
         groups = { team = ['bob@bücher.example', 'bob@XN--bcher-KVA.example'] }",
    )
    .unwrap();
    assert_eq!(config.component.jid, "räume.example.org");
    assert_eq!(config.muc.services, ["conference.bücher.example"]);
    assert_eq!(config.admins.jids, [jid::BareJid::new("admin@bücher.example").unwrap()]);
    assert_eq!(config.groups["team"], [jid::BareJid::new("bob@bücher.example").unwrap()]);
    assert_eq!(config.as_written("räume.example.org"), "xn--rume-loa.example.org");
    assert_eq!(config.as_written("conference.bücher.example"), "conference.xn--bcher-kva.example");
    assert_eq!(config.as_written("bücher.example"), "xn--bcher-kva.example", "the host above");
    assert_eq!(config.as_written("example.net"), "example.net");
    let own = LEAST.replace("conference.example.org", "INVITES.example.org.");
    assert!(parse(&own).unwrap_err().contains("the component's own"), "in another spelling");
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let least = format!("{:?}", without_set(&parse(LEAST).unwrap()));
    let mut contract = parse(include_str!("configs/valid/contract.toml")).unwrap();
    contract.groups.clear();
    contract.admins.jids.clear();
    contract.metrics.listen = None;
    assert_eq!(least, format!("{:?}", without_set(&contract)));
}

/// All sections of a configuration, without the digests of the keys that were set.
fn without_set(config: &Config) -> impl std::fmt::Debug {
    let c = config.clone();
    (c.component, c.muc, c.relay, c.limits, c.journal, (c.groups, c.admins, c.log, c.metrics))
}

/// Keys that the reference shows with an example, since their default is to be absent.
const EXAMPLES: [&str; 9] =
    ["secret_file", "servers", "team", "listen", "url", "key_file", "name", "lease", "socket"];

/// Those that exclude what is set already, or name files that are not there.
const ALONE: [&str; 6] = ["secret_file", "url", "key_file", "name", "lease", "socket"];

/// A commented key of the reference.
fn commented(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix('#').filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))?;
    Some((line.split_once(" = ")?.0, line))
}

#[test]
fn the_reference_shows_the_defaults() {
    let as_it_is = parse(REFERENCE).unwrap();
    let mut shown = 0;
    let uncomment = |line: &str| match commented(line) {
        Some((key, line)) if !EXAMPLES.contains(&key) => {
            shown += 1;
            format!("{line}\n")
        }
        _ => format!("{line}\n"),
    };
    let uncommented = parse(&REFERENCE.lines().map(uncomment).collect::<String>()).unwrap();
    assert!(shown > 15, "only {shown} defaults are shown");
    assert_eq!(format!("{:?}", without_set(&as_it_is)), format!("{:?}", without_set(&uncommented)));
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    let uncomment = |line: &str| match commented(line) {
        Some((key, line)) if EXAMPLES.contains(&key) && !ALONE.contains(&key) => format!("{line}\n"),
        _ => format!("{line}\n"),
    };
    let config = parse(&REFERENCE.lines().map(uncomment).collect::<String>()).unwrap();
    assert_eq!(config.groups.keys().collect::<Vec<_>>(), ["team"]);
}

#[test]
fn the_reference_has_every_key() {
    let mut section = "";
    let mut found = Vec::new();
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((key, _)) =
            commented(line).or_else(|| line.split_once(" = ").filter(|_| !line.starts_with('#')))
        {
            found.push(if section == "groups" { "groups.*".to_owned() } else { format!("{section}.{key}") });
        }
    }
    found.sort();
    let keys = Config::keys();
    assert!(keys.len() > 20, "only {} keys", keys.len());
    assert_eq!(found, keys);
}

#[test]
fn the_environment_overrides_every_key() {
    let env = [
        ("COMPONENT__JID", "invites.example.org"),
        ("COMPONENT__SECRET", "swordfish"),
        ("COMPONENT__SERVER", "[::1]:5275"),
        ("COMPONENT__ALLOW_REMOTE_CLEARTEXT", "true"),
        ("MUC__SERVICES", "conference.example.org, rooms.example.net"),
        ("MUC__MEMBERSHIP", "require"),
        ("MUC__HAND_OVER_FROM", "[\"example.org\"]"),
        ("RELAY__WINDOW", "90s"),
        ("RELAY__EXPIRY", "90m"),
        ("RELAY__STRANGERS", "refuse"),
        ("RELAY__MIMICRY", "refuse"),
        ("RELAY__SUPPORT", "ask"),
        ("RELAY__MAX_REASON", "1000"),
        ("RELAY__PASSWORDS", "strip"),
        ("RELAY__ARCHIVE", "no-store"),
        ("LIMITS__PER_INVITER", "1/1s"),
        ("LIMITS__PER_DOMAIN", "5/1m"),
        ("LIMITS__PER_CONTACT", "2/2m"),
        ("LIMITS__PER_ROOM", "3/3h"),
        ("LIMITS__MAX_RECIPIENTS", "16"),
        ("JOURNAL__PATH", "journal.db"),
        ("JOURNAL__RETENTION", "30d"),
        ("GROUPS__TEAM", "bob@example.org,carol@example.org"),
        ("GROUPS__NIGHT-SHIFT", "dave@example.org"),
        ("ADMINS__JIDS", "admin@example.org"),
        ("LOG__LEVEL", "info,muc_invite_relay::link=debug"),
        ("LOG__FORMAT", "journald"),
        ("METRICS__LISTEN", "[::1]:9590"),
        ("METRICS__SHOW_PEOPLE", "true"),
    ];
    let tried: Vec<_> = env.iter().map(|(name, _)| name.to_lowercase().replace("__", ".")).collect();
    for key in Config::keys() {
        // Those of a journal on a server exclude the file.
        let of_server =
            ["journal.url", "journal.key_file", "journal.name", "journal.lease", "journal.socket"];
        let elsewhere = ["component.secret_file", "component.servers", "groups.*"].contains(&key.as_str())
            || of_server.contains(&key.as_str());
        assert!(elsewhere || tried.contains(&key), "{key} is not tried");
    }
    let from_file = parse(include_str!("configs/valid/everything-else.toml")).unwrap();
    let expected = format!("{:?}", without_set(&from_file));
    for text in ["", include_str!("configs/valid/contract.toml")] {
        let config = with_env(text, &env).unwrap();
        assert_eq!(format!("{:?}", without_set(&config)), expected);
        assert_eq!(config.component.secret.expose_secret(), "swordfish");
    }
}

#[test]
fn a_wrong_variable_is_named() {
    for (variable, complaint) in [
        (
            ("RELAY__WINDOW", "ages"),
            "MUC_INVITE_RELAY__RELAY__WINDOW: relay.window is \"ages\": write a duration",
        ),
        (
            ("RELAY__WINDW", "1h"),
            "MUC_INVITE_RELAY__RELAY__WINDW: relay.windw is unknown: did you mean relay.window?",
        ),
        (("RELAIS__WINDOW", "1h"), "the section [relais] is unknown: did you mean [relay]?"),
        (("WINDOW", "1h"), "MUC_INVITE_RELAY__WINDOW names no key: write SECTION__KEY"),
        (("MUC__SERVICES", "[conference"), "muc.services is \"[conference\": write it as one,two or as"),
        (("MUC__SERVICES", ""), "muc.services is empty: name the MUC services"),
        (
            ("COMPONENT__ALLOW_REMOTE_CLEARTEXT", "yes"),
            "component.allow_remote_cleartext is \"yes\": write true or false",
        ),
        (("RELAY__MAX_REASON", "many"), "relay.max_reason is many: write a whole number from 0 to 10000"),
        (("COMPONENT__SECRET", ""), "component.secret is empty"),
    ] {
        let got = with_env(LEAST, &[variable]).expect_err("it was read");
        assert!(got.contains(complaint), "expected {complaint}\n     got {got}");
    }
}

/// The check and the log read a level by one grammar: what is read here can be logged by.
#[test]
fn a_level_is_read_as_the_log_reads_it() {
    for (level, read) in [
        (" info", "info"),
        ("info, muc_invite_relay::link=debug", "info,muc_invite_relay::link=debug"),
        ("WARN", "WARN"),
        ("3", "3"),
    ] {
        assert_eq!(with_env(LEAST, &[("LOG__LEVEL", level)]).unwrap().log.level, read);
    }
    let wrong = [
        "",
        " ",
        "info,",
        ",info",
        "info,,muc_invite_relay=debug",
        "info,muc_invite_relay=",
        "=debug",
        "muc_invite_relay=debug=info",
        "muc_invite_relay[{a=b}]=debug",
    ];
    for level in wrong {
        let got = with_env(LEAST, &[("LOG__LEVEL", level)]).expect_err(level);
        assert!(got.contains("log.level is") && got.contains("write error, warn, info"), "{level}: {got}");
    }
}

/// With a longer one the relay runs, and no command can ask it.
#[test]
fn the_control_socket_of_the_longest_path_can_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let beginning = folder.path().join("j").into_os_string().into_string().unwrap();
    let longest = format!("{beginning:j<102}");
    let config = with_env(LEAST, &[("JOURNAL__PATH", &longest)]).unwrap();
    std::os::unix::net::UnixListener::bind(&config.journal.socket).unwrap();
    assert_eq!(config.warnings(), [""; 0]);
    let [warning] = &with_env(LEAST, &[("JOURNAL__PATH", &format!("{longest}j"))]).unwrap().warnings()[..]
    else {
        panic!("no warning");
    };
    assert!(warning.starts_with("journal.path has 103 bytes: "), "{warning}");
}

#[test]
fn other_variables_are_left_alone() {
    let env = [("MUC_INVITE_RELAY_CONFIG".to_owned(), "x".to_owned()), ("PATH".to_owned(), "y".to_owned())];
    Config::from_toml(LEAST, env.into_iter()).unwrap();
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (held, secret) in [
        ("hush\n", "hush"),
        ("hush\r\n", "hush"),
        ("\u{feff}hush\r\n", "hush"),
        (" hush\n\n", " hush\n"),
        ("hush", "hush"),
    ] {
        std::fs::write(&path, held).unwrap();
        // The variable overrides the file's own secret, though that is another key.
        let config = with_env(LEAST, &[("COMPONENT__SECRET_FILE", path.to_str().unwrap())]).unwrap();
        assert_eq!(config.component.secret.expose_secret(), secret);
        assert!(!format!("{config:?}").contains("hush"));
    }
    assert!(!format!("{:?}", parse(LEAST).unwrap()).contains("swordfish"));
}

#[test]
fn what_can_be_no_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let many = "a text that has more than one line";
    let control = "a text with a control character";
    for (held, expected) in [
        ("COMPONENT_SECRET=hush\nFOO=bar\n", many),
        ("hush\r\nhush\r\n", many),
        ("hush\rhush", many),
        ("hush\0", control),
        ("hu\0sh\n", control),
        ("hu\u{1b}sh", control),
        ("\u{feff}\n", "empty"),
    ] {
        std::fs::write(&path, held).unwrap();
        let from_file = with_env(LEAST, &[("COMPONENT__SECRET_FILE", path.to_str().unwrap())]).unwrap_err();
        assert!(
            from_file.contains(&format!("/secret\": what it holds is {expected}"))
                && !from_file.contains("hush"),
            "{held:?}: {from_file}"
        );
        if expected != "empty" {
            let variable = with_env(LEAST, &[("COMPONENT__SECRET", held)]).unwrap_err();
            assert!(
                variable.contains(&format!("component.secret is {expected}: ")) && !variable.contains("hush"),
                "{held:?}: {variable}"
            );
        }
    }
}

#[test]
fn a_secret_is_not_awaited_from_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let refused = with_env(LEAST, &[("COMPONENT__SECRET_FILE", path.to_str().unwrap())]).unwrap_err();
    assert!(refused.contains("it can't be read (it is a pipe or a device, and no file)"), "{refused}");
}

#[test]
fn a_server_elsewhere_needs_leave() {
    let at = |server: &str| with_env(LEAST, &[("COMPONENT__SERVER", server)]);
    for here in [
        "localhost:5347",
        "LocalHost:5347",
        "127.0.0.1:5347",
        "127.8.9.10:5347",
        "[::1]:5347",
        "[::ffff:127.0.0.1]:1",
        "unix:/s",
    ] {
        assert_eq!(at(here).unwrap().warnings(), [""; 0], "{here}");
    }
    for elsewhere in [
        "xmpp.example.org:5347",
        "localhost.example.org:5347",
        "10.0.0.1:5347",
        "0.0.0.0:5347",
        "[fe80::1]:5347",
        "[::ffff:10.0.0.1]:1",
        "127.0.0.1.example.org:5347",
    ] {
        let refused = at(elsewhere).unwrap_err();
        assert!(refused.contains(&format!("component.server is \"{elsewhere}\"")), "{refused}");
        assert!(refused.contains("set component.allow_remote_cleartext = true"), "{refused}");
        let env = [("COMPONENT__SERVER", elsewhere), ("COMPONENT__ALLOW_REMOTE_CLEARTEXT", "true")];
        let [warning] = &with_env(LEAST, &env).unwrap().warnings()[..] else { panic!("one warning") };
        assert!(warning.contains(elsewhere), "{warning}");
    }
}

#[test]
fn a_cluster_has_an_address_for_each_node() {
    let at = |servers: &str| with_env(LEAST, &[("COMPONENT__SERVERS", servers)]);
    let addresses = |config: Config| config.component.addresses().iter().map(ToString::to_string).collect();
    let read: Vec<String> = addresses(at("127.0.0.1:5347,unix:/s,127.0.0.1:05347").unwrap());
    assert_eq!(read, ["127.0.0.1:5347", "unix:/s"]);
    let many: Vec<_> = (1..=17).map(|port| format!("127.0.0.1:{port}")).collect();
    for (servers, why) in [
        ("", "empty: name one address for each node"),
        ("127.0.0.1", "write host:port"),
        (&many.join(","), "name 16 nodes of one cluster at most"),
        ("127.0.0.1:1,10.0.0.1:1", "set component.allow_remote_cleartext = true"),
    ] {
        let refused = at(servers).unwrap_err();
        assert!(refused.contains("component.servers") && refused.contains(why), "{refused}");
    }
    let both = [("COMPONENT__SERVERS", "127.0.0.1:1"), ("COMPONENT__SERVER", "127.0.0.1:2")];
    assert!(with_env(LEAST, &both).unwrap_err().contains("set beside component.server"));
    let elsewhere =
        [("COMPONENT__SERVERS", "127.0.0.1:1,10.0.0.1:1"), ("COMPONENT__ALLOW_REMOTE_CLEARTEXT", "true")];
    let [warning] = &with_env(LEAST, &elsewhere).unwrap().warnings()[..] else { panic!("one warning") };
    assert!(warning.contains("component.servers = \"10.0.0.1:1\""), "{warning}");
}

#[test]
fn a_server_in_any_spelling_is_one() {
    for (written, expected) in [
        ("LOCALHOST:5347", "localhost:5347"),
        ("127.0.0.1:05347", "127.0.0.1:5347"),
        ("localhost:+5347", "localhost:5347"),
        ("[0:0:0:0:0:0:0:1]:05347", "[::1]:5347"),
        ("unix:/Run/X", "unix:/Run/X"),
    ] {
        let config = with_env(LEAST, &[("COMPONENT__SERVER", written)]).unwrap();
        assert_eq!(config.component.server.to_string(), expected);
    }
}

#[test]
fn metrics_for_everybody_are_warned_of() {
    let warnings = |listen: &str| with_env(LEAST, &[("METRICS__LISTEN", listen)]).unwrap().warnings();
    for here in ["127.0.0.1:9590", "[::1]:9590", "127.8.9.10:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(warnings(here), [""; 0], "{here}");
    }
    for anywhere in ["0.0.0.0:9590", "[::]:9590", "192.0.2.1:9590"] {
        let [warning] = &warnings(anywhere)[..] else { panic!("one warning") };
        assert!(warning.contains(anywhere) && warning.contains("firewall"), "{warning}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "[component]\njid = 'a@b'\n[relay]\nwindow = 1\nexpiri = '1h'\n";
    let complaints = parse(text).unwrap_err();
    let beginnings = [
        "line 2: component.jid is",
        "component.secret is missing",
        "muc.services is missing",
        "line 4: relay.window is",
        "line 5: relay.expiri is",
    ];
    for (complaint, beginning) in complaints.lines().zip(beginnings) {
        assert!(complaint.starts_with(beginning), "{complaint}");
    }
    assert_eq!(complaints.lines().count(), beginnings.len(), "{complaints}");
}

#[test]
fn a_named_file_must_exist_and_its_name_stands_in_complaints() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    let absent = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(absent.contains("relay.toml can't be read"), "{absent}");
    assert!(absent.contains("name the file with --config"), "{absent}");
    std::fs::write(&path, "[relay]\nwindow = 1").unwrap();
    let wrong = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(wrong.contains("relay.toml:2: relay.window is 1"), "{wrong}");
    std::fs::write(&path, LEAST).unwrap();
    Config::load(Some(&path)).unwrap();
}

#[test]
fn files_of_conf_d_override_each_other_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    let more = folder.path().join("conf.d");
    let write = |name: &str, text: &str| std::fs::write(more.join(name), text).unwrap();
    std::fs::write(
        &path,
        format!("{LEAST}[relay]\nwindow = '1m'\nexpiry = '2h'\n[groups]\nteam = ['a@b.c']\n"),
    )
    .unwrap();
    assert_eq!(Config::load(Some(&path)).unwrap().files, std::slice::from_ref(&path));

    std::fs::create_dir(&more).unwrap();
    write("20-window.toml", "[relay]\nwindow = '3m'\n[groups]\nteam = ['d@e.f']\n");
    write("10-window.toml", "[relay]\nwindow = '2m'\nmax_reason = 7\n[groups]\nmore = ['g@h.i']\n");
    write("secret.toml", "[component]\nsecret_file = \"/nowhere\"\n");
    for passed_over in ["README", ".hidden.toml", "old.toml~", "old.toml.dpkg-old"] {
        write(passed_over, "this is not TOML");
    }
    let absent = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(absent.contains("secret.toml:2: component.secret_file is \"/nowhere\""), "{absent}");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "of the other file\n").unwrap();
    write("secret.toml", &format!("[component]\nsecret_file = '{}'\n", secret.display()));

    let config = Config::load(Some(&path)).unwrap();
    assert_eq!(config.relay.window, Duration::from_secs(180));
    assert_eq!(config.relay.expiry, Duration::from_secs(7200));
    assert_eq!(config.relay.max_reason, 7);
    assert_eq!(config.groups["team"][0].to_string(), "d@e.f");
    assert!(config.groups.contains_key("more"));
    assert_eq!(config.component.secret.expose_secret(), "of the other file");
    assert_eq!(config.component.secret_in.as_deref(), Some(secret.as_path()));
    let names = ["10-window.toml", "20-window.toml", "secret.toml"].map(|name| more.join(name));
    assert_eq!(config.files, [&[path.clone()][..], &names].concat());

    write("10-window.toml", "[relay]\nwindow = 2\nmax_reasons = 7\n");
    write("20-window.toml", "[relay]\nexpiry = 2\n");
    let wrong = Config::load(Some(&path)).unwrap_err().to_string();
    for expected in [
        "conf.d/10-window.toml:2: relay.window is 2",
        "10-window.toml:3: relay.max_reasons",
        "conf.d/20-window.toml:2: relay.expiry",
    ] {
        assert!(wrong.contains(expected), "{expected}: {wrong}");
    }
    write("10-window.toml", "[relay\n");
    let wrong = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(wrong.contains("conf.d/10-window.toml:1: this is not TOML"), "{wrong}");
    std::fs::remove_file(more.join("10-window.toml")).unwrap();
    std::os::unix::fs::symlink("/nowhere", more.join("gone.toml")).unwrap();
    let absent = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(absent.contains("conf.d/gone.toml can't be read"), "{absent}");
    assert!(absent.contains("a link that leads nowhere"), "{absent}");
}

#[test]
fn two_secrets_of_one_file_are_one_too_many_also_below_conf_d() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relay.toml");
    std::fs::write(&path, LEAST).unwrap();
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    let more = folder.path().join("conf.d/a.toml");
    std::fs::write(&more, "[component]\nsecret = 'one'\nsecret_file = 'two'\n").unwrap();
    let wrong = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(wrong.contains("a.toml:3: component.secret_file is set beside component.secret"), "{wrong}");
    std::fs::write(&more, "[component]\nsecret = 'one'\n").unwrap();
    let config = Config::load(Some(&path)).unwrap();
    assert_eq!(config.component.secret.expose_secret(), "one");
    assert_eq!(config.component.secret_in.as_deref(), Some(more.as_path()));
}

#[test]
fn what_a_running_relay_can_take_over() {
    let old = parse(include_str!("configs/valid/everything-else.toml")).unwrap();
    let new = || {
        let text = include_str!("configs/valid/everything-else.toml")
            .replace("swordfish", "sunfish")
            .replace("\"90s\"", "\"91s\"")
            .replace("rooms.example.net", "rooms.example.com")
            .replace("max_recipients = 0x10", "")
            .replace("night-shift", "day-shift")
            .replace("[::1]:9590", "[::1]:9591");
        parse(&text).unwrap()
    };
    let (config, changes) = new().after(&old);
    let in_effect = [
        "component.secret",
        "groups.day-shift",
        "groups.night-shift",
        "limits.max_recipients",
        "muc.services",
        "relay.window",
    ];
    assert_eq!(changes.in_effect, in_effect);
    assert_eq!(changes.need_restart, ["metrics.listen"]);
    assert!(changes.need_connection());
    assert_eq!(config.relay.window, Duration::from_secs(91));
    assert_eq!(config.limits.max_recipients, 200);
    assert_eq!(config.muc.services, new().muc.services);
    assert_eq!(config.component.jid, old.component.jid);
    assert_eq!(config.metrics.listen, old.metrics.listen);
    assert_eq!(config.component.secret.expose_secret(), "sunfish");
    assert!(!format!("{config:?}").contains("fish"));

    let (_, again) = new().after(&config);
    assert_eq!(
        (again.in_effect, again.need_restart),
        (vec![], changes.need_restart),
        "what waits goes on waiting"
    );
    let (_, back) = old.clone().after(&old);
    assert_eq!(back, Changes::default());
}

#[test]
fn another_secret_in_the_same_file_needs_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let read = |secret| {
        std::fs::write(&path, secret).unwrap();
        with_env(LEAST, &[("COMPONENT__SECRET_FILE", path.to_str().unwrap())]).unwrap()
    };
    let old = read("hush");
    let changes = read("whisper").after(&old).1;
    assert_eq!(
        (&*changes.in_effect, changes.need_connection()),
        (&["component.secret_file".to_owned()][..], true)
    );
}

/// A journal on a server, with this URL or list.
fn on_server(url: &str) -> (tempfile::TempDir, Result<Config, String>) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("journal.key");
    std::fs::write(&key, "0123456789abcdef".repeat(4) + "\n").unwrap();
    let config = parse(&format!("{LEAST}[journal]\nurl = {url}\nkey_file = '{}'\n", key.display()));
    (folder, config)
}

#[test]
fn a_journal_on_a_server_is_shown_without_its_password() {
    for (url, shown, warned) in [
        ("'postgresql://relay:planted@127.0.0.1:5433/relay?sslmode=disable'", "127.0.0.1:5433/relay", false),
        ("'postgres://relay:planted%40@[::1]/relay'", "[::1]/relay", false),
        ("'postgresql:///relay?host=/run/postgresql&user=planted'", "/run/postgresql/relay", false),
        ("'postgresql://%2Frun%2Fpostgresql/relay?password=planted'", "%2Frun%2Fpostgresql/relay", false),
        ("'postgresql://localhost/relay?host=db.example&password=planted'", "db.example/relay", true),
        ("'postgresql://db.example:5433/relay?hostaddr=::1&dbname=b&user=planted'", "[::1]:5433/b", false),
        ("'postgresql://localhost:1/relay?hostaddr=192.0.2.1&port=5433'", "192.0.2.1:5433/relay", true),
        (
            "['postgresql://relay:planted@localhost/a', 'postgresql://relay:planted@db.example/b']",
            "localhost/a, db.example/b",
            true,
        ),
    ] {
        let (_folder, config) = on_server(url);
        let config = config.unwrap();
        assert_eq!(config.journal.place.to_string(), format!("journal.url = {shown}"));
        assert_eq!(config.journal.socket, Path::new("/var/lib/muc-invite-relay/relay.sock"));
        assert_eq!(config.warnings().len(), usize::from(warned), "{url}");
        let debug = format!("{config:?}");
        assert!(!debug.contains("planted") && !debug.contains("0123456789abcdef"), "{debug}");
    }
}

#[test]
fn a_url_of_a_journal_that_can_not_be_used_is_refused_without_being_shown() {
    for (url, said) in [
        ("''", "must not be empty"),
        ("[]", "journal.url is empty"),
        ("'mysql://relay:planted@db/relay'", "no URL of PostgreSQL"),
        ("'postgresql://relay:plan?ted@db/relay'", "a character that ends its password"),
        ("'postgresql://relay:plan/ted@db/relay'", "a character that ends its password"),
        ("'postgresql://relay:plan#ted@db/relay'", "a character that ends its password"),
        ("'postgresql://relay:plan@ted@db/relay'", "a character that ends its password"),
        ("'postgresql://relay:planted@one,two/relay'", "write a list of URLs"),
        ("'postgresql://relay:planted@db/relay?pasword=planted'", "a parameter that is not known"),
    ] {
        let (_folder, config) = on_server(url);
        let e = config.unwrap_err();
        assert!(e.contains(said) && !e.contains("plan") && !e.contains("ted@"), "{url}: {e}");
    }
}

#[test]
fn what_belongs_to_a_journal_on_a_server_must_be_there_and_alone() {
    let url = "url = 'postgresql://relay:planted@localhost/relay'";
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("journal.key");
    std::fs::write(&key, "planted").unwrap();
    for (keys, said) in [
        (url.to_owned(), "journal.key_file is missing: make one with"),
        (format!("{url}\nkey_file = '{}'", key.display()), "it must hold 64 hexadecimal digits alone"),
        (format!("{url}\nkey_file = '{}.gone'", key.display()), "it can't be read"),
        (format!("{url}\npath = 'journal.db'"), "journal.url is set beside journal.path"),
        ("socket = '/run/relay.sock'".to_owned(), "journal.socket is set without journal.url"),
        ("name = 'relay-1'".to_owned(), "journal.name is set without journal.url"),
        (format!("{url}\nlease = '2s'"), "journal.lease is 2 s: it must be from 3s to 60s"),
        (format!("key_file = '{}'", key.display()), "journal.key_file is set without journal.url"),
    ] {
        let e = parse(&format!("{LEAST}[journal]\n{keys}\n")).unwrap_err();
        assert!(e.contains(said) && !e.contains("planted"), "{e}");
    }
}
