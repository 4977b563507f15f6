//! The relay while it works: starts its parts, connects them with each other, and ends them. Knows nothing of what comes before and
//! after: another relay may have worked, or may take over.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::error::RunError;
use super::orders::Orders;
use super::reload::Reload;
use super::settings::link_settings;
use super::shutdown::{self, Ended, Parts};
use super::{client_caps, control, no_link, restore, watchdog};
use crate::check::{self, AskedBy, Running};
use crate::commands::Commands;
use crate::config::Config;
use crate::contacts::{Contacts, Verified};
use crate::journal::{Journal, JournalReader, OpenError};
use crate::link;
use crate::model::LateArrival;
use crate::relay::context::Context;
use crate::relay::limits::Limits;
use crate::relay::queue::Queue;
use crate::relay::settle::leftovers::Leftovers;
use crate::status::{self, StatusPage};
use crate::telemetry::http;
use crate::telemetry::metrics::Registry;

/// How long the check of the server may take; the answer must reach the command `check` in time.
const CHECK_TIMEOUT: Duration = Duration::from_secs(7);

/// How long a check waits for the names of the relays that stand by.
const STANDBYS_TIMEOUT: Duration = Duration::from_secs(2);

/// What another time needs that this one had.
pub(super) struct Left {
    /// As it was read last.
    pub(super) config: Config,
    pub(super) reload: Reload,
    /// What had come in, and is to go to the relay that leads.
    pub(super) late: Vec<LateArrival>,
}

/// What an earlier run had in memory, from the journal.
pub(super) struct Restored {
    limits: Limits,
    leftovers: Leftovers,
    known_hashes: Vec<Verified>,
}

/// Reads what an earlier run had in memory.
///
/// # Errors
/// The journal can't be read.
pub(super) async fn restore(config: &Config, journal: &Journal) -> Result<Restored, OpenError> {
    let recent = restore::recent(config).await?;
    let limits = restore::limits(config, &recent);
    let leftovers = restore::leftovers(&recent, journal.looked());
    drop(recent);
    Ok(Restored { limits, leftovers, known_hashes: client_caps::known(&config.journal.place).await? })
}

/// Relays until `stop` resolves, or another relay has taken the lead, or should: this one has had no link for `patience`. Then it
/// accepts nothing more, waits up to 5 s for invitations in progress, and closes the stream. Those that have not settled by then
/// wait in the journal.
///
/// # Errors
/// See [`super::run`].
pub(super) async fn lead(
    Left { config, reload, .. }: Left,
    (journal, writer): (Journal, JoinHandle<Result<(), OpenError>>),
    restored: Restored,
    crash: Option<control::Crash>,
    patience: Duration,
    stop: impl Future<Output = ()>,
) -> Result<(Ended, Left), RunError> {
    let place = config.journal.place.clone();
    let socket = config.journal.socket.clone();
    let Restored { limits, leftovers, known_hashes } = restored;
    let seen_hashes = client_caps::record(journal.clone());

    let (link, incoming, task) = link::new(link_settings(&config));
    let task = task.under(journal.lease());
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
    let reader = JournalReader::new(&place);
    let check = move || {
        let reader = reader.clone();
        let (config, link, writer_health) = (config.load_full(), link.clone(), writer_health.clone());
        let load = Arc::clone(&load);
        async move {
            let deadline = Instant::now() + CHECK_TIMEOUT;
            // Who stands by is not worth waiting for.
            let standbys = match timeout(STANDBYS_TIMEOUT, reader.leader()).await {
                Ok(Ok(Some(leader))) => Some(leader.standbys),
                _ => None,
            };
            let unread = load().map(|new| new.after(&config).1);
            let may_keep_crashing = crash.is_some_and(|crash| crash.may_repeat());
            let running = Running {
                unread,
                refused: writer_health.refused(),
                busy: writer_health.busy(),
                may_keep_crashing,
                standbys,
            };
            [check::running(&running), check::server(&config, &link, deadline, AskedBy::TheRelay).await]
                .concat()
        }
    };
    let orders = move |order| Arc::clone(&orders).carry_out(order);
    let control = control::serve(socket.clone(), check, health, orders);
    let control = AbortOnDropHandle::new(tokio::spawn(control));
    let status = show_status(&cx);
    let reload = tokio::spawn(reload.run(Arc::clone(&cx), asked_to_reload, stopping.clone()));
    let give_up = no_link::lasts(cx.link.clone(), place, patience);
    let live = Arc::clone(&cx.config);
    let queue = tokio::spawn(
        Queue::new(cx, commands, incoming, asked_to_invite).run(stopping.clone(), close.clone()),
    );

    let parts = Parts { queue, stopping, connection, close, writer, control };
    let (ended, late) = shutdown::finish(stop, give_up, parts).await?;
    if let Some(status) = status {
        // So that the address is free.
        status.abort();
        let _ = status.await;
    }
    let reload = reload.await.map_err(|_| RunError::Fault("what reads the configuration again"))?;
    Ok((ended, Left { config: Config::clone(&live.load()), reload, late }))
}

/// Serves metrics, health and the page, if that is configured, until the relay stops.
fn show_status(cx: &Context) -> Option<AbortOnDropHandle<()>> {
    let address = cx.config.load().metrics.listen?;
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
    let stopping = cx.stopping.clone();
    let serving = async move {
        let _ = stopping.run_until_cancelled(serving).await;
    };
    Some(AbortOnDropHandle::new(tokio::spawn(serving)))
}
