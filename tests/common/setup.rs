//! `setup` as an operator runs it, in a folder with the relay's configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The relay's configuration; its last section is `[muc]`.
pub const RELAY: &str = r#"
[component]
jid = "invites.example.test"
secret = "open sesame"
server = "127.0.0.1:5275"
[muc]
services = ["conference.example.test"]
"#;

/// A server's configuration that is kept for these tests.
#[allow(dead_code, reason = "not all files of tests need it")]
pub fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setups").join(name)
}

pub struct Bench(TempDir);

impl Bench {
    /// `more` stands below [`RELAY`].
    pub fn new(more: &str) -> Self {
        let bench = Self(TempDir::new().unwrap());
        fs::write(bench.path("relay.toml"), RELAY.to_owned() + more).unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What it prints, and its exit code.
    pub fn setup(&self, arguments: &[&str]) -> (String, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muc-invite-relay"));
        command.env("MUC_INVITE_RELAY_CONFIG", self.path("relay.toml")).arg("setup").args(arguments);
        let done = command.output().unwrap();
        (String::from_utf8([done.stdout, done.stderr].concat()).unwrap(), done.status.code())
    }

    /// Compares a file with what it prints.
    pub fn diff(&self, make: &str, file: &Path, version: &str, more: &[&str]) -> (String, Option<i32>) {
        let arguments = [make, "--diff", file.to_str().unwrap(), "--server-version", version];
        self.setup(&[&arguments, more].concat())
    }
}
