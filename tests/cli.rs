//! The binary as an operator runs it: what it prints, and its exit codes.

mod common;

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::fill_journal;
use muc_invite_relay::config::REFERENCE;
use tempfile::TempDir;

/// A folder with a configuration and the path of a journal.
struct Bench(TempDir);

struct Output {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Bench {
    fn new(more: &str) -> Self {
        let bench = Self(TempDir::new().unwrap());
        let least = include_str!("configs/valid/least.toml");
        let text = format!("{least}\n[journal]\npath = '{}'\n{more}", bench.journal().display());
        std::fs::write(bench.config(), text).unwrap();
        bench.let_read(0o600);
        bench
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("relay.toml")
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal.db")
    }

    /// Sets the mode of the configuration file.
    fn let_read(&self, mode: u32) {
        std::fs::set_permissions(self.config(), Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"));
        command.env("MUC_INVITE_RELAY_CONFIG", self.config()).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        output(self.command(arguments))
    }
}

fn output(mut command: Command) -> Output {
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

/// One JSON object a line.
fn objects(lines: &str) -> Vec<serde_json::Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[tokio::test]
async fn history_shows_what_became_of_invitations() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;

    let table = bench.run(&["history"]);
    assert_eq!(table.code, Some(0), "{}", table.err);
    assert!(table.out.contains("carol@example.org"), "{}", table.out);
    assert!(!table.out.contains("swordfish"));

    let json = bench.run(&["history", "--json"]);
    let objects = objects(&json.out);
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[1]["state"], "refused");
    assert_eq!(objects[1]["reason"], "outcast");
    assert_eq!(objects[1]["room"], "cave@conference.example.org");
    assert!(objects[0]["settled"].is_null());
}

#[tokio::test]
async fn history_is_narrowed_by_every_option() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    for (options, lines) in [
        (["--room", "CAVE@conference.example.org"], 1),
        (["--room", "other@conference.example.org"], 0),
        (["--contact", "bob@example.org"], 1),
        (["--contact", "alice@example.org"], 0),
        (["--inviter", "alice@example.org"], 2),
        (["--inviter", "bob@example.org"], 0),
        (["--state", "pending"], 1),
        (["--state", "handed-back"], 0),
        (["--since", "2h"], 2),
        (["--since", "2999-01-01T00:00:00Z"], 0),
        (["--limit", "1"], 1),
    ] {
        let shown = bench.run(&["history", "--json", options[0], options[1]]);
        assert_eq!(shown.code, Some(0), "{}", shown.err);
        assert_eq!(shown.out.lines().count(), lines, "{options:?}: {}", shown.out);
    }
}

#[tokio::test]
async fn history_in_local_time_and_for_spreadsheets() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    let in_kolkata = |arguments: &[&str]| {
        let mut command = bench.command(arguments);
        command.env("TZ", "Asia/Kolkata");
        output(command)
    };
    let table = in_kolkata(&["history", "--local-time"]).out;
    assert!(table.contains("RECEIVED  ") && !table.contains("UTC") && table.contains(" +05:30"), "{table}");
    let json = in_kolkata(&["history", "--local-time", "--json"]).out;
    assert!(objects(&json)[0]["received"].as_str().unwrap().ends_with("+05:30"), "{json}");
    assert!(objects(&in_kolkata(&["history", "--json"]).out)[0]["received"].as_str().unwrap().ends_with('Z'));

    let csv = bench.run(&["history", "--csv"]);
    let rows: Vec<_> = csv.out.split_terminator("\r\n").collect();
    assert_eq!((csv.code, rows.len()), (Some(0), 3), "{}", csv.out);
    assert!(
        rows[0].starts_with("id,received,settled,route,room,inviter,contact,state,reason,"),
        "{}",
        rows[0]
    );
    assert!(
        rows[2].contains(",cave@conference.example.org,alice@example.org,bob@example.org,refused,outcast,,")
    );
    assert_eq!(bench.run(&["history", "--csv", "--json"]).code, Some(2));
}

#[tokio::test]
async fn history_follows_until_it_is_interrupted() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    let mut follows =
        bench.command(&["history", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follows.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = move || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap()).unwrap();
    let first = next();
    assert_eq!(
        (&first["id"], &first["state"]),
        (&1.into(), &"refused".into()),
        "one under way is not shown yet"
    );
    // A further one, which ends before it, and then that one.
    common::settle(&bench.journal(), None).await;
    assert_eq!(next()["id"], 3);
    common::settle(&bench.journal(), Some(2)).await;
    let last = next();
    assert_eq!((&last["id"], &last["state"]), (&2.into(), &"relayed".into()));

    assert!(Command::new("kill").args(["-INT", &follows.id().to_string()]).status().unwrap().success());
    assert_eq!(follows.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn stats_count_without_a_relay() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    common::settle(&bench.journal(), None).await;
    let done = bench.run(&["stats", "--json"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let counts = &objects(&done.out)[0];
    assert_eq!((&counts["pending"], &counts["ended"]), (&1.into(), &2.into()));
    let outcomes = counts["outcomes"].as_array().unwrap();
    assert!(
        outcomes.contains(&serde_json::json!({"state": "refused", "reason": "outcast", "count": 1})),
        "{counts}"
    );
    assert_eq!(counts["routes"], serde_json::json!([{"route": "addressed", "count": 2}]));
    let rooms = serde_json::json!([
        {"room": "cave@conference.example.org", "count": 1}, {"room": "hall@conference.example.org", "count": 1}
    ]);
    assert_eq!(counts["rooms"], rooms);
    let days = counts["days"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["count"].as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!(days.iter().map(|day| day["relayed"].as_u64().unwrap()).sum::<u64>(), 1);

    let table = bench.run(&["stats"]).out;
    assert!(table.contains(": 2 have ended; 1 under way\n"), "{table}");
    assert!(table.contains("refused  outcast  1\n"), "{table}");
    let none = bench.run(&["stats", "--since", "2999-01-01T00:00:00Z"]).out;
    assert!(none.contains(": 0 have ended; 1 under way\n"), "{none}");
    assert_eq!(bench.run(&["stats", "--since", "5 bananas"]).code, Some(2));
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_fault() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = bench.command(&["history"]);
    let done = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
}

#[tokio::test]
async fn forget_removes_a_person_or_a_room() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    let contact = bench.run(&["forget", "bob@example.org"]);
    assert_eq!((contact.code, contact.out.as_str()), (Some(0), "1 invitation of bob@example.org removed\n"));
    let room = bench.run(&["forget", "hall@conference.example.org"]);
    assert_eq!(room.out, "1 invitation of hall@conference.example.org removed\n");
    let again = bench.run(&["forget", "bob@example.org"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), "0 invitations of bob@example.org removed\n"));
    assert_eq!(bench.run(&["history"]).out, "no such invitation\n");
}

/// SIGTERM while the server does not run.
#[test]
fn run_stops_when_it_is_told_to() {
    let bench = Bench::new("");
    let mut command = bench.command(&["run"]);
    command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
    let mut relay = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(relay.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("the journal is open")));
    let kill = Command::new("kill").args(["-TERM", &relay.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert!(lines.any(|line| line.contains("SIGTERM")));
    let rest: Vec<_> = lines.collect();
    assert_eq!(relay.wait().unwrap().code(), Some(0), "{rest:?}");
}

/// A server that takes one stream, reads the handshake, and refuses it.
fn refusing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut read = BufReader::new(socket.try_clone().unwrap());
        let mut until = |end: &str| {
            let mut seen = String::new();
            while !seen.ends_with(end) {
                let mut byte = [0];
                read.read_exact(&mut byte).unwrap();
                seen.push(char::from(byte[0]));
            }
        };
        until("http://etherx.jabber.org/streams");
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                      xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='invites.example.org'>";
        socket.write_all(header.as_bytes()).unwrap();
        until("</handshake>");
        let refusal = "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>\
                       </stream:stream>";
        socket.write_all(refusal.as_bytes()).unwrap();
        // Closes when the relay does, so that nothing unread resets the connection.
        let _ = read.read_to_end(&mut Vec::new());
    });
    address
}

#[test]
fn a_server_that_refuses_us_ends_run_with_3() {
    let bench = Bench::new("");
    let mut command = bench.command(&["run"]);
    command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", refusing_server());
    let done = output(command);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("component.secret is not the one"), "{}", done.err);
    assert!(!done.err.contains("swordfish"), "{}", done.err);
}

#[test]
fn a_journal_that_cant_be_opened_ends_run_with_1() {
    let bench = Bench::new("[log]\nformat = 'json'");
    std::fs::create_dir(bench.journal()).unwrap();
    let done = bench.run(&["run"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    let last: serde_json::Value = serde_json::from_str(done.err.lines().last().unwrap()).unwrap();
    assert!(last["message"].as_str().unwrap().contains("journal"), "{last}");
    let checked = bench.run(&["check"]);
    assert!(checked.out.contains("journal.db: is no file"), "{}", checked.out);
    // Whatever its mode.
    std::fs::set_permissions(bench.journal(), Permissions::from_mode(0o755)).unwrap();
    for arguments in [&["run"][..], &["history"], &["forget", "bob@example.org"]] {
        let done = bench.run(arguments);
        assert_eq!(done.code, Some(1), "{}", done.err);
        assert!(done.err.contains("is no file. Move it away") && !done.err.contains("chmod"), "{}", done.err);
    }
    let mut device = bench.command(&["run"]);
    device.env("MUC_INVITE_RELAY__JOURNAL__PATH", "/dev/null");
    let done = output(device);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("/dev/null is no file. Set journal.path") && !done.err.contains("chmod"),
        "{}",
        done.err
    );
}

/// In a mount namespace of its own, where the system lets this user have one.
#[test]
fn a_file_system_that_can_only_be_read_is_named_before_the_journal_is_there() {
    let bench = Bench::new("");
    let folder = bench.0.path().join("read-only");
    std::fs::create_dir(&folder).unwrap();
    let run = |command: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount", "sh", "-c"]);
        shell.arg("mount -t tmpfs -o ro none \"$1\" || exit 77; exec \"$2\" \"$3\"").arg("sh");
        shell.arg(&folder).arg(env!("CARGO_BIN_EXE_muc-invite-relay")).arg(command);
        shell.env("MUC_INVITE_RELAY_CONFIG", bench.config()).stdin(Stdio::null());
        shell.env("MUC_INVITE_RELAY__JOURNAL__PATH", folder.join("journal.db"));
        shell.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
        output(shell)
    };
    let done = run("run");
    if done.code == Some(77) || done.err.starts_with("unshare:") {
        return;
    }
    let words = "is on a file system that can only be read. Mount it for writing";
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains(words), "{}", done.err);
    let checked = run("check").out;
    assert_eq!(checked.matches(words).count(), 2, "the journal and its disk: {checked}");
    assert!(!checked.contains("run this check as") && !checked.contains("free some space"), "{checked}");
}

/// The file would be made where the link leads to.
#[test]
fn a_journal_that_is_a_link_into_no_folder_is_named() {
    let bench = Bench::new("");
    std::os::unix::fs::symlink("gone/journal.db", bench.journal()).unwrap();
    let done = bench.run(&["run"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("gone/journal.db, whose folder is not there"), "{}", done.err);
    let checked = bench.run(&["check"]);
    assert_eq!(checked.code, Some(1));
    assert!(checked.out.contains("there is no folder"), "{}", checked.out);
}

#[test]
fn check_says_who_else_can_change_the_journal_and_what_is_blocked_by_mistake() {
    let bench = Bench::new("");
    assert_eq!(bench.run(&["block", "evil.example", "conference.example.org"]).code, Some(0));
    std::fs::set_permissions(bench.0.path(), Permissions::from_mode(0o777)).unwrap();
    let checked = bench.run(&["check"]);
    for said in [
        "so every user of this machine can put another file in its place",
        "missing  blocks conference.example.org: is blocked for everybody",
        "muc-invite-relay unblock conference.example.org",
    ] {
        assert!(checked.out.contains(said), "{said}: {}", checked.out);
    }
    assert!(!checked.out.contains("evil.example"), "{}", checked.out);
}

/// The id of a user without rights (nobody). Only root can run a process as another user.
const OTHER_USER_ID: u32 = 65534;

/// Runs the binary as another user, who can read its folder; `None` where this process may not do that.
fn as_another(bench: &Bench, arguments: &[&str]) -> Option<Output> {
    let binary = bench.0.path().join("muc-invite-relay");
    std::fs::hard_link(env!("CARGO_BIN_EXE_muc-invite-relay"), &binary)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_muc-invite-relay"), &binary).map(drop))
        .unwrap();
    std::fs::set_permissions(bench.0.path(), Permissions::from_mode(0o755)).unwrap();
    bench.let_read(0o644);
    let mut command = Command::new(&binary);
    command.env("MUC_INVITE_RELAY_CONFIG", bench.config()).args(arguments).stdin(Stdio::null());
    command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1").uid(OTHER_USER_ID);
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    std::fs::remove_file(&binary).unwrap();
    let done = started.ok()?;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some(Output { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) })
}

#[tokio::test]
async fn a_journal_of_another_user_is_named_with_the_remedy() {
    let bench = Bench::new("");
    fill_journal(&bench.journal()).await;
    for arguments in [&["history"][..], &["run"], &["forget", "bob@example.org"]] {
        // Nobody but root can become another user.
        let Some(done) = as_another(&bench, arguments) else { return };
        assert_eq!(done.code, Some(1), "{arguments:?}: {}", done.err);
        assert!(done.err.contains("belongs to user "), "{arguments:?}: {}", done.err);
        assert!(done.err.contains("chown USER"), "{arguments:?}: {}", done.err);
    }
    let check = as_another(&bench, &["check"]).unwrap();
    assert!(check.out.contains("can't be used by this user"), "{}", check.out);

    // A folder that this user can only read, without a journal.
    let bench = Bench::new("");
    let done = as_another(&bench, &["run"]).unwrap();
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("the folder"), "{}", done.err);
}

#[test]
fn root_is_warned_of_a_folder_that_is_another_users() {
    let bench = Bench::new("");
    if std::os::unix::fs::chown(bench.0.path(), Some(OTHER_USER_ID), None).is_err() {
        return;
    }
    let mut command = bench.command(&["run"]);
    command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
    let mut relay = command.stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(relay.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<_> = log.take(2).collect();
    relay.kill().unwrap();
    relay.wait().unwrap();
    assert!(said[1].contains("WARN") && said[1].contains("this runs as root"), "{said:?}");
}

/// The first lines of `run` if standard error is systemd's journal, or if only the variable says so.
fn first_lines(bench: &Bench, is_journal: bool) -> Vec<String> {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = rustix::fs::fstat(&writer).unwrap();
    let inode = if is_journal { file.st_ino } else { file.st_ino + 1 };
    let mut command = bench.command(&["run"]);
    command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
    command.env("JOURNAL_STREAM", format!("{}:{inode}", file.st_dev));
    let mut relay = command.stderr(writer).spawn().unwrap();
    drop(command);
    let said = BufReader::new(reader).lines().map(Result::unwrap).take(3).collect();
    relay.kill().unwrap();
    relay.wait().unwrap();
    said
}

#[test]
fn text_for_systemds_journal_has_priorities_and_no_time() {
    let bench = Bench::new("");
    let said = first_lines(&bench, true);
    assert!(said[0].starts_with("<6>muc_invite_relay::cli::run: muc-invite-relay "), "{said:?}");
    assert!(said[1].starts_with("<6>") && said[1].contains("path="), "{said:?}");
    assert!(said[2].starts_with("<4>muc_invite_relay::link"), "{said:?}");
    // As a child of a service, whose standard error goes elsewhere.
    let said = first_lines(&bench, false);
    assert!(said[0].starts_with("20") && said[0].contains(" INFO "), "{said:?}");
}

const ROOM: &str = "tea@conference.example.org";
const ALICE: &str = "alice@example.org";

#[test]
fn invite_without_a_relay_ends_with_4() {
    let bench = Bench::new("");
    let done = bench.run(&["invite", ROOM, "bob@example.org", "--as", ALICE]);
    assert_eq!(done.code, Some(4), "{}", done.err);
    assert!(done.err.contains("no relay runs with journal.path = "), "{}", done.err);
}

/// A relay that runs with this configuration, and a server that does not answer.
struct Running(std::process::Child);

impl Running {
    fn start(bench: &Bench) -> Self {
        let mut command = bench.command(&["run"]);
        command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
        let mut relay = Self(command.stderr(Stdio::piped()).spawn().unwrap());
        let log = BufReader::new(relay.0.stderr.take().unwrap());
        assert!(log.lines().map(Result::unwrap).any(|line| line.contains("can't be reached")));
        relay
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn invite_names_what_is_wrong_before_anything_is_sent() {
    let bench = Bench::new("[groups]\nteam = ['bob@example.org']\n");
    let _relay = Running::start(&bench);
    for (arguments, code, complaint) in [
        (&["tea@elsewhere.example", "bob@example.org", "--as", ALICE][..], 2, "(muc.services)"),
        (
            &["conference.example.org", "bob@example.org", "--as", ALICE],
            2,
            "is not a room that the relay serves",
        ),
        (&[ROOM, "bob@example.org", "--as", "alice@elsewhere.example"], 2, "Name one on example.org"),
        (&[ROOM, "bob@example.org", "--as", "example.org"], 2, "is not a user of this server"),
        (
            &[ROOM, "bob@example.org", "example.org", "--as", ALICE],
            2,
            "example.org is not a person's address",
        ),
        (&[ROOM, "team@invites.example.org", "--as", ALICE], 2, "Name a group with --group"),
        (&[ROOM, "--group", "nobody", "--as", ALICE], 2, "there is no group nobody"),
        (&[ROOM, "bob@example.org", "--as", ALICE], 1, "the relay is not connected"),
        (&[ROOM, "--members", "--as", ALICE, "--dry-run"], 1, "the relay is not connected"),
        (&[ROOM, "--group", "team", "--as", ALICE], 1, "the relay is not connected"),
    ] {
        let done = bench.run(&[&["invite"], arguments].concat());
        assert_eq!(done.code, Some(code), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(complaint), "{arguments:?}: {}", done.err);
        assert_eq!(done.out, "", "{arguments:?}");
    }
    assert_eq!(bench.run(&["history"]).out, "no such invitation\n");
}

/// Blocks and groups from the shell, by a relay that runs and without one.
#[rstest::rstest]
fn admins_commands_from_the_shell(#[values(false, true)] with_a_relay: bool) {
    let bench = Bench::new("[groups]\nteam = ['bob@example.org']\n");
    let _relay = with_a_relay.then(|| Running::start(&bench));
    let does = |arguments: &[&str], code: i32, said: &str| {
        let done = bench.run(arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.out, done.err);
        let shown = if code == 0 { &done.out } else { &done.err };
        assert!(shown.contains(said), "{arguments:?}: {shown}");
    };
    does(&["blocks"], 0, "");
    does(
        &["block", "evil.example", "xmpp:eve@example.org"],
        0,
        "Blocked for everybody: 2.\neve@example.org\nevil.example\n",
    );
    does(&["block", "eve@@example"], 1, "eve@@example is not an address");
    does(&["block", "spam.example", "*.spam.example"], 1, "*.spam.example is not an address");
    assert_eq!(bench.run(&["blocks"]).out, "eve@example.org\nevil.example\n");
    does(&["block", "tea@conference.example.org/nick"], 2, "write a bare JID");
    does(&["block", "conference.example.org"], 0, "This server's own: conference.example.org. No invitation");
    does(&["unblock", "conference.example.org"], 0, "Blocked for everybody: 2.");
    does(&["unblock", "mallory@example.org"], 1, "mallory@example.org is not blocked");
    does(&["unblock", "evil.example", "mallory@example.org"], 1, "Nothing is changed");
    does(&["unblock", "EVIL.example"], 0, "Blocked for everybody: 1.\neve@example.org\n");

    does(&["groups", "list"], 0, "team: 1 people");
    does(
        &["groups", "create", "crew", "carol@example.org", "@team", "--may-use", "named", "--users", ALICE],
        0,
        "crew",
    );
    let create = |more: &[&str], said: &str| does(&[&["groups", "create", "den"], more].concat(), 2, said);
    create(&["bob@example.org", "--users", ALICE], "write --may-use named");
    create(
        &["bob@example.org", "--users", ALICE, "--may-use", "members"],
        "no effect with --may-use members",
    );
    create(&["bob@example.org", "--may-use", "named"], "name people with --users");
    create(&["bob@example.org", "--may-use", "named", "--users", "@team"], "@team is a group");
    does(&["groups", "show", "den"], 1, "There is no group den");
    does(&["groups", "create", "crew", "carol@example.org"], 1, "there is a group of that name already");
    does(&["groups", "create", "team", "carol@example.org"], 1, "in the configuration");
    does(&["groups", "create", "den", "carol"], 1, "neither somebody's address nor a group's @name");
    does(&["groups", "add", "crew", "eve@*"], 1, "eve@* is neither somebody's address");
    does(&["groups", "add", "crew", "dave@example.org"], 0, "@team carol@example.org dave@example.org");
    does(&["groups", "remove", "crew", "carol@example.org"], 0, "@team dave@example.org");
    does(&["groups", "add", "crew", "tea@conference.example.org/nick"], 2, "write a bare JID");
    does(&["groups", "remove", "crew", "tea@conference.example.org/nick"], 2, "write a bare JID");
    let not_in = "Nothing is changed: not in the group: @night eve@example.org.";
    does(&["groups", "remove", "crew", "eve@example.org", "dave@example.org", "@night"], 1, not_in);
    does(&["groups", "add", "team", "eve@example.org"], 1, "in the configuration");
    does(&["groups", "remove", "team", "bob@example.org"], 1, "in the configuration");
    does(&["groups", "delete", "team"], 1, "in the configuration");
    does(&["groups", "add", "crew", "@crew"], 1, "circle");
    does(&["groups", "show", "crew"], 0, "crew, for named (alice@example.org): @team dave@example.org");
    does(&["groups", "show", "team"], 0, "bob@example.org");
    does(&["groups", "show", "nobody"], 1, "There is no group nobody");
    does(&["groups", "add", "nobody", "dave@example.org"], 1, "there is no group of that name");
    does(&["groups", "delete", "crew"], 0, "");
    does(&["groups", "delete", "crew"], 1, "there is no group of that name");
}

/// The configuration's is used, so it is the one that is shown. The other one can be deleted.
#[test]
fn a_group_that_the_configuration_has_as_well() {
    let bench = Bench::new("");
    assert_eq!(bench.run(&["groups", "create", "team", "eve@example.org"]).code, Some(0));
    let text = std::fs::read_to_string(bench.config()).unwrap();
    std::fs::write(bench.config(), text + "[groups]\nteam = ['bob@example.org']\n").unwrap();
    assert_eq!(bench.run(&["groups", "show", "team"]).out, "bob@example.org\n");
    let list = bench.run(&["groups", "list"]).out;
    assert!(list.contains("Groups: 1.\n") && !list.contains("eve@example.org"), "{list}");
    for change in [&["add", "team", "mallory@example.org"][..], &["remove", "team", "eve@example.org"]] {
        let done = bench.run(&[&["groups"], change].concat());
        assert_eq!(done.code, Some(1), "{change:?}: {}", done.out);
        assert!(done.err.contains("in the configuration"), "{change:?}: {}", done.err);
    }
    assert_eq!(bench.run(&["groups", "delete", "team"]).code, Some(0));
    assert_eq!(bench.run(&["groups", "delete", "team"]).code, Some(1));
}

/// What another program writes to the control socket.
#[test]
fn orders_are_bounded() {
    let bench = Bench::new("");
    let _relay = Running::start(&bench);
    let socket = muc_invite_relay::daemon::control::socket_of(&bench.journal());
    let answer = |order: &[u8]| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        // It may be refused meanwhile.
        let _ = stream.write_all(order);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert_eq!(answer(b"dance\n{}\nbegin\n"), "ready\n");
    assert_eq!(answer(b"order: invite\nnonsense\nbegin\n"), "ready\n");
    assert_eq!(answer(b"order: invite\n{}\nend\n"), "ready\n");
    assert_eq!(answer(b"order: invite\n{}"), "");
    for beginning in [&b"order: invite\n"[..], b""] {
        let too_long = answer(&[beginning, &vec![b' '; 5 << 20]].concat());
        assert_eq!(too_long, "refused: an order may have at most 4 MiB\n");
    }
    let contacts = vec!["b@c"; 10_001];
    let order = serde_json::json!({"room": ROOM, "inviter": ALICE, "contacts": contacts, "dry_run": true});
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    stream.write_all(format!("order: invite\n{order}\nbegin\n").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("ready\n") && said.contains("no more than 10"), "{said}");
    assert_eq!(bench.run(&["healthy"]).code, Some(0));
}

/// The system lets a command have that many arguments where the limit on the stack is higher than usual.
#[test]
fn an_order_that_is_too_long_is_named_before_it_is_sent() {
    let bench = Bench::new("");
    let contact = "x".repeat(900);
    for (command, complaint) in [
        (
            format!("invite {ROOM} --as {ALICE} $(seq -f '%.0f-{contact}@example.org' 5000)"),
            "an order may have at most 4 MiB; 5000 contacts were given: give fewer at once\n",
        ),
        (
            format!("block $(seq -f '%.0f-{contact}@example.org' 5000)"),
            "an order may have at most 4 MiB: give fewer addresses at once\n",
        ),
    ] {
        let mut shell = Command::new("sh");
        shell
            .env("MUC_INVITE_RELAY_CONFIG", bench.config())
            .env("BINARY", env!("CARGO_BIN_EXE_muc-invite-relay"));
        shell.args(["-c", &format!("ulimit -s 65536 || exit 77; exec \"$BINARY\" {command}")]);
        let done = output(shell);
        if done.code == Some(77) {
            return;
        }
        assert_eq!(done.code, Some(2), "{}", done.err);
        assert!(done.err.ends_with(complaint), "{}", &done.err[done.err.len().saturating_sub(300)..]);
    }
    assert!(!bench.journal().exists());
}

#[test]
fn a_check_without_a_connection_says_when_it_is_tried_again() {
    let bench = Bench::new("");
    let relay = Running::start(&bench);
    let checked = bench.run(&["check"]);
    let line = checked.out.lines().find(|line| line.starts_with("failed   connection"));
    assert!(
        line.is_some_and(
            |line| line.contains("can't be reached") && line.contains(" (the relay tries again in ")
        ),
        "{}",
        checked.out
    );
    drop(relay);
    // The check's own connection is closed afterwards.
    let mut alone = bench.command(&["check"]);
    alone.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "127.0.0.1:1");
    let alone = output(alone).out;
    assert!(alone.contains("can't be reached") && !alone.contains("tries again"), "{alone}");
}

/// A user of a container, who has a number only.
#[test]
fn a_user_without_a_name_is_named_by_number() {
    const NUMBER: u32 = 54_321;
    let bench = Bench::new("");
    if std::os::unix::fs::chown(bench.0.path(), Some(NUMBER), Some(NUMBER)).is_err() {
        return;
    }
    std::fs::set_permissions(bench.0.path(), Permissions::from_mode(0o755)).unwrap();
    bench.let_read(0o644);
    let refused = bench.run(&["block", "evil.example"]);
    let (_, advice) =
        refused.err.split_once("run this as that user (").unwrap_or_else(|| panic!("{}", refused.err));
    let (words, _) = advice.split_once(" muc-invite-relay …)").unwrap();
    assert_eq!(words, "setpriv --reuid 54321 --regid 54321 --clear-groups --");
    // And it is so.
    let binary = bench.0.path().join("muc-invite-relay");
    std::fs::copy(env!("CARGO_BIN_EXE_muc-invite-relay"), &binary).unwrap();
    let mut words = words.split(' ');
    let mut advised = Command::new(words.next().unwrap());
    advised.args(words).arg(&binary).args(["block", "evil.example"]);
    let done = output({
        advised.env("MUC_INVITE_RELAY_CONFIG", bench.config());
        advised
    });
    assert_eq!(done.code, Some(0), "{}", done.err);
}

#[test]
fn a_wrong_argument_is_named_and_ends_with_2() {
    let bench = Bench::new("");
    for (arguments, complaint) in [
        (&["history", "--room", "a@@b"][..], "write a bare JID, such as bob@example.org"),
        (&["history", "--contact", "bob@example.org/phone"], "write a bare JID"),
        (&["history", "--since", "5 bananas"], "write a duration such as 90s, 10m, 24h, 30d"),
        (&["history", "--since", "10M"], "write a duration such as 90s, 10m, 24h, 30d"),
        (&["stats", "--since", "1y"], "write a duration such as 90s, 10m, 24h, 30d"),
        (&["history", "--state", "lost"], "relayed"),
        (&["history", "--limit", "0"], "1.."),
        (&["forget", "room@conference.example.org/nick"], "write a bare JID"),
        (&["forget", "bob@*.example.org"], "write a bare JID"),
        (&["forget"], "<JID>"),
        (&["invite", "tea@'conference.example.org'", "bob@example.org", "--as", ALICE], "write a bare JID"),
        (&["invite", ROOM, "bob@\"example.org\"", "--as", ALICE], "write a bare JID"),
        (&["invite", ROOM, "bob@@example", "--as", ALICE], "write a bare JID"),
        (&["invite", ROOM, "bob@example.org/x", "--as", ALICE], "write a bare JID"),
        (&["invite", "tea", "bob@example.org"], "--as <INVITER>"),
        (&["invite", "--test", ALICE], "2 values required"),
        (&["invite", "--test", ALICE, "bob@example.org", "--dry-run"], "cannot be used with"),
        (&["invite", ROOM, "bob@example.org", "--as", ALICE, "--room", ROOM], "cannot be used with"),
        (&["invite", ROOM, "--as", ALICE], "<CONTACT>..."),
        (&["invite", ROOM, "bob@example.org", "--as", ALICE, "--members"], "cannot be used with"),
        (&["invite", ROOM, "bob@example.org", "--as", ALICE, "--group", "team"], "cannot be used with"),
        (&["dance"], "unrecognized subcommand"),
        (&[], "Usage"),
    ] {
        let done = bench.run(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}");
        assert!(done.err.contains(complaint), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn a_wrong_configuration_ends_every_command_with_2() {
    let bench = Bench::new("[relay]\nwindow = \"5 bananas\"\n");
    for arguments in [&["run"][..], &["history"], &["forget", "bob@example.org"]] {
        let done = bench.run(arguments);
        assert_eq!(done.code, Some(2), "{arguments:?}");
        assert!(
            done.err.contains("relay.toml:12: relay.window is \"5 bananas\": write a duration"),
            "{}",
            done.err
        );
    }
    let check = bench.run(&["check", "--offline"]);
    assert_eq!(check.code, Some(2));
    assert!(check.out.contains("relay.toml:12: relay.window is \"5 bananas\""), "{}", check.out);

    let absent = bench.run(&["--config", "/nonexistent.toml", "check", "--offline"]);
    assert_eq!(absent.code, Some(2));
    assert!(absent.out.contains("failed   configuration: /nonexistent.toml can't be read"), "{}", absent.out);

    let json = bench.run(&["check", "--json"]);
    assert_eq!(json.code, Some(2));
    let findings = objects(&json.out);
    assert_eq!(findings.len(), 1, "{}", json.out);
    assert_eq!((&findings[0]["state"], &findings[0]["what"]), (&"failed".into(), &"configuration".into()));
}

#[test]
fn check_offline_says_what_it_read() {
    let bench = Bench::new("");
    let check = bench.run(&["check", "--offline"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    assert!(check.out.contains("invites.example.org at 127.0.0.1:5347"), "{}", check.out);
    assert!(!check.out.contains("swordfish"), "{}", check.out);
    assert!(!bench.journal().exists(), "it looks at the configuration alone");
}

#[test]
fn check_tells_a_secret_that_is_none_from_one() {
    let bench = Bench::new("");
    let check = |secret: &str, more: &[&str]| {
        let mut command = bench.command(&["check", "--offline", "--json"]);
        output({
            command.args(more).env("MUC_INVITE_RELAY__COMPONENT__SECRET", secret);
            command
        })
    };
    for (secret, state, code) in [
        ("change me", "missing", 1),
        ("tuna", "missing", 1),
        ("\"tunafish123\"", "missing", 1),
        (" tunafish123", "missing", 1),
        ("swordfish", "ok", 0),
    ] {
        let done = check(secret, &[]);
        assert_eq!(done.code, Some(code), "{}", done.out);
        let finding = objects(&done.out).into_iter().find(|it| it["what"] == "secret").unwrap();
        assert_eq!(finding["state"], state, "{finding}");
        assert_eq!(finding["remedy"].is_string(), code == 1, "{finding}");
        assert!(!done.out.contains("tuna"), "{}", done.out);
    }
    let on_purpose = check("tuna", &["--without", "secret,rights"]);
    assert_eq!(on_purpose.code, Some(0), "{}", on_purpose.out);
    assert_eq!(check("tuna", &["--without", "wishes"]).code, Some(2));
}

#[test]
fn a_pipe_is_no_configuration() {
    let bench = Bench::new("");
    let make = |path: &Path| {
        drop(std::fs::remove_file(path));
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let more = bench.0.path().join("conf.d");
    std::fs::create_dir(&more).unwrap();
    let more = more.join("more.toml");
    for pipe in [more.clone(), bench.config()] {
        make(&pipe);
        for command in ["check", "run"] {
            let done = bench.run(&[command]);
            assert_eq!(done.code, Some(2), "{command}: {}", done.err);
            let said = done.out + &done.err;
            let expected =
                format!("{} can't be read: it is a pipe or a device, and no file; put", pipe.display());
            assert!(said.contains(&expected), "{command}: {said}");
        }
        std::fs::remove_file(&pipe).unwrap();
    }

    // What a shell passes on is read.
    let mut passed = Command::new("bash");
    let script = "\"$0\" --config <(echo \"$1\") check --offline";
    let least = include_str!("configs/valid/least.toml");
    passed.args(["-c", script, env!("CARGO_BIN_EXE_muc-invite-relay"), least]);
    let done = output(passed);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
}

#[test]
fn check_misses_a_secret_that_others_can_read() {
    let bench = Bench::new("");
    let file = bench.0.path().join("secret");
    let secret = |more: &[(&str, &str)]| {
        let mut command = bench.command(&["check", "--offline", "--json"]);
        command.envs(more.iter().copied());
        let done = output(command);
        let found: Vec<_> = objects(&done.out).into_iter().filter(|it| it["what"] == "secret").collect();
        assert_eq!(found.len(), 1, "{}", done.out);
        assert_eq!(done.code, Some(i32::from(found[0]["state"] != "ok")), "{}", done.out);
        found[0].clone()
    };
    assert_eq!(secret(&[])["state"], "ok");
    bench.let_read(0o640);
    assert_eq!(secret(&[])["state"], "ok");
    bench.let_read(0o644);
    let found = secret(&[]);
    assert_eq!((&found["state"], found["of"].as_str()), (&"missing".into(), bench.config().to_str()));
    assert!(found["found"].as_str().unwrap().starts_with("has mode 0644"), "{found}");
    // Then the secret is not in that file.
    assert_eq!(secret(&[("MUC_INVITE_RELAY__COMPONENT__SECRET", "swordfish")])["state"], "ok");

    std::fs::write(&file, "swordfish").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
    let elsewhere = [("MUC_INVITE_RELAY__COMPONENT__SECRET_FILE", file.to_str().unwrap())];
    assert_eq!(secret(&elsewhere)["of"].as_str(), file.to_str());
    std::fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(secret(&elsewhere)["state"], "ok");

    // Others could put files of their own there.
    bench.let_read(0o600);
    let folder = bench.0.path();
    std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    let found = secret(&[]);
    assert!(found["found"].as_str().unwrap().contains("with mode 0777"), "{found}");
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    assert_eq!(secret(&[])["state"], "ok");

    // Or in the folder of more files, which is empty.
    let more = folder.join("conf.d");
    std::fs::create_dir(&more).unwrap();
    assert_eq!(secret(&[])["state"], "ok");
    std::fs::set_permissions(&more, Permissions::from_mode(0o777)).unwrap();
    let found = secret(&[]);
    assert_eq!((&found["state"], found["of"].as_str()), (&"missing".into(), more.to_str()));
    assert_eq!(found["remedy"], format!("chmod o-w {}", more.display()));
    // It is said once.
    let file = more.join("more.toml");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(secret(&[])["of"].as_str(), file.to_str());
}

#[test]
fn bash_completes_commands_options_and_values() {
    let bench = Bench::new("");
    let script = bench.run(&["print", "bash"]).out;
    let complete = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let text = format!(
            "{script}\nCOMP_WORDS=({line}); COMP_CWORD={}\n[[ $(complete -p muc-invite-relay) =~ -F\\ ([^ ]+) ]]\n\
             ${{BASH_REMATCH[1]}} muc-invite-relay '{}' '{}'\necho ${{COMPREPLY[*]}}",
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &text]);
        output(bash).out.trim_end().to_owned()
    };
    for (line, expected) in [
        ("muc-invite-relay se", "setup"),
        ("muc-invite-relay setup pro", "prosody"),
        ("muc-invite-relay setup ej", "ejabberd"),
        ("muc-invite-relay setup --show-secret pro", "prosody"),
        ("muc-invite-relay --config relay.toml setup pro", "prosody"),
        ("muc-invite-relay setup --show", "--show-secret"),
        ("muc-invite-relay print z", "zsh"),
        ("muc-invite-relay check --off", "--offline"),
        ("muc-invite-relay check --without ri", "rights"),
        ("muc-invite-relay history --state ref", "refused"),
        ("muc-invite-relay inv", "invite"),
        ("muc-invite-relay invite --dry", "--dry-run"),
        ("muc-invite-relay groups cre", "create"),
        ("muc-invite-relay groups create --may-use na", "named"),
    ] {
        assert_eq!(complete(line), expected, "{line}");
    }
}

#[test]
fn a_server_on_another_machine_is_refused_or_warned_of() {
    let bench = Bench::new("");
    // Port 1 of an address for documentation (RFC 5737).
    let with = |arguments, allowed: &[(&str, &str)]| {
        let mut command = bench.command(arguments);
        command.env("MUC_INVITE_RELAY__COMPONENT__SERVER", "192.0.2.1:1").envs(allowed.iter().copied());
        command
    };
    // Killed after its first lines, which show whether it refuses.
    let run = |allowed| {
        let mut relay = with(&["run"], allowed).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(relay.stderr.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<_> = log.take(2).collect();
        relay.kill().unwrap();
        relay.wait().unwrap();
        said.join("\n")
    };
    let refused = run(&[]);
    assert!(refused.contains("component.server is \"192.0.2.1:1\""), "{refused}");
    assert!(refused.contains("set component.allow_remote_cleartext = true"), "{refused}");

    let allowed = [("MUC_INVITE_RELAY__COMPONENT__ALLOW_REMOTE_CLEARTEXT", "true")];
    let warning = "component.server = \"192.0.2.1:1\" is not on this machine";
    let check = output(with(&["check", "--offline"], &allowed));
    assert_eq!(check.code, Some(0), "{}", check.out);
    assert!(check.out.contains(&format!("note     configuration: {warning}")), "{}", check.out);
    let warned = run(&allowed);
    assert!(warned.lines().any(|line| line.contains("WARN") && line.contains(warning)), "{warned}");
}

#[test]
fn check_prints_the_reference() {
    let check = Bench::new("").run(&["check", "--reference"]);
    assert_eq!((check.code, check.out.as_str()), (Some(0), REFERENCE));
}

#[test]
fn the_environment_alone_is_enough() {
    let bench = Bench::new("");
    let mut command = bench.command(&["check", "--offline"]);
    command
        .env_remove("MUC_INVITE_RELAY_CONFIG")
        .env("MUC_INVITE_RELAY__COMPONENT__JID", "relay.example.net")
        .env("MUC_INVITE_RELAY__COMPONENT__SECRET", "swordfish")
        .env("MUC_INVITE_RELAY__MUC__SERVICES", "rooms.example.net,chat.example.net");
    let check = output(command);
    assert_eq!(check.code, Some(0), "{}", check.out);
    assert!(check.out.contains("relay.example.net at"), "{}", check.out);
    assert!(check.out.contains("rooms.example.net, chat.example.net"), "{}", check.out);
}

#[test]
fn a_journal_that_is_not_there_ends_with_1() {
    let done = Bench::new("").run(&["history"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("journal.path"), "{}", done.err);
}
