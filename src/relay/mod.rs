//! An invitation's life: from the moment it is read until it is settled. [`run`] starts the whole product; the binary
//! and the tests call the very same function.
//!
//! Knows nothing of SQL and sockets.

mod answers;
mod archive;
mod bounce;
mod buckets;
mod case;
mod counts;
mod delivery;
mod ends;
mod fan_out;
mod handover;
mod hashes;
mod intake;
pub mod judge;
mod life;
mod limits;
mod membership;
mod mimicry;
mod payload;
mod reading;
mod reload;
mod sender;
mod sum;
mod tell;
mod through_room;
mod vigil;
mod wishes;
mod words;

pub use reload::{Load, Reload};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::checkup::{self, Running, control};
use crate::config::{Config, Live};
use crate::contacts::Contacts;
use crate::journal::{self, Journal, Keep, OpenError, Reason, Record, Route, State};
use crate::link::{self, Link, Refused, own_hosts};
use crate::ops::count::Registry;
use crate::ops::{http, manager};
use crate::rooms::Rooms;
use crate::service::Commands;
use crate::watch::{self, Watch};

/// So many of the newest invitations are counted against the limits after a restart.
const REMEMBERED: u32 = 10_000;

/// So many hashes of clients may wait to be written down.
const HASHES: usize = 64;

/// What is under way has this long to settle when the relay is told to stop.
const LAST_ORDERS: Duration = Duration::from_secs(5);

/// Why the relay ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The server refused us and never let us in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A part of the relay stopped that must not: a fault of ours.
    #[error("internal fault: {0} ended. Please report this with the log before it")]
    Fault(&'static str),
}

/// What reaches the relay from outside while it runs.
#[derive(Debug)]
pub struct Outside<Stop> {
    /// Resolves when it is to stop.
    pub stop: Stop,
    /// What it does when it is to read its configuration again.
    pub reload: Reload,
}

/// What an invitation's life needs; shared by all of them.
#[derive(Debug)]
struct Relay {
    config: Live,
    link: Link,
    journal: Journal,
    rooms: Rooms,
    contacts: Contacts,
    archive: archive::Archive,
    looks: mimicry::Looks,
    limits: ArcSwap<limits::Limits>,
    early: bounce::Early,
    passing: through_room::Passing,
    counts: counts::Counts,
    commands: Commands,
    places: fan_out::Places,
    /// Cancelled when the relay stops: nothing is begun any more.
    last_orders: CancellationToken,
}

/// Relays until it is to stop: then takes nothing more, settles what is under way (5 s at most) and closes the
/// stream. What is not settled by then waits in the journal for the next start.
///
/// # Errors
/// See [`RunError`].
pub async fn run(config: Config, outside: Outside<impl Future<Output = ()>>) -> Result<(), RunError> {
    let keep = keep(&config);
    let socket = control::socket_of(&config.journal.path);
    let crash = control::Crash::before(&socket);
    let (journal, writer) = Journal::open(&config.journal.path, keep).await?;
    info!(path = %config.journal.path.display(), "the journal is open");
    let writer = tokio::spawn(writer.run_apart());
    let limits = remember(&config).await?;
    let known_hashes = hashes::known(&config.journal.path).await?;
    let (seen, seen_hashes) = mpsc::channel(HASHES);
    tokio::spawn(hashes::keep(journal.clone(), seen_hashes));

    let settings = link_settings(&config);
    let hosts = hosts(&config);
    let (link, incoming, task) = link::new(settings);
    let (reload, asked_to_reload) = mpsc::channel(1);
    let _vigil = AbortOnDropHandle::new(tokio::spawn(vigil::keep(link.clone(), journal.pulse())));
    let close = CancellationToken::new();
    let connection = tokio::spawn(task.run(close.clone()));

    let last_orders = CancellationToken::new();
    let config = config.live();
    let relay = Arc::new(Relay {
        rooms: Rooms::new(link.clone()),
        contacts: Contacts::new(link.clone(), known_hashes, seen),
        looks: mimicry::Looks::new(),
        archive: archive::Archive::new(link.clone(), hosts),
        limits: ArcSwap::from_pointee(limits),
        early: bounce::Early::new(),
        passing: through_room::Passing::new(),
        counts: counts::Counts::new(),
        commands: Commands::new(Arc::clone(&config), journal.clone(), link.clone(), reload),
        places: fan_out::Places::new(),
        last_orders: last_orders.clone(),
        config,
        link,
        journal,
    });
    let (config, link, pulse) = (relay.config.clone(), relay.link.clone(), relay.journal.pulse());
    let Outside { stop, reload } = outside;
    let health = {
        let (link, pulse) = (link.clone(), pulse.clone());
        move || vigil::health(&link, &pulse)
    };
    let load = Arc::clone(&reload.load);
    let check = move || {
        let (config, link, pulse) = (config.load_full(), link.clone(), pulse.clone());
        let load = Arc::clone(&load);
        async move {
            let unread = load().map(|new| new.after(&config).1);
            let running = Running { unread, refused: pulse.refused(), busy: pulse.busy(), crash };
            [checkup::running(&running), checkup::server(&config, &link).await].concat()
        }
    };
    let control = control::serve(socket.clone(), check, health);
    let _control = AbortOnDropHandle::new(tokio::spawn(control));
    show(&relay, &last_orders);
    tokio::spawn(reload.follow(Arc::clone(&relay), asked_to_reload, last_orders.clone()));
    let intake = tokio::spawn(intake::Intake::new(Arc::clone(&relay), incoming).run(last_orders.clone()));
    drop(relay);

    let done = finish(stop, last_orders, intake, close, connection, writer).await;
    if done.is_ok() {
        control::ended_well(&socket);
    }
    done
}

/// Shows what there is to see, if it is configured, until it is time to stop.
fn show(relay: &Relay, last_orders: &CancellationToken) {
    let Some(address) = relay.config.load().metrics.listen else { return };
    let mut registry = Registry::default();
    let own = watch::own(&mut registry);
    relay.counts.register(own);
    relay.limits.load().register(own);
    relay.link.register(own);
    relay.rooms.register(own);
    relay.contacts.register(own);
    let watch = Watch::new(Arc::clone(&relay.config), relay.link.clone(), relay.journal.pulse(), registry);
    let watch = Arc::new(watch);
    let serving = http::serve(address, move |question| Arc::clone(&watch).answer(question));
    tokio::spawn(last_orders.clone().run_until_cancelled_owned(serving));
}

/// How long the journal keeps things.
fn keep(config: &Config) -> Keep {
    Keep { window: config.relay.window, retention: config.journal.retention }
}

/// The server's own hosts.
fn hosts(config: &Config) -> Vec<String> {
    let services = config.muc.services.iter().map(String::as_str);
    own_hosts(&config.component.jid, services, &config.muc.hand_over_from)
}

/// What the link needs to know of the configuration.
#[must_use]
pub fn link_settings(config: &Config) -> link::Settings {
    let as_written = |domain: String| config.as_written(&domain);
    link::Settings {
        component: config.component.written.clone(),
        secret: config.component.secret.clone(),
        server: config.component.server.clone(),
        hosts: hosts(config).into_iter().map(as_written).collect(),
        services: config.muc.services.iter().cloned().map(as_written).collect(),
    }
}

/// Buckets as an earlier run left them, as far as the journal remembers.
async fn remember(config: &Config) -> Result<limits::Limits, OpenError> {
    let limits = limits::Limits::new(&config.limits, config.relay.window);
    let now = Utc::now();
    let mut recent = journal::recent(&config.journal.path, REMEMBERED).await?;
    recent.retain(|record| !matches!(record.reason, Some(Reason::Untrusted | Reason::RateLimited)));
    // The oldest first, as they came.
    for record in recent.iter().rev() {
        count_again(&limits, record, now);
    }
    Ok(limits)
}

/// Counts what an earlier run has counted, and what is under way only as far as its own life will not.
fn count_again(limits: &limits::Limits, record: &Record, now: DateTime<Utc>) {
    let ago = (now - record.received).to_std().unwrap_or_default();
    let under_way = record.state == State::Pending;
    let sent = (under_way && record.route == Route::HandedOver)
        || matches!(record.state, State::Relayed | State::Failed)
        || matches!(
            record.reason,
            Some(Reason::Blocked | Reason::OptedOut | Reason::Stranger | Reason::Mimicry)
        );
    if record.parent.is_some() {
        limits.remember_part(ago, &record.inviter, &record.room, &record.contact, sent);
        return;
    }
    // Who had no business in a room has used up none of its measure.
    let direct = record.route == Route::Direct;
    let no_business = direct && record.reason == Some(Reason::MayNotInvite);
    let later = under_way && (direct || case::masked(&record.inviter).is_some());
    let room = (!no_business && !later).then_some(&*record.room);
    limits.remember(ago, &record.inviter, room, &record.contact, sent);
}

/// Waits for the end, and ends things in order: invitations, stream, journal.
async fn finish(
    stop: impl Future<Output = ()>,
    last_orders: CancellationToken,
    mut intake: JoinHandle<()>,
    close: CancellationToken,
    mut connection: JoinHandle<Result<(), Refused>>,
    mut writer: JoinHandle<Result<(), OpenError>>,
) -> Result<(), RunError> {
    let early = tokio::select! {
        () = stop => {
            manager::stopping();
            info!("stopping: what is under way has {} s to settle", LAST_ORDERS.as_secs());
            None
        }
        e = failure(&mut connection, &mut writer) => Some(e),
        // It ends with the link or the journal, and they know why.
        _ = &mut intake => Some(
            timeout(LAST_ORDERS, failure(&mut connection, &mut writer))
                .await
                .unwrap_or(RunError::Fault("the intake")),
        ),
    };

    last_orders.cancel();
    if early.is_none() && timeout(LAST_ORDERS, &mut intake).await.is_err() {
        warn!("not everything has settled: it waits in the journal for the next start");
    }
    close.cancel();
    if !connection.is_finished() && timeout(LAST_ORDERS, &mut connection).await.is_err() {
        connection.abort();
    }
    intake.abort();
    // The last handle to the journal is gone with the intake: the writer empties its queue and closes the file.
    if !writer.is_finished() && timeout(LAST_ORDERS, &mut writer).await.is_err() {
        error!("the journal did not close in time; nothing is lost, it is recovered at the next start");
    }
    match early {
        Some(e) => Err(e),
        None => Ok(()),
    }
}

/// Why the link or the journal's writer ended by itself.
async fn failure(
    connection: &mut JoinHandle<Result<(), Refused>>,
    writer: &mut JoinHandle<Result<(), OpenError>>,
) -> RunError {
    tokio::select! {
        biased;
        ended = &mut *connection => link_failure(ended),
        ended = writer => match ended {
            Ok(Err(e)) => e.into(),
            // It closed because nobody needs it any more: the link has ended, and knows why.
            Ok(Ok(())) => link_failure(connection.await),
            Err(_) => RunError::Fault("the journal's writer"),
        },
    }
}

fn link_failure(ended: Result<Result<(), Refused>, JoinError>) -> RunError {
    match ended {
        Ok(Err(refused)) => refused.into(),
        _ => RunError::Fault("the link"),
    }
}

/// The id under which the direct invitation is sent, again and again if need be.
fn message_id(instance: &str, id: journal::Id) -> String {
    format!("{instance}-{id}")
}

/// Undoes [`message_id`].
fn invitation_id(instance: &str, message_id: &str) -> Option<journal::Id> {
    message_id.strip_prefix(instance)?.strip_prefix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_are_this_journals_own() {
        let id = message_id("0123abcd", 42);
        assert_eq!(invitation_id("0123abcd", &id), Some(42));
        for strange in ["", "0123abcd", "0123abcd-", "0123abcd-x", "ffff0000-42", "0123abcd42"] {
            assert_eq!(invitation_id("0123abcd", strange), None, "{strange}");
        }
    }

    #[test]
    fn what_is_under_way_is_left_to_its_own_life() {
        let hour = Duration::from_secs(3600);
        let rate = crate::config::Rate { count: 1, per: hour };
        let config = crate::config::Limits {
            per_inviter: rate,
            per_domain: rate,
            per_contact: rate,
            per_room: rate,
            max_recipients: 1,
        };
        let now = Utc::now();
        for (route, state, sent) in [
            (Route::Addressed, State::Pending, false),
            (Route::FanOut, State::Pending, false),
            (Route::HandedOver, State::Pending, true),
            (Route::Addressed, State::Relayed, true),
        ] {
            let limits = limits::Limits::new(&config, hour);
            let [room, inviter, contact] =
                ["tea@c.example", "alice@example.org", "bob@example.org"].map(String::from);
            let record = Record {
                id: 1,
                received: now,
                settled: None,
                route,
                room,
                inviter,
                contact,
                state,
                reason: None,
                sent_as: None,
                parent: (route == Route::FanOut).then_some(0),
            };
            count_again(&limits, &record, now);
            let over = limits.sending("bob@example.org") != buckets::Answer::Pass;
            assert_eq!(over, sent, "{route} {state}");
        }
    }
}
