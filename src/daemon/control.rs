//! The control socket beside the journal: a running relay says how it is. One question, one answer in a JSON line.
//! Only the relay's own user can open it (mode 0600, in the journal's folder).

use std::future::Future;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use crate::check::Finding;

/// The questions.
const CHECK: &str = "check\n";
const HEALTH: &str = "health\n";
/// A check asks the server several things; all of them together end earlier than this.
const CHECK_TIMEOUT: Duration = Duration::from_secs(8);
/// Its health it knows by itself.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// A relay that ended without being told to, and so soon after its start, may do so again and again.
const CRASH_LOOP_PERIOD: Duration = Duration::from_secs(300);
/// So many may ask at the same time.
const MAX_CLIENTS: usize = 16;
/// The pause before the socket is tried again: the system may be short of something, such as open files.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Whether a relay lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// It does what it is there for, as far as it is up to itself: a server that is away changes nothing.
    pub alive: bool,
    /// How it is, in words.
    pub found: String,
}

/// The socket that belongs to a journal.
#[must_use]
pub fn socket_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

/// When a relay ended that nobody had told to end: it crashed, was killed, or gave up. It left its socket behind.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// The longest time that it can have lived.
    lived: Duration,
    /// When the relay began that came after it.
    seen: Instant,
}

impl Crash {
    /// How the relay before this one ended; `None` if it was told to. To be asked before [`serve`].
    #[must_use]
    pub fn before(socket: &Path) -> Option<Self> {
        let begun = std::fs::symlink_metadata(socket).and_then(|left| left.modified()).ok()?;
        // A clock that was set back tells nothing.
        Some(Self { lived: begun.elapsed().ok()?, seen: Instant::now() })
    }

    /// It lived for a few minutes at most, and this one has not lived for longer: so it may go on.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        self.lived < CRASH_LOOP_PERIOD && self.seen.elapsed() < CRASH_LOOP_PERIOD
    }
}

/// Says that the relay was told to end, and did.
pub fn ended_well(socket: &Path) {
    // It is not there if it could not be made.
    let _ = std::fs::remove_file(socket);
}

/// Answers until dropped. A relay without its socket works as well, so what goes wrong here is only said.
pub async fn serve<F>(path: PathBuf, check: impl Fn() -> F, health: impl Fn() -> Health)
where
    F: Future<Output = Vec<Finding>> + Send + 'static,
{
    let Some(listener) = listen(&path).await else { return };
    let mut told = false;
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if answers.len() < MAX_CLIENTS => match accepted {
                Ok((stream, _)) => {
                    told = false;
                    answers.spawn(timeout(CHECK_TIMEOUT, answer(stream, check(), health())));
                }
                Err(e) => {
                    if !std::mem::replace(&mut told, true) {
                        warn!("the control socket can't take a question ({e}): this is tried again");
                    }
                    sleep(ACCEPT_RETRY_PAUSE).await;
                }
            },
            Some(answered) = answers.join_next() => match answered {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(e))) => debug!("the control socket: {e}"),
                Ok(Err(_)) | Err(_) => debug!("the control socket: too slow"),
            },
        }
    }
}

/// The socket, however long it takes to get it; `None` where no socket can ever be.
async fn listen(path: &Path) -> Option<UnixListener> {
    let mut told = false;
    loop {
        let e = match bind(path) {
            Ok(listener) => return Some(listener),
            Err(e) => e,
        };
        if !std::mem::replace(&mut told, true) {
            warn!(path = %path.display(), "no control socket ({e}): `check` can't ask this relay");
        }
        // The path is longer than a socket's may be.
        if e.kind() == ErrorKind::InvalidInput {
            return None;
        }
        sleep(ACCEPT_RETRY_PAUSE).await;
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // A relay that was killed leaves it behind; one that is alive holds the journal.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(
    stream: UnixStream,
    check: impl Future<Output = Vec<Finding>>,
    health: Health,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut question = String::new();
    (&mut stream).take(64).read_line(&mut question).await?;
    let mut answer = match question.as_str() {
        CHECK => serde_json::to_vec(&check.await)?,
        HEALTH => serde_json::to_vec(&health)?,
        _ => return Ok(()),
    };
    answer.push(b'\n');
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

/// What became of a question.
#[derive(Debug)]
pub enum Answered<T> {
    /// The relay that runs answered.
    Yes(T),
    /// None runs. `crashed`: the last one was not told to end.
    Nobody {
        /// It left its socket behind.
        crashed: bool,
    },
    /// One runs, and does not answer; its process id, where the system tells it.
    Hangs(Option<i32>),
}

/// Asks the relay that runs.
///
/// # Errors
/// It may run, and could not be asked.
pub async fn ask(path: &Path) -> io::Result<Answered<Vec<Finding>>> {
    question(path, CHECK, CHECK_TIMEOUT).await
}

/// Asks the relay that runs whether it lives.
///
/// # Errors
/// It may run, and could not be asked.
pub async fn health(path: &Path) -> io::Result<Answered<Health>> {
    question(path, HEALTH, HEALTH_TIMEOUT).await
}

async fn question<T: DeserializeOwned>(
    path: &Path,
    question: &str,
    patience: Duration,
) -> io::Result<Answered<T>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Answered::Nobody { crashed: false }),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => return Ok(Answered::Nobody { crashed: true }),
        // So many wait for an answer already that it takes no more.
        Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Answered::Hangs(None)),
        Err(e) => return Err(e),
    };
    let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let answer = async {
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    match timeout(patience, answer).await {
        Ok(answer) => Ok(Answered::Yes(serde_json::from_slice(&answer?)?)),
        Err(_) => Ok(Answered::Hangs(process)),
    }
}
