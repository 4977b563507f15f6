//! The running relay: [`run`] starts its parts and connects them with each other. This is the only folder that knows all of
//! them. The binary and the tests call the same function.

mod client_caps;
pub mod control;
mod error;
mod offline;
pub mod order;
pub mod orders;
mod reload;
pub(crate) mod restore;
mod settings;
mod shutdown;
pub mod signals;
mod systemd;
mod watchdog;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

pub use self::error::RunError;
pub use self::offline::without_relay;
use self::orders::Orders;
pub use self::reload::{Load, Reload};
pub use self::settings::link_settings;
pub(crate) use self::settings::retention;
use self::shutdown::Parts;
use crate::check::{self, AskedBy, Running};
use crate::commands::Commands;
use crate::config::{Config, JournalPlace};
use crate::contacts::Contacts;
use crate::journal::Journal;
use crate::link;
use crate::relay::context::Context;
use crate::relay::queue::Queue;
use crate::status::{self, StatusPage};
use crate::telemetry::http;
use crate::telemetry::metrics::Registry;

/// How long the check of the server may take; the answer must reach the command `check` in time.
const CHECK_TIMEOUT: Duration = Duration::from_secs(7);

/// What reaches a running relay from outside, except for stanzas.
#[derive(Debug)]
pub struct Outside<Stop> {
    /// Resolves when the relay has to stop.
    pub stop: Stop,
    /// How the configuration is read again.
    pub reload: Reload,
}

/// Relays until `outside.stop` resolves. Then it accepts nothing more, waits up to 5 s for invitations in progress, and
/// closes the stream. Those that have not settled by then wait in the journal for the next start.
///
/// # Errors
/// [`RunError::Journal`] if the journal can't be opened or fails for good, [`RunError::Refused`] if the server refuses the
/// first connection, [`RunError::Fault`] if a part of the relay ends by itself.
pub async fn run(config: Config, outside: Outside<impl Future<Output = ()>>) -> Result<(), RunError> {
    let Outside { stop, reload } = outside;
    let place = config.journal.place.clone();
    let socket = config.journal.socket.clone();
    let crash = control::Crash::before(&socket);
    let (journal, writer) = Journal::open(&place, retention(&config)).await?;
    match &place {
        JournalPlace::File(path) => info!(path = %path.display(), "the journal is open"),
        JournalPlace::Server(server) => info!(server = %server.shown, "the journal is open"),
    }
    let writer = tokio::spawn(writer.run_on_own_thread());
    let recent = restore::recent(&config).await?;
    let (limits, leftovers) =
        (restore::limits(&config, &recent), restore::leftovers(&recent, journal.looked()));
    drop(recent);
    let known_hashes = client_caps::known(&place).await?;
    let seen_hashes = client_caps::record(journal.clone());

    let (link, incoming, task) = link::new(link_settings(&config));
    let _watchdog =
        AbortOnDropHandle::new(tokio::spawn(watchdog::run(link.clone(), journal.writer_health())));
    let close = CancellationToken::new();
    let connection = tokio::spawn(task.run(close.clone()));

    let (ask_to_reload, asked_to_reload) = mpsc::channel(1);
    let stopping = CancellationToken::new();
    let config = config.live();
    // One at a time: whoever asks waits until it is taken.
    let (ask_to_invite, asked_to_invite) = mpsc::channel(1);
    let commands = Arc::new(Commands::new(
        Arc::clone(&config),
        journal.clone(),
        link.clone(),
        ask_to_reload,
        ask_to_invite.clone(),
    ));
    let orders = Arc::new(Orders {
        config: Arc::clone(&config),
        commands: Arc::clone(&commands),
        invite: ask_to_invite,
    });
    let contacts = Contacts::new(link.clone(), known_hashes, seen_hashes);
    let cx = Context::new(config, link, journal, contacts, limits, leftovers, stopping.clone());
    let cx = Arc::new(cx);
    let (config, link, writer_health) = (cx.config.clone(), cx.link.clone(), cx.journal.writer_health());
    let health = {
        let (link, writer_health) = (link.clone(), writer_health.clone());
        move || watchdog::health(&link, &writer_health)
    };
    let load = Arc::clone(&reload.load);
    let check = move || {
        let (config, link, writer_health) = (config.load_full(), link.clone(), writer_health.clone());
        let load = Arc::clone(&load);
        async move {
            let unread = load().map(|new| new.after(&config).1);
            let may_keep_crashing = crash.is_some_and(|crash| crash.may_repeat());
            let running = Running {
                unread,
                refused: writer_health.refused(),
                busy: writer_health.busy(),
                may_keep_crashing,
            };
            let deadline = Instant::now() + CHECK_TIMEOUT;
            [check::running(&running), check::server(&config, &link, deadline, AskedBy::TheRelay).await]
                .concat()
        }
    };
    let orders = move |order| Arc::clone(&orders).carry_out(order);
    let control = control::serve(socket.clone(), check, health, orders);
    let control = AbortOnDropHandle::new(tokio::spawn(control));
    show_status(&cx);
    tokio::spawn(reload.run(Arc::clone(&cx), asked_to_reload, stopping.clone()));
    let queue = tokio::spawn(
        Queue::new(cx, commands, incoming, asked_to_invite).run(stopping.clone(), close.clone()),
    );

    let done = shutdown::finish(stop, Parts { queue, stopping, connection, close, writer, control }).await;
    if done.is_ok() {
        control::mark_clean_end(&socket);
    }
    done
}

/// Serves metrics, health and the page, if that is configured, until the relay stops.
fn show_status(cx: &Context) {
    let Some(address) = cx.config.load().metrics.listen else { return };
    let mut registry = Registry::default();
    let own = status::relay_metrics(&mut registry);
    cx.metrics.register(own);
    cx.limits.load().register(own);
    cx.link.register(own);
    cx.rooms.register(own);
    cx.contacts.register(own);
    let page = StatusPage::new(Arc::clone(&cx.config), cx.link.clone(), cx.journal.writer_health(), registry);
    let page = Arc::new(page);
    let serving = http::serve(address, move |question| Arc::clone(&page).answer(question));
    tokio::spawn(cx.stopping.clone().run_until_cancelled_owned(serving));
}
