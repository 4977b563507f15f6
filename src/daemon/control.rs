//! The control socket beside the journal: one question, and the running relay's answer in a line of JSON; or an order, and what
//! becomes of it in several lines. Only the relay's own
//! user can open it (mode 0600, in the journal's folder). Knows nothing of how questions are answered.

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

use super::order::{BEGIN, MAX_ORDER_BYTES, Order, READY, REFUSED, TOO_LONG};
use crate::check::Finding;

/// The questions.
const CHECK_QUESTION: &str = "check\n";
const HEALTH_QUESTION: &str = "health\n";
/// A longer first line is no question.
const MAX_QUESTION_BYTES: u64 = 64;
/// Longer than a check, which asks the server several questions.
const CHECK_TIMEOUT: Duration = Duration::from_secs(8);
/// For the health, which the relay knows without asking anybody.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// For an order to be taken, and for each line of the answer. A relay that is alive says so more often.
const ORDER_TIMEOUT: Duration = Duration::from_secs(8);
/// A relay that crashed within this time after its start may crash again and again.
const CRASH_LOOP_PERIOD: Duration = Duration::from_secs(300);
/// The most questions at the same time.
const MAX_QUESTIONS: usize = 16;
/// The pause before the socket is tried again, for instance where the system has no open files left.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Whether a relay is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// It works, as far as that depends on itself: a server that is away changes nothing.
    pub alive: bool,
    /// Its state, in words.
    pub found: String,
}

/// The socket that belongs to a journal.
#[must_use]
pub fn socket_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

/// The end of an earlier relay that was not told to end: it crashed, was killed, or gave up. Its socket was left.
#[derive(Debug, Clone, Copy)]
pub struct Crash {
    /// How long it ran, at most.
    ran_for: Duration,
    /// When this relay started.
    noticed: Instant,
}

impl Crash {
    /// The crash of the relay before this one; `None` if it was told to end. To be called before [`serve`].
    #[must_use]
    pub fn before(socket: &Path) -> Option<Self> {
        let begun = std::fs::symlink_metadata(socket).and_then(|left| left.modified()).ok()?;
        // `None` if the clock was set back.
        Some(Self { ran_for: begun.elapsed().ok()?, noticed: Instant::now() })
    }

    /// Whether it may be one of a series: it ran for a few minutes at most, and this relay has not yet run for longer.
    #[must_use]
    pub fn may_repeat(&self) -> bool {
        self.ran_for < CRASH_LOOP_PERIOD && self.noticed.elapsed() < CRASH_LOOP_PERIOD
    }
}

/// Whether a relay answers at this socket: one that left it does not.
#[must_use]
pub fn is_served(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Removes the socket, so that the next start sees no crash.
pub fn mark_clean_end(socket: &Path) {
    // It is not there if it could not be made.
    let _ = std::fs::remove_file(socket);
}

/// Answers questions until dropped. Errors are only logged: the relay works without its control socket. `orders`: carries out
/// what is no question.
pub async fn serve<F, G>(
    path: PathBuf,
    check: impl Fn() -> F,
    health: impl Fn() -> Health,
    orders: impl Fn(Order) -> G + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Vec<Finding>> + Send + 'static,
    G: Future<Output = io::Result<()>> + Send + 'static,
{
    let Some(listener) = listen(&path).await else { return };
    let mut logged = false;
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if answers.len() < MAX_QUESTIONS => match accepted {
                Ok((stream, _)) => {
                    logged = false;
                    answers.spawn(answer(stream, check(), health(), orders.clone()));
                }
                Err(e) => {
                    if !std::mem::replace(&mut logged, true) {
                        warn!("the control socket can't take a question ({e}): this is tried again");
                    }
                    sleep(ACCEPT_RETRY_PAUSE).await;
                }
            },
            Some(answered) = answers.join_next() => match answered {
                Ok(Ok(())) => {}
                Ok(Err(e)) => debug!("the control socket: {e}"),
                Err(_) => debug!("the control socket: an answer ended early"),
            },
        }
    }
}

/// Opens the socket, and tries again until that succeeds; `None` where it never can.
async fn listen(path: &Path) -> Option<UnixListener> {
    let mut logged = false;
    loop {
        let e = match bind(path) {
            Ok(listener) => return Some(listener),
            Err(e) => e,
        };
        if !std::mem::replace(&mut logged, true) {
            warn!(path = %path.display(), "no control socket ({e}): `check` can't ask this relay");
        }
        // The path is too long for a socket.
        if e.kind() == ErrorKind::InvalidInput {
            return None;
        }
        sleep(ACCEPT_RETRY_PAUSE).await;
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Left by a relay that crashed: beside one that is alive this one would not have started.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer<G: Future<Output = io::Result<()>>>(
    stream: UnixStream,
    check: impl Future<Output = Vec<Finding>>,
    health: Health,
    orders: impl Fn(Order) -> G,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut question = String::new();
    let answered = timeout(CHECK_TIMEOUT, async {
        (&mut stream).take(MAX_QUESTION_BYTES).read_line(&mut question).await?;
        let mut answer = match question.as_str() {
            CHECK_QUESTION => serde_json::to_vec(&check.await)?,
            HEALTH_QUESTION => serde_json::to_vec(&health)?,
            _ => return Ok(false),
        };
        answer.push(b'\n');
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        Ok::<_, io::Error>(true)
    });
    if answered.await?? {
        return Ok(());
    }
    let order = Order::read(question, stream).await?;
    orders(order).await
}

/// What became of a question.
#[derive(Debug)]
pub enum Answered<T> {
    /// The relay that runs answered.
    Yes(T),
    /// No relay runs.
    Nobody {
        /// The last one was not told to end: its socket was left.
        crashed: bool,
    },
    /// A relay runs and does not answer; its process id, where the system tells it.
    Hangs(Option<i32>),
}

/// Asks the running relay for its check.
///
/// # Errors
/// The socket can't be used (not this user's, broken), or the answer can't be understood.
pub async fn ask(path: &Path) -> io::Result<Answered<Vec<Finding>>> {
    question(path, CHECK_QUESTION, CHECK_TIMEOUT).await
}

/// Asks the running relay whether it is alive.
///
/// # Errors
/// The socket can't be used (not this user's, broken), or the answer can't be understood.
pub async fn health(path: &Path) -> io::Result<Answered<Health>> {
    question(path, HEALTH_QUESTION, HEALTH_TIMEOUT).await
}

/// Gives the running relay an order, and hands each line of its answer on. `word`: the first line of the order. With
/// [`Answered::Hangs`] it is never carried out.
///
/// # Errors
/// [`ErrorKind::ArgumentListTooLong`]: the order is too long; nothing was sent. Otherwise the socket can't be used, or a line can't be
/// understood; the relay has begun and says nothing more; or `each` returned an error.
pub async fn order<T: DeserializeOwned>(
    path: &Path,
    word: &str,
    order: &impl Serialize,
    mut each: impl FnMut(T) -> io::Result<()>,
) -> io::Result<Answered<()>> {
    let order = [&serde_json::to_vec(order)?[..], b"\n"].concat();
    if u64::try_from(order.len()).is_ok_and(|length| length > MAX_ORDER_BYTES) {
        return Err(io::Error::new(ErrorKind::ArgumentListTooLong, TOO_LONG));
    }
    let stream = match connect(path).await? {
        Answered::Yes(stream) => stream,
        Answered::Nobody { crashed } => return Ok(Answered::Nobody { crashed }),
        Answered::Hangs(process) => return Ok(Answered::Hangs(process)),
    };
    let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let mut stream = BufReader::new(stream);
    let text = [word.as_bytes(), &order].concat();
    let taken = timeout(ORDER_TIMEOUT, async {
        stream.write_all(&text).await?;
        let mut word = String::new();
        stream.read_line(&mut word).await?;
        Ok::<_, io::Error>(word)
    });
    // Nothing is begun without the next word.
    let Ok(taken) = taken.await else { return Ok(Answered::Hangs(process)) };
    let said = taken?;
    if let Some(why) = said.strip_prefix(REFUSED) {
        return Err(io::Error::new(ErrorKind::ArgumentListTooLong, why.trim_end()));
    }
    if said != READY {
        return Err(io::Error::other("it stops, or is of another version: restart it"));
    }
    stream.write_all(BEGIN.as_bytes()).await?;
    let mut lines = stream.lines();
    loop {
        let Ok(line) = timeout(ORDER_TIMEOUT, lines.next_line()).await else {
            let why = "it has begun with this, and says nothing more: it hangs (muc-invite-relay check)";
            return Err(io::Error::new(ErrorKind::TimedOut, why));
        };
        match line? {
            // It is alive, and has nothing to tell yet.
            Some(line) if line.is_empty() => {}
            Some(line) => each(serde_json::from_str(&line)?)?,
            None => return Ok(Answered::Yes(())),
        }
    }
}

async fn connect(path: &Path) -> io::Result<Answered<UnixStream>> {
    match UnixStream::connect(path).await {
        Ok(stream) => Ok(Answered::Yes(stream)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Answered::Nobody { crashed: false }),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(Answered::Nobody { crashed: true }),
        // Too many questions wait already.
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Answered::Hangs(None)),
        Err(e) => Err(e),
    }
}

async fn question<T: DeserializeOwned>(
    path: &Path,
    question: &str,
    time_limit: Duration,
) -> io::Result<Answered<T>> {
    let mut stream = match connect(path).await? {
        Answered::Yes(stream) => stream,
        Answered::Nobody { crashed } => return Ok(Answered::Nobody { crashed }),
        Answered::Hangs(process) => return Ok(Answered::Hangs(process)),
    };
    let process = stream.peer_cred().ok().and_then(|peer| peer.pid());
    let answer = async {
        stream.write_all(question.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    match timeout(time_limit, answer).await {
        Ok(answer) => Ok(Answered::Yes(serde_json::from_slice(&answer?)?)),
        Err(_) => Ok(Answered::Hangs(process)),
    }
}
