//! A relay that runs, with a journal on the disk, on a link that a [`World`] serves. It can be stopped, and killed at any
//! point. Knows nothing of what a test tries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::world::{COMPONENT, SERVICE, World};
use crate::commands::Commands;
use crate::config::Config;
use crate::contacts::Contacts;
use crate::daemon::{self, restore};
use crate::journal::{Journal, OpenError, Retention};
use crate::link::scripted;
use crate::model::{LateArrival, Lease};
use crate::relay::context::Context;
use crate::relay::queue::Queue;

/// What a clean stop waits for: as the daemon does.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A runtime on one thread, whose clock stands still. What is outside looks at it after each step of a task, so that it can
/// end a relay between any two.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .event_interval(1)
        .build()
        .unwrap()
}

/// Does this while the clock stands still, although it waits for threads that the runtime does not know: without anything else
/// to do the clock would go on to whatever is due next.
pub(super) async fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = yield_now() => {}
        }
    }
}

/// Lets the next task take a step. A moment goes by, so that no two events are at the same one: whether something was looked at
/// before or after an event could not be told else.
pub(super) async fn a_moment() {
    tokio::time::advance(Duration::from_micros(1)).await;
}

/// A folder for a journal; in memory where the system has such folders, since thousands are made.
pub(super) fn folder() -> TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { TempDir::new_in(shm).unwrap() } else { TempDir::new().unwrap() }
}

/// A configuration with limits that are out of the way; `more`: further sections of the file.
pub(super) fn config(folder: &TempDir, more: &str) -> Config {
    let path = folder.path().join("journal.db");
    let toml = format!(
        "[component]\njid = \"{COMPONENT}\"\nsecret = \"x\"\nserver = \"127.0.0.1:5347\"\n\
         [muc]\nservices = [\"{SERVICE}\"]\n[journal]\npath = \"{}\"\n\
         [relay]\nmimicry = \"off\"\narchive = \"store\"\n{more}",
        path.display()
    );
    Config::from_toml(&toml, std::iter::empty()).unwrap()
}

/// Limits that nobody reaches.
pub(super) const NO_LIMITS: &str = "[limits]\nper_inviter = \"1000000/1h\"\nper_domain = \"1000000/1h\"\n\
                                    per_contact = \"1000000/1h\"\nper_room = \"1000000/1h\"\n";

/// A relay that runs.
pub(super) struct Running {
    pub(super) cx: Arc<Context>,
    pub(super) server: scripted::Server,
    /// Cancelled when the link is needed no more.
    close: CancellationToken,
    /// One that ends in years.
    lease: Lease,
    queue: JoinHandle<Vec<LateArrival>>,
    writer: JoinHandle<Result<(), OpenError>>,
    path: std::path::PathBuf,
}

impl Running {
    /// Starts one. Its link is down.
    pub(super) async fn start(config: Config) -> Self {
        at_once(Self::starts(config)).await
    }

    async fn starts(config: Config) -> Self {
        let path = config.journal.place.file().unwrap().to_owned();
        copy_of_an_empty_journal(&path).await;
        let (journal, writer) = Journal::open(&path, daemon::retention(&config)).await.unwrap();
        let writer = tokio::spawn(writer.run());
        let lease = Lease::until(Instant::now() + Duration::from_secs(1 << 30));
        let journal = journal.under(lease.clone());
        let recent = restore::recent(&config).await.unwrap();
        let (link, incoming, server) = scripted::link(daemon::link_settings(&config));
        let (limits, leftovers) =
            (restore::limits(&config, &recent), restore::leftovers(&recent, journal.looked()));
        let config = config.live();
        let ((reload, _), (invite, asked)) = (mpsc::channel(1), mpsc::channel(1));
        let commands = Commands::new(Arc::clone(&config), journal.clone(), link.clone(), reload, invite);
        let (stopping, close) = (CancellationToken::new(), CancellationToken::new());
        let contacts = Contacts::new(link.clone(), Vec::new(), mpsc::channel(1).0);
        let cx = Context::new(config, link, journal, contacts, limits, leftovers, stopping.clone());
        let cx = Arc::new(cx);
        let queue = tokio::spawn(
            Queue::new(Arc::clone(&cx), Arc::new(commands), incoming, asked).run(stopping, close.clone()),
        );
        Self { cx, server, close, lease, queue, writer, path }
    }

    /// Lets everything happen that can without the clock: the server handles what it is sent, until the relay waits for
    /// nothing but time.
    pub(super) async fn settles(&mut self, world: &mut World) {
        loop {
            let served = world.serve(&mut self.server, 1) > 0;
            if served || !self.cx.journal.is_idle() {
                // The clock goes on by itself only while nothing can run, and this can.
                a_moment().await;
                continue;
            }
            // Over when nothing else can run.
            sleep(Duration::from_millis(1)).await;
            if self.cx.journal.is_idle() && world.serve(&mut self.server, 1) == 0 {
                return;
            }
        }
    }

    /// Time passes, as over a sleep of the machine: nothing happens meanwhile, and everything that is due at its end.
    pub(super) async fn passes(&mut self, world: &mut World, time: Duration) {
        tokio::time::advance(time).await;
        self.settles(world).await;
    }

    /// Time passes in steps of a second.
    pub(super) async fn passes_slowly(&mut self, world: &mut World, seconds: u32) {
        for _ in 0..seconds {
            self.passes(world, Duration::from_secs(1)).await;
        }
    }

    /// Lets the relay take so many steps. The server handles at most `handled` of the stanzas that it is sent meanwhile.
    pub(super) async fn takes_steps(&mut self, world: &mut World, steps: u16, handled: usize) {
        let mut handled = handled;
        for _ in 0..steps {
            handled -= world.serve(&mut self.server, handled.min(1));
            a_moment().await;
        }
    }

    /// The relay is killed. What the journal was asked last is on the disk or is not.
    pub(super) async fn kill(mut self, world: &mut World) {
        world.connection_ends(&mut self.server);
        self.queue.abort();
        self.writer.abort();
        let _ = (self.queue.await, self.writer.await);
        drop((self.cx, self.server));
        closed(&self.path).await;
    }

    /// Another relay leads: the journal takes nothing any more.
    pub(super) async fn loses_the_lead(&mut self) {
        self.writer.abort();
        while !self.writer.is_finished() {
            yield_now().await;
        }
        self.lease.end();
    }

    /// It has lost the lead, and the server closes the connection. Returns what it has for the other relay.
    pub(super) async fn stands_by(self) -> Vec<LateArrival> {
        drop(self.server);
        let late = self.queue.await.unwrap();
        drop(self.cx);
        closed(&self.path).await;
        late
    }

    /// The relay stops as it is asked to.
    pub(super) async fn stop(mut self, world: &mut World) {
        self.cx.stopping.cancel();
        let end = Instant::now() + STOP_TIMEOUT;
        while !self.close.is_cancelled() && Instant::now() < end {
            self.settles(world).await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        world.connection_ends(&mut self.server);
        drop(self.server);
        let _ = tokio::time::timeout(STOP_TIMEOUT, &mut self.queue).await;
        self.queue.abort();
        drop(self.cx);
        at_once(self.writer).await.unwrap().unwrap();
        closed(&self.path).await;
    }
}

/// Waits until no thread of this process has a file of the journal open: a kill would have ended `SQLite`'s own thread at
/// once, and here it ends the statement at which it is.
async fn closed(path: &Path) {
    let folder = path.parent().unwrap();
    let is_open = || {
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.starts_with(folder))
    };
    while is_open() {
        yield_now().await;
    }
}

/// Makes a new journal, unless there is one, without running all migrations each time.
async fn copy_of_an_empty_journal(path: &Path) {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    if path.exists() {
        return;
    }
    if EMPTY.get().is_none() {
        let folder = folder();
        let path = folder.path().join("journal.db");
        let hour = Duration::from_secs(3600);
        let (journal, writer) =
            Journal::open(&path, Retention { window: hour, retention: hour }).await.unwrap();
        drop(journal);
        writer.run().await.unwrap();
        let _ = EMPTY.set(fs::read(&path).unwrap());
    }
    if let Some(empty) = EMPTY.get() {
        fs::write(path, empty).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}
