//! What people read, word by word: help, the manual page, `setup`, the report of `check`, the table of `history`, and the
//! page. Each must equal its file in `tests/snapshots`; CONTRIBUTING.md says how to accept a change.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use common::fill_journal;
use insta::{Settings, assert_snapshot};
use tempfile::TempDir;

const CONFIG: &str = r#"
[component]
jid = "invites.example.org"
secret = "swordfish"
server = "127.0.0.1:1"
[muc]
services = ["conference.example.org"]
"#;

const COMMANDS: [&str; 15] = [
    "run", "invite", "history", "stats", "forget", "block", "unblock", "blocks", "groups", "backup",
    "journal", "healthy", "check", "setup", "print",
];

/// Compares a text with the file of this name, except for what differs between runs.
fn is_as_before(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(&format!(r"\b{}\b", env!("CARGO_PKG_VERSION").replace('.', r"\.")), "VERSION");
    for (varying, word) in [
        (r"/\S*/\.tmp\w+", "FOLDER"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE AND TIME      "),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE AND TIME"),
        (r"\d\d:\d\d:\d\d", "TIME"),
        (r"\d\d:\d\d", "HOUR"),
        (r"\d\.\d{3} ?s", "0.000s"),
        (r"\d+ kB", "SIZE"),
        // Not before the first attempt has failed.
        (r" \(the relay tries again in \d+ s\)", ""),
    ] {
        settings.add_filter(varying, word);
    }
    settings.bind(|| assert_snapshot!(name, text));
}

/// A folder with a configuration and a journal.
struct Folder(TempDir);

impl Folder {
    fn new(more: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        let text = format!("{CONFIG}{more}\n[journal]\npath = '{}'\n", folder.journal());
        std::fs::write(folder.path("relay.toml"), text).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.path("relay.toml"), owner).unwrap();
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn journal(&self) -> String {
        self.path("journal.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"));
        command.env("COLUMNS", "100").env("MUC_INVITE_RELAY_CONFIG", self.path("relay.toml"));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Its output, with any exit code.
    fn prints(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        String::from_utf8([done.stdout, done.stderr].concat()).unwrap()
    }
}

#[test]
fn help() {
    let folder = Folder::new("");
    is_as_before("help", &folder.prints(&["--help"]));
    for command in COMMANDS {
        is_as_before(&format!("help-{command}"), &folder.prints(&[command, "--help"]));
    }
    is_as_before("help-groups-create", &folder.prints(&["groups", "create", "--help"]));
    is_as_before("help-journal-move", &folder.prints(&["journal", "move", "--help"]));
}

#[test]
fn manual_page() {
    is_as_before("manual-page", &Folder::new("").prints(&["print", "man"]));
}

#[test]
fn setup() {
    let folder = Folder::new("");
    is_as_before("setup-prosody", &folder.prints(&["setup", "prosody"]));
    // Without a version that of the machine counts.
    for (name, version) in [("setup-ejabberd", "26.07"), ("setup-ejabberd-23.01", "23.01")] {
        is_as_before(name, &folder.prints(&["setup", "ejabberd", "--server-version", version]));
    }
}

#[test]
fn setup_for_a_cluster() {
    let folder = Folder::new("");
    let key = folder.path("journal.key");
    std::fs::write(&key, "0a".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config =
        CONFIG.replace(r#"server = "127.0.0.1:1""#, r#"servers = ["127.0.0.1:5347", "127.0.0.1:5348"]"#);
    let in_file = format!("{config}[journal]\npath = '{}'\n", folder.journal());
    let on_server = format!(
        "{config}[journal]\nurl = ['postgresql://relay:pw@127.0.0.1/relay', 'postgresql://relay:pw@127.0.0.1:5433/relay']\n\
         key_file = '{key}'\n"
    );
    let printed = |config: &str| {
        std::fs::write(folder.path("relay.toml"), config).unwrap();
        folder.prints(&["setup", "ejabberd", "--server-version", "26.07"])
    };
    is_as_before("setup-ejabberd-cluster", &printed(&on_server));
    assert!(
        printed(&in_file)
            .ends_with("needs the journal in PostgreSQL: journal.url of the relay's configuration.\n")
    );
}

#[test]
fn check() {
    is_as_before("check", &Folder::new("").prints(&["check", "--offline"]));
    let careless = Folder::new("[relay]\nwindow = \"5 bananas\"\nexpiri = \"1h\"\n");
    is_as_before("check-wrong-configuration", &careless.prints(&["check", "--offline"]));
    let example = Folder::new("[groups]\nteam = [\"bob@example.org\"]\n");
    let mut command = example.command(&["check", "--offline"]);
    command.env("MUC_INVITE_RELAY__COMPONENT__SECRET", "change me");
    let report = String::from_utf8(command.output().unwrap().stdout).unwrap();
    is_as_before("check-without-a-secret", &report);
}

#[tokio::test]
async fn history() {
    let folder = Folder::new("");
    fill_journal(folder.journal().as_ref()).await;
    is_as_before("history", &folder.prints(&["history"]));
}

/// A relay that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The page while the server can't be reached: nothing listens on port 1.
#[tokio::test]
async fn page() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = Folder::new(&format!("[metrics]\nlisten = \"127.0.0.1:{port}\"\n"));
    fill_journal(folder.journal().as_ref()).await;
    let mut relay = Running(folder.command(&["run"]).stderr(Stdio::piped()).spawn().unwrap());
    let log = BufReader::new(relay.0.stderr.take().unwrap());
    assert!(log.lines().map(Result::unwrap).any(|line| line.contains("can't be reached")));

    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let (before, rest) = body.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    // One element a line, so that a difference can be read.
    is_as_before("page", &format!("{before}{after}").replace("><", ">\n<"));
}
