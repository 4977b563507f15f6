//! The whole product while it runs: [`run`] starts its parts and joins them together. It is the only place that knows all
//! of them; the binary and the tests call the very same function.

mod client_caps;
pub mod control;
mod error;
mod reload;
mod restore;
mod settings;
mod shutdown;
pub mod signals;
mod systemd;
mod watchdog;

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

pub use self::error::RunError;
pub use self::reload::{Load, Reload};
pub use self::settings::link_settings;
use self::shutdown::Parts;
use crate::check::{self, Running};
use crate::commands::Commands;
use crate::config::Config;
use crate::contacts::Contacts;
use crate::journal::Journal;
use crate::link;
use crate::relay::context::Context;
use crate::relay::decide::lookalike_index::LookalikeIndex;
use crate::relay::deliver::archive_hint::ArchiveHint;
use crate::relay::deliver::passed_to_rooms::PassedToRooms;
use crate::relay::fan_out::places::Places;
use crate::relay::metrics::Metrics;
use crate::relay::queue::Queue;
use crate::relay::settle::early_bounces::EarlyBounces;
use crate::rooms::Rooms;
use crate::status::{self, StatusPage};
use crate::telemetry::http;
use crate::telemetry::metrics::Registry;

/// What reaches the relay from outside while it runs.
#[derive(Debug)]
pub struct Outside<Stop> {
    /// Resolves when it is to stop.
    pub stop: Stop,
    /// What it does when it is to read its configuration again.
    pub reload: Reload,
}

/// Relays until it is to stop: then takes nothing more, settles what is under way (5 s at most) and closes the
/// stream. What is not settled by then waits in the journal for the next start.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, outside: Outside<impl Future<Output = ()>>) -> Result<(), RunError> {
    let Outside { stop, reload } = outside;
    let path = config.journal.path.clone();
    let socket = control::socket_of(&path);
    let crash = control::Crash::before(&socket);
    let (journal, writer) = Journal::open(&path, settings::retention(&config)).await?;
    info!(path = %path.display(), "the journal is open");
    let writer = tokio::spawn(writer.run_apart());
    let limits = restore::limits(&config).await?;
    let known_hashes = client_caps::known(&path).await?;
    let seen_hashes = client_caps::keep(journal.clone());

    let hosts = config.own_hosts();
    let (link, incoming, task) = link::new(link_settings(&config));
    let _watchdog = AbortOnDropHandle::new(tokio::spawn(watchdog::keep(link.clone(), journal.pulse())));
    let close = CancellationToken::new();
    let connection = tokio::spawn(task.run(close.clone()));

    let (ask_to_reload, asked_to_reload) = mpsc::channel(1);
    let stopping = CancellationToken::new();
    let config = config.live();
    let commands = Commands::new(Arc::clone(&config), journal.clone(), link.clone(), ask_to_reload);
    let cx = Arc::new(Context {
        rooms: Rooms::new(link.clone()),
        contacts: Contacts::new(link.clone(), known_hashes, seen_hashes),
        lookalikes: LookalikeIndex::new(journal.clone(), path),
        archive_hint: ArchiveHint::new(link.clone(), hosts),
        limits: ArcSwap::from_pointee(limits),
        early_bounces: EarlyBounces::new(),
        passed_to_rooms: PassedToRooms::new(),
        metrics: Metrics::new(),
        places: Places::new(),
        stopping: stopping.clone(),
        config,
        link,
        journal,
    });
    let (config, link, pulse) = (cx.config.clone(), cx.link.clone(), cx.journal.pulse());
    let health = {
        let (link, pulse) = (link.clone(), pulse.clone());
        move || watchdog::health(&link, &pulse)
    };
    let load = Arc::clone(&reload.load);
    let check = move || {
        let (config, link, pulse) = (config.load_full(), link.clone(), pulse.clone());
        let load = Arc::clone(&load);
        async move {
            let unread = load().map(|new| new.after(&config).1);
            let may_keep_crashing = crash.is_some_and(|crash| crash.may_go_on());
            let running = Running { unread, refused: pulse.refused(), busy: pulse.busy(), may_keep_crashing };
            [check::running(&running), check::server(&config, &link).await].concat()
        }
    };
    let control = control::serve(socket.clone(), check, health);
    let _control = AbortOnDropHandle::new(tokio::spawn(control));
    show_status(&cx);
    tokio::spawn(reload.follow(Arc::clone(&cx), asked_to_reload, stopping.clone()));
    let queue = tokio::spawn(Queue::new(cx, commands, incoming).run(stopping.clone()));

    let done = shutdown::finish(stop, Parts { queue, stopping, connection, close, writer }).await;
    if done.is_ok() {
        control::ended_well(&socket);
    }
    done
}

/// Serves metrics, health and the page, if that is configured, until the relay stops.
fn show_status(cx: &Context) {
    let Some(address) = cx.config.load().metrics.listen else { return };
    let mut registry = Registry::default();
    let own = status::own(&mut registry);
    cx.metrics.register(own);
    cx.limits.load().register(own);
    cx.link.register(own);
    cx.rooms.register(own);
    cx.contacts.register(own);
    let page = StatusPage::new(Arc::clone(&cx.config), cx.link.clone(), cx.journal.pulse(), registry);
    let page = Arc::new(page);
    let serving = http::serve(address, move |question| Arc::clone(&page).answer(question));
    tokio::spawn(cx.stopping.clone().run_until_cancelled_owned(serving));
}
