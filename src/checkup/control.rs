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
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Finding;

/// The questions.
const CHECK: &str = "check\n";
const HEALTH: &str = "health\n";
/// A check asks the server several things, each with a deadline of its own.
const PATIENCE: Duration = Duration::from_secs(120);
/// Its health it knows by itself.
const SHORT_PATIENCE: Duration = Duration::from_secs(5);
/// So many may ask at the same time.
const ASKERS: usize = 16;

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

/// Whether somebody answers there: then another relay uses this journal.
pub async fn is_alive(path: &Path) -> bool {
    UnixStream::connect(path).await.is_ok()
}

/// Answers until dropped. A relay without its socket works as well, so what goes wrong here is only said.
pub async fn serve<F>(path: PathBuf, check: impl Fn() -> F, health: impl Fn() -> Health)
where
    F: Future<Output = Vec<Finding>> + Send + 'static,
{
    // A relay that was killed leaves it behind; whoever is alive has been asked before.
    let _ = std::fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(e) => {
            warn!(path = %path.display(), "no control socket ({e}): `check` will have to connect itself");
            return;
        }
    };
    let _remove = Remove(path.clone());
    if let Err(e) = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)) {
        warn!(path = %path.display(), "no control socket ({e}): `check` will have to connect itself");
        return;
    }
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if answers.len() < ASKERS => match accepted {
                Ok((stream, _)) => {
                    answers.spawn(timeout(PATIENCE, answer(stream, check(), health())));
                }
                Err(e) => {
                    warn!("the control socket is closed: {e}");
                    return;
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

struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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

/// Asks the relay that runs; `None` if none does.
///
/// # Errors
/// It may run, and could not be asked. Whoever connects to the server now may put it off.
pub async fn ask(path: &Path) -> io::Result<Option<Vec<Finding>>> {
    question(path, CHECK, PATIENCE).await
}

/// Asks the relay that runs whether it lives; `None` if none does.
///
/// # Errors
/// It runs, and does not answer as it should.
pub async fn health(path: &Path) -> io::Result<Option<Health>> {
    question(path, HEALTH, SHORT_PATIENCE).await
}

async fn question<T: DeserializeOwned>(
    path: &Path,
    question: &str,
    patience: Duration,
) -> io::Result<Option<T>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(e) => return Err(e),
    };
    let answer = async {
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = timeout(patience, answer).await.map_err(io::Error::other)??;
    Ok(Some(serde_json::from_slice(&answer)?))
}
