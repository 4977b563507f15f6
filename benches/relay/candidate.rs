//! The processes under test: the relay, the bare component, the relay on slixmpp. Starts and stops them, and reads their CPU
//! time and memory from /proc. Knows nothing of what they are sent.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpListener;

use crate::postgres::Database;
use crate::server::{self, Server};
use crate::words::{COMPONENT, SECRET};

/// The clock ticks of /proc in a second, the same on every Linux that Rust runs on.
const CLOCK_TICKS_PER_SECOND: u64 = 100;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// This relay; `privileged`: it may send in the name of users.
    Relay { privileged: bool },
    /// This relay with its journal in `PostgreSQL`, in a database of its own.
    OnPostgres,
    /// The bare component on tokio-xmpp.
    Baseline,
    /// The relay on slixmpp.
    Slixmpp,
}

/// A process that is connected.
pub struct Running {
    child: Child,
    pub server: Server,
    /// Dropped after the process has ended.
    _database: Option<Database>,
}

impl Candidate {
    /// Starts it, and waits until it is connected. The relay's journal, log and configuration are in `folder`.
    pub async fn start(self, folder: &Path) -> Result<Running> {
        self.start_under(&[], folder).await
    }

    /// The same under callgrind, which leaves what it has counted in the file `counts`.
    pub async fn start_counted(self, folder: &Path, counts: &Path) -> Result<Running> {
        let out = format!("--callgrind-out-file={}", counts.display());
        self.start_under(&["valgrind", "--tool=callgrind", "--fair-sched=yes", &out], folder).await
    }

    /// `above`: the program that it is started by, and its arguments. The relay on slixmpp is always started by itself.
    async fn start_under(self, above: &[&str], folder: &Path) -> Result<Running> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let started_by = |program: OsString| {
            let mut words = above.iter().map(OsString::from).chain([program]);
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        };
        let database = match self {
            Self::OnPostgres => Some(Database::new().context("PostgreSQL is not installed")?),
            _ => None,
        };
        let mut command = match self {
            Self::Relay { .. } | Self::OnPostgres => {
                let config = folder.join("config.toml");
                write_config(&config, &address, folder, database.as_ref())?;
                let mut command = started_by(binary());
                command.arg("--config").arg(config).arg("run");
                command
            }
            Self::Baseline => {
                let mut command = started_by(std::env::current_exe()?.into());
                command.args(["baseline", &address]);
                command
            }
            Self::Slixmpp => {
                let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/slixmpp_relay.py");
                let mut command = Command::new("/usr/bin/python3");
                command.arg(script).args(address.split(':')).args([COMPONENT, SECRET]);
                command
            }
        };
        let log = File::create(folder.join("log"))?;
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut child = child.with_context(|| format!("starting {}", program.display()))?;
        let privileged = self == Self::Relay { privileged: true };
        match server::accept(&listener, privileged).await {
            Ok(server) => Ok(Running { child, server, _database: database }),
            Err(e) => {
                child.kill()?;
                child.wait()?;
                let log = fs::read_to_string(folder.join("log"))?;
                Err(e.context(format!("{self:?} does not connect. Its log: {log}")))
            }
        }
    }
}

/// The binary of this build, or another one to compare it with.
fn binary() -> OsString {
    std::env::var_os("RELAY_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_muc-invite-relay").into())
}

/// Writes the relay's configuration, with limits that are checked and never reached.
fn write_config(path: &Path, server: &str, folder: &Path, database: Option<&Database>) -> Result<()> {
    let journal = match database {
        Some(database) => {
            let [key_file, socket] = ["journal.key", "relay.sock"].map(|name| folder.join(name));
            write_secret(&key_file, &"01".repeat(32))?;
            let url = database.url();
            let [key_file, socket] = [key_file.display(), socket.display()];
            format!("url = \"{url}\"\nkey_file = \"{key_file}\"\nsocket = \"{socket}\"\n")
        }
        None => format!("path = \"{}\"\n", journal(folder).display()),
    };
    let text = format!(
        "[component]\njid = {COMPONENT:?}\nsecret = {SECRET:?}\nserver = {server:?}\n\
         [muc]\nservices = [\"conference.example.org\"]\n\
         [limits]\nper_inviter = \"1000000/1s\"\nper_domain = \"1000000/1s\"\nper_contact = \"1000000/1s\"\nper_room = \"1000000/1s\"\nmax_recipients = 100000\n\
         [journal]\n{journal}"
    );
    write_secret(path, &text)
}

fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut &file, text.as_bytes())?;
    Ok(())
}

/// The journal of a relay that runs in this folder.
pub fn journal(folder: &Path) -> PathBuf {
    folder.join("journal.db")
}

/// Ends the process also where the measurement fails.
impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// The CPU time used so far, in user and kernel mode, to 10 ms.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let field = |at| fields.split_whitespace().nth(at).and_then(|field| field.parse::<u64>().ok());
        let (user, system) = (field(11).context("utime")?, field(12).context("stime")?);
        Ok(Duration::from_millis((user + system) * 1000 / CLOCK_TICKS_PER_SECOND))
    }

    /// The largest resident memory so far, in MB.
    pub fn peak_memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Stops it by SIGTERM, and waits until it has ended.
    pub async fn stop(mut self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill: {status}");
        self.server.close().await.context("closing the stream")?;
        self.child.wait()?;
        Ok(())
    }
}
