//! What a room says: its kind, who is what to it, who is in it; and making somebody a member of it (XEP-0045 §9).
//!
//! A room is asked in the inviter's name where their server granted that (XEP-0356), else as a service admin. What
//! neither may know stays unknown. Answers are kept for a short time, our own changes are in them at once.
//!
//! Knows nothing of the journal, nor why somebody wants to know.

mod query;
mod snapshot;

pub use snapshot::{Kind, Snapshot};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::link::{AskError, Link};
use crate::telemetry::metrics::{Lookups, Registry};
use crate::wire::muc::{self, Affiliation};
use crate::wire::{Condition, Iq, IqPayload, IqType, StanzaError};

/// How long an answer is good for.
const RECENT_FOR: Duration = Duration::from_secs(15);
/// How old it may be when something depends on it that can't be undone: a refusal, a change.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// Rooms (and inviters asking them) that are remembered.
const MAX_CACHED_ROOMS: u64 = 1000;
/// People who are known of all of them together, some 100 bytes each: when there are more, everything is forgotten.
const MAX_CACHED_PEOPLE: usize = 200_000;
/// A room that nobody asked for is forgotten after this time.
const CACHED_ROOM_IDLE_TIME: Duration = Duration::from_secs(60);

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Some seconds.
    Recent,
    /// As good as now.
    Fresh,
    /// From this moment or later.
    Since(Instant),
    /// As good as now, and from this moment or later.
    FreshSince(Instant),
}

/// By whose rights a room is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// The inviter's alone.
    Inviters,
    /// The inviter's, and the relay's own where the inviter's are not enough.
    Any,
}

/// Who asks a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asker {
    /// A user, by privileged IQ.
    Inviter(BareJid),
    /// The component.
    Relay,
}

/// Where a view is kept; locked while the room is being asked.
type Place = Mutex<Option<Arc<Snapshot>>>;

/// Rooms, asked through a link.
#[derive(Debug, Clone)]
pub struct Rooms {
    link: Link,
    remembered: moka::sync::Cache<(BareJid, Asker), Arc<Place>>,
    people: Arc<AtomicUsize>,
    lookups: Lookups,
}

impl Rooms {
    /// Rooms as they are seen through this link.
    #[must_use]
    pub fn new(link: Link) -> Self {
        let remembered = moka::sync::Cache::builder()
            .max_capacity(MAX_CACHED_ROOMS)
            .time_to_idle(CACHED_ROOM_IDLE_TIME)
            .build();
        Self { link, remembered, people: Arc::default(), lookups: Lookups::default() }
    }

    /// Registers what is counted of rooms.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How often a room was looked at, and whether what was known of it was good enough";
        self.lookups.register(registry, "room_lookups", help);
    }

    /// What the room says to this inviter (`None`: to the relay itself). Many who ask at once cause one question.
    ///
    /// # Errors
    /// The link was lost, or the room did not answer.
    pub async fn look(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: Age,
    ) -> Result<Arc<Snapshot>, AskError> {
        self.see(room, inviter, age, false).await
    }

    /// Like [`Self::look`], and it is known of everybody who is something to the room, of an open room, too.
    ///
    /// # Errors
    /// See [`Self::look`].
    pub async fn look_at_all(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: Age,
    ) -> Result<Arc<Snapshot>, AskError> {
        self.see(room, inviter, age, true).await
    }

    async fn see(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        age: Age,
        everybody: bool,
    ) -> Result<Arc<Snapshot>, AskError> {
        let asker = self.asker(inviter);
        let place = self.remembered.get_with((room.clone(), asker.clone()), Arc::default);
        let mut place = place.lock().await;
        let good = |view: &Snapshot| match age {
            Age::Recent => view.taken.elapsed() <= RECENT_FOR,
            Age::Fresh => view.taken.elapsed() <= FRESH_FOR,
            Age::Since(moment) => view.taken >= moment,
            Age::FreshSince(moment) => view.taken >= moment && view.taken.elapsed() <= FRESH_FOR,
        } && (view.complete || !everybody);
        if let Some(view) = &*place
            && good(view)
        {
            self.lookups.hit();
            return Ok(Arc::clone(view));
        }
        if asker != Asker::Relay
            && let Some(view) = self.own_whole_view(room)
            && good(&view)
        {
            self.lookups.hit();
            return Ok(view);
        }
        self.lookups.miss();
        // On the heap, as it is rare: what only looks at a view should not carry room for a survey.
        let view = Arc::new(Box::pin(query::survey(self, room, &asker, everybody, place.as_deref())).await?);
        *place = Some(Arc::clone(&view));
        if self.people.load(Ordering::Relaxed) > MAX_CACHED_PEOPLE {
            self.remembered.invalidate_all();
        }
        Ok(view)
    }

    /// What the room has told the relay itself, if it kept nothing back: an inviter, in whose name the room would be asked for
    /// the same, and the relay where they are refused, is told no more.
    fn own_whole_view(&self, room: &BareJid) -> Option<Arc<Snapshot>> {
        let place = self.remembered.get(&(room.clone(), Asker::Relay))?;
        // While the room is being asked, it is quicker to ask as well.
        let view = place.try_lock().ok()?;
        view.as_ref().filter(|view| view.whole).map(Arc::clone)
    }

    /// The real address of an occupant, as far as the relay itself may see it: of the one who has this nick now, at `moment`
    /// or later. Before that it may have been somebody else's.
    ///
    /// # Errors
    /// See [`Self::look`].
    pub async fn occupant(
        &self,
        room: &BareJid,
        nick: &str,
        moment: Instant,
    ) -> Result<Option<BareJid>, AskError> {
        // A room that has just not told us will not tell us now.
        if !self.look(room, None, Age::Recent).await?.shows_occupants() {
            return Ok(None);
        }
        Ok(self.look(room, None, Age::Since(moment)).await?.person(nick))
    }

    /// Makes somebody a member who is nothing to the room yet. The caller has made sure of that with a fresh look, and for
    /// [`Rights::Any`] that this inviter may have members made.
    ///
    /// # Errors
    /// `Refused` where these rights are not enough; else see [`AskError`].
    pub async fn add_member(
        &self,
        room: &BareJid,
        inviter: Option<&BareJid>,
        person: &BareJid,
        rights: Rights,
    ) -> Result<(), AskError> {
        self.set(room, inviter, person, Affiliation::Member, rights).await
    }

    /// Takes somebody off the member list, by any rights: nobody is given anything by that.
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
            if let Some(place) = self.remembered.get(&(room.clone(), asker))
                && let Some(view) = &*place.lock().await
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

    /// Asks a room as this asker; as the relay where the inviter may not.
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

fn forbidden() -> AskError {
    AskError::Refused(StanzaError::new(Condition::Forbidden, None))
}
