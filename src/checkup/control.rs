//! The control socket beside the journal: a running relay says how it is. One question, one answer, a JSON line each.
//! Only the relay's own user can open it (mode 0600, in the journal's folder).

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tracing::{debug, warn};

use super::Finding;

/// The question.
const CHECK: &str = "check\n";
/// A check asks the server several things, each with a deadline of its own.
const PATIENCE: Duration = Duration::from_secs(120);

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
pub async fn serve<F: Future<Output = Vec<Finding>>>(path: PathBuf, check: impl Fn() -> F) {
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
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match timeout(PATIENCE, answer(stream, &check)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => debug!("the control socket: {e}"),
                Err(_) => debug!("the control socket: too slow"),
            },
            Err(e) => {
                warn!("the control socket is closed: {e}");
                return;
            }
        }
    }
}

struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn answer<F: Future<Output = Vec<Finding>>>(
    stream: UnixStream,
    check: impl Fn() -> F,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut question = String::new();
    (&mut stream).take(64).read_line(&mut question).await?;
    if question == CHECK {
        let mut findings = serde_json::to_vec(&check().await)?;
        findings.push(b'\n');
        stream.write_all(&findings).await?;
    }
    stream.shutdown().await
}

/// Asks the relay that runs; `None` if none does.
///
/// # Errors
/// It runs, and does not answer as it should.
pub async fn ask(path: &Path) -> io::Result<Option<Vec<Finding>>> {
    let Ok(mut stream) = UnixStream::connect(path).await else { return Ok(None) };
    stream.write_all(CHECK.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.map_err(io::Error::other)??;
    Ok(Some(serde_json::from_slice(&answer)?))
}
