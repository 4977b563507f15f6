//! What a room says: its kind, affiliations, occupants; and adding or removing a member (XEP-0045 §9).
//!
//! A room is asked in the inviter's name if their server granted that (XEP-0356), else as a service admin. What neither
//! may know stays unknown. Answers are shared for a second, by those who ask on the same connection, and include the
//! relay's own changes at once.
//!
//! Knows nothing of the journal, nor of why a room is asked.

mod asker;
mod query;
mod relay_addresses;
mod snapshot;

pub use snapshot::{Kind, Snapshot};

use asker::Asker;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::link::{AskError, Epoch, Link, Lost};
use crate::telemetry::metrics::{Lookups, Registry};
use crate::wire::muc::{self, Affiliation};
use crate::wire::{Condition, Iq, IqPayload, IqType, StanzaError};

/// For how long a snapshot counts as [`MaxAge::Fresh`].
const SNAPSHOT_FRESH_FOR: Duration = Duration::from_secs(1);
/// For how many times the time that the room took to answer it counts as [`MaxAge::Shared`], so that a fan-out in a large room
/// keeps the server busy with its lists for a tenth of the time at most.
const SHARED_FOR_TIMES: u32 = 10;
/// For how long a room that did not answer is not asked again. Shorter than the pause before an attempt is repeated, so that
/// the repetition asks.
const SILENCE_SHARED_FOR: Duration = Duration::from_secs(4);
/// Cached snapshots, one for each room and asker.
const MAX_CACHED_ROOMS: u64 = 1000;
/// People in all snapshots together, about 100 bytes each. When there are more, the cache is emptied.
const MAX_CACHED_PEOPLE: usize = 200_000;
/// A snapshot that was not used for this time leaves the cache.
const ROOM_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How old an answer may be when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxAge {
    /// At most 1 s.
    Fresh,
    /// At most 1 s, or ten times as long as the room took to answer, if that is longer.
    Shared,
    /// Taken at this moment or later.
    Since(Instant),
    /// At most 1 s, and taken at this moment or later.
    FreshSince(Instant),
}

/// By whose rights a room is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The inviter's only.
    Inviters,
    /// The inviter's, then the relay's own if the inviter's are not enough.
    Any,
}

/// What is cached of a room; locked while the room is being asked.
type Place = Mutex<Cached>;

/// The last snapshot of a room, and whether the room has answered since.
#[derive(Debug, Default)]
struct Cached {
    view: Option<Arc<Snapshot>>,
    /// How the room last failed to answer, when and on which connection; `None` once it has answered.
    silent: Option<(Epoch, Instant, AskError)>,
}

/// Rooms, asked through a link.
#[derive(Debug, Clone)]
pub struct Rooms {
    link: Link,
    cached: moka::sync::Cache<(BareJid, Asker), Arc<Place>>,
    /// People in all snapshots: see [`MAX_CACHED_PEOPLE`].
    people: Arc<AtomicUsize>,
    lookups: Lookups,
}

impl Rooms {
    /// Asks rooms through this link.
    #[must_use]
    pub fn new(link: Link) -> Self {
        let cached = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_ROOMS)
            .time_to_idle(ROOM_IDLE_TIMEOUT)
            .build();
        Self { link, cached, people: Arc::default(), lookups: Lookups::default() }
    }

    /// Registers the metrics of this module.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How often a room was looked at, and whether what was known of it was good enough";
        self.lookups.register(registry, "room_lookups", help);
    }

    /// What the room tells this inviter (`None`: the relay itself). Callers that ask at the same time share one query, also if
    /// it is not answered. Of an open room only the ban list is sure to be included, not the other affiliations.
    ///
    /// # Errors
    /// [`AskError::Lost`]: the link was lost. [`AskError::Unanswered`]: the room did not answer.
    pub async fn look(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: MaxAge,
    ) -> Result<Arc<Snapshot>, AskError> {
        self.see(room, inviter, age, false).await
    }

    /// Like [`Self::look`], with all affiliations, of an open room as well.
    ///
    /// # Errors
    /// See [`Self::look`].
    pub async fn look_at_all(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: MaxAge,
    ) -> Result<Arc<Snapshot>, AskError> {
        self.see(room, inviter, age, true).await
    }

    async fn see(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: MaxAge,
        everybody: bool,
    ) -> Result<Arc<Snapshot>, AskError> {
        let now = Instant::now();
        let on = self.link.epoch().map_err(|Lost| AskError::Lost)?;
        let asker = self.asker(inviter);
        let place = self.cached.get_with((room.clone(), asker.clone()), Arc::default);
        let mut place = place.lock().await;
        let good =
            |view: &Snapshot| view.on == on && (view.complete || !everybody) && young_enough(view, age, now);
        if let Some(view) = &place.view
            && good(view)
        {
            self.lookups.hit();
            return Ok(Arc::clone(view));
        }
        if asker != Asker::Relay
            && let Some(view) = self.own_unrestricted_snapshot(room)
            && good(&view)
        {
            self.lookups.hit();
            return Ok(view);
        }
        if let Some((silent_on, at, error)) = &place.silent
            && *silent_on == on
            && *at + SILENCE_SHARED_FOR >= now
        {
            return Err(error.clone());
        }
        self.lookups.miss();
        // On the heap: a query is rare, and would make the future of every look larger.
        let survey = Box::pin(query::survey(self, room, &asker, on, everybody, place.view.as_deref())).await;
        place.silent = match &survey {
            Err(error @ (AskError::Unanswered | AskError::Unreadable)) => {
                Some((on, Instant::now(), error.clone()))
            }
            _ => None,
        };
        let view = Arc::new(survey?);
        place.view = Some(Arc::clone(&view));
        if self.people.load(Ordering::Relaxed) > MAX_CACHED_PEOPLE {
            self.cached.invalidate_all();
        }
        Ok(view)
    }

    /// What the room has told the relay itself, if it refused nothing. An inviter would not be told more than that, so it
    /// need not be asked in their name.
    fn own_unrestricted_snapshot(&self, room: &BareJid) -> Option<Arc<Snapshot>> {
        let place = self.cached.get(&(room.clone(), Asker::Relay))?;
        // While another task asks the room, asking as well is quicker than waiting.
        let view = place.try_lock().ok()?;
        view.view.as_ref().filter(|view| view.whole).map(Arc::clone)
    }

    /// The last snapshot that is at most 1 s old, if there is one. Asks nobody.
    #[must_use]
    pub fn seen_just_now(&self, room: &BareJid, inviter: Option<&BareJid>) -> Option<Arc<Snapshot>> {
        let on = self.link.epoch().ok()?;
        let askers = [self.asker(inviter), Asker::Relay];
        askers.into_iter().find_map(|asker| {
            let place = self.cached.get(&(room.clone(), asker))?;
            let view = place.try_lock().ok()?;
            let good =
                |view: &&Arc<Snapshot>| view.on == on && young_enough(view, MaxAge::Fresh, Instant::now());
            view.view.as_ref().filter(good).map(Arc::clone)
        })
    }

    /// The addresses on the component, its bare domain among them, that a members-only room has as members now. A room that
    /// is not members-only is asked only for that, and gives none.
    ///
    /// # Errors
    /// See [`Self::look`].
    pub async fn relay_addresses(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
    ) -> Result<Vec<BareJid>, AskError> {
        query::relay_addresses(self, room, &self.asker(inviter)).await
    }

    /// The real bare JID of the occupant who has this nick at `moment` or later; `None` if nobody has it, or the relay itself
    /// may not see it. An older snapshot is not used, since the nick may have belonged to somebody else then.
    ///
    /// # Errors
    /// See [`Self::look`].
    pub async fn occupant(
        &self,
        room: &BareJid,
        nick: &str,
        moment: Instant,
    ) -> Result<Option<BareJid>, AskError> {
        Ok(self.look(room, None, MaxAge::Since(moment)).await?.person(nick))
    }

    /// Makes a person a member. The caller has checked with a fresh look that the person has no affiliation, and for
    /// [`Rights::Any`] that this inviter may have members added.
    ///
    /// # Errors
    /// [`AskError::Refused`]: these rights are not enough; else see [`AskError`].
    pub async fn add_member(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        person: &BareJid,
        rights: Rights,
    ) -> Result<(), AskError> {
        self.set(room, inviter, person, Affiliation::Member, rights).await
    }

    /// Takes a person off the member list, by [`Rights::Any`], since this grants nothing to anybody.
    ///
    /// # Errors
    /// See [`Self::add_member`].
    pub async fn remove_member(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        person: &BareJid,
    ) -> Result<(), AskError> {
        self.set(room, inviter, person, Affiliation::None, Rights::Any).await
    }

    async fn set(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        person: &BareJid,
        affiliation: Affiliation,
        rights: Rights,
    ) -> Result<(), AskError> {
        let asker = self.asker(inviter);
        let change = || muc::set_affiliation(person, affiliation, None);
        match (rights, &asker) {
            (Rights::Any, _) => self.ask(room, &asker, IqType::Set, change).await?,
            (Rights::Inviters, Asker::Inviter(inviter)) => {
                self.link.ask_as(inviter, room.as_str(), IqType::Set, change()).await?
            }
            (Rights::Inviters, Asker::Relay) => return Err(forbidden()),
        };
        for asker in [asker, Asker::Relay] {
            if let Some(place) = self.cached.get(&(room.clone(), asker))
                && let Some(view) = &place.lock().await.view
            {
                view.changed(person, affiliation);
            }
        }
        Ok(())
    }

    fn asker(&self, inviter: Option<&BareJid>) -> Asker {
        match inviter {
            Some(inviter)
                if self.link.grants(inviter.domain().as_str()).is_some_and(|grants| grants.muc_admin) =>
            {
                Asker::Inviter(inviter.clone())
            }
            _ => Asker::Relay,
        }
    }

    /// Asks a room as this asker, then as the relay if the inviter was refused or got no answer.
    async fn ask(
        &self,
        room: &BareJid,
        asker: &Asker,
        kind: IqType,
        payload: impl Fn() -> IqPayload,
    ) -> Result<Iq, AskError> {
        if let Asker::Inviter(inviter) = asker {
            match self.link.ask_as(inviter, room.as_str(), kind, payload()).await {
                Err(AskError::Refused(_) | AskError::Unanswered) => {}
                answer => return answer,
            }
        }
        self.link.ask(room.as_str(), kind, payload()).await
    }
}

/// Whether a snapshot is young enough for those who asked at this moment. They may have waited since, while the room was
/// being asked for others.
fn young_enough(view: &Snapshot, age: MaxAge, asked: Instant) -> bool {
    let within = |time| view.taken + time >= asked;
    match age {
        MaxAge::Fresh => within(SNAPSHOT_FRESH_FOR),
        MaxAge::Shared => within(SNAPSHOT_FRESH_FOR.max(view.took * SHARED_FOR_TIMES)),
        MaxAge::Since(moment) => view.taken >= moment,
        MaxAge::FreshSince(moment) => view.taken >= moment && within(SNAPSHOT_FRESH_FOR),
    }
}

fn forbidden() -> AskError {
    AskError::Refused(StanzaError::new(Condition::Forbidden, None))
}
