//! One invitation to many people: who is meant, each of them invited as if alone, one sum at the end. A part is an
//! ordinary invitation with a row of its own, written when its turn comes, so that neither memory nor journal holds more
//! than a few of them, and it has the same checks, claims and limits as any other.
//!
//! Nothing but the journal says how far it has come: whoever begins it again leaves out those who have had their turn.
//! Knows nothing of how a single one is judged and sent.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use jid::BareJid;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::buckets::Answer;
use super::case::{self, Above, Case};
use super::judge;
use super::life::{self, Ended, Life, Setback};
use super::sum::Sum;
use super::tell::tell;
use super::{Relay, membership};
use crate::groups::{Book, Closed, MEMBERS};
use crate::journal::{self, Arrival, Id, Outcome, Payload, Pending, Reason, Route};
use crate::link::AskError;
use crate::rooms::{Age, View};
use crate::wire::muc::Inviter;

/// Invitations to several people that are carried out at a time, the others wait; each holds its list.
const AT_ONCE: usize = 2;
/// Parts that live at a time, of all such invitations together: single ones always find the way free.
const PARTS: usize = 32;
/// How often a room is asked for lists that don't come: they can be so long that they never will, and each time its server
/// writes them out.
const ASKED: u32 = 3;
/// Contacts whose claims are looked up at a time, so that nobody waits long behind it.
const STEP: usize = 256;

/// What invitations to several people share.
#[derive(Debug)]
pub(super) struct Places {
    whole: Semaphore,
    parts: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { whole: Semaphore::new(AT_ONCE), parts: Arc::new(Semaphore::new(PARTS)) }
    }
}

/// What has become of an invitation's parts so far.
pub(super) struct Parts {
    /// The journal may have some.
    begun: AtomicBool,
    /// How often the room was asked for its lists in vain.
    in_vain: AtomicU32,
    sum: OnceLock<Sum>,
}

impl Parts {
    pub(super) fn none_yet() -> Self {
        Self { begun: AtomicBool::new(false), in_vain: AtomicU32::new(0), sum: OnceLock::new() }
    }

    /// An earlier run may have begun with it.
    pub(super) fn perhaps() -> Self {
        Self { begun: AtomicBool::new(true), ..Self::none_yet() }
    }

    /// Once more; whether that is enough.
    fn asked_in_vain(&self) -> bool {
        self.in_vain.fetch_add(1, Ordering::Relaxed) + 1 >= ASKED
    }
}

/// Whether a relay address with this localpart stands for several people.
pub(super) fn is_known(relay: &Relay, localpart: &str) -> bool {
    localpart == MEMBERS
        || relay.config.load().groups.contains_key(localpart)
        || relay.journal.keeps_group(localpart)
}

/// Whether an invitation may be one to several people; a part never is.
pub(super) fn may_be_one(arrival: &Arrival) -> bool {
    arrival.parent.is_none() && matches!(arrival.route, Route::FanOut | Route::Direct)
}

/// Whom an address stands for.
enum Meant {
    Members,
    Group(Vec<BareJid>),
}

/// The inner error is why it stands for nobody.
async fn meant(relay: &Relay, case: &Case) -> Result<Result<Meant, Reason>, Setback> {
    let Some(name) = case.contact.node().map(jid::NodeRef::as_str) else { return Ok(Err(Reason::Malformed)) };
    if name == MEMBERS {
        return Ok(Ok(Meant::Members));
    }
    let config = relay.config.load_full();
    let kept = journal::kept_groups(&config.journal.path).await.map_err(|e| {
        warn!("the groups can't be read: {e}");
        Setback::Again(AskError::Unanswered)
    })?;
    Ok(match Book::new(&config.groups, kept).people(name, case.person()) {
        Ok(people) => Ok(Meant::Group(people)),
        Err(Closed::Nobody) => Err(Reason::Malformed),
        Err(Closed::MayNotUse) => Err(Reason::MayNotUse),
    })
}

/// Those who have had their turn: who is under way, and what became of the others.
#[derive(Default)]
struct Earlier {
    waiting: Vec<Pending>,
    contacts: HashSet<String>,
    sum: Sum,
}

impl Earlier {
    async fn read(relay: &Relay, id: Id) -> Result<Self, Setback> {
        let waiting = relay.journal.children(id).await?;
        let path = relay.config.load().journal.path.clone();
        let ended = journal::ended_children(&path, id).await.map_err(|e| {
            warn!(id, "what became of those who were invited can't be read: {e}");
            Setback::Again(AskError::Unanswered)
        })?;
        let mut earlier = Self { waiting, ..Self::default() };
        earlier.contacts = earlier.waiting.iter().map(|pending| pending.arrival.contact.clone()).collect();
        for (contact, state, reason) in ended {
            earlier.sum.add(state, reason);
            earlier.contacts.insert(contact);
        }
        Ok(earlier)
    }
}

/// Those who are to be invited.
#[derive(Default)]
struct Recipients {
    contacts: Vec<String>,
    already: usize,
}

/// Why there are none.
enum Obstacle {
    Refused(Reason),
    /// Over a limit, and the inviter knows.
    StillOver,
}

impl From<Reason> for Obstacle {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// Invites all who are meant, and ends with the last of them.
pub(super) async fn attempt(relay: &Arc<Relay>, life: &Life, case: &Case) -> Ended {
    let _place = relay.places.whole.acquire().await;
    if let Some(sum) = life.parts.sum.get() {
        return end(relay, life, case, *sum).await;
    }
    let id = life.pending.id;
    let begun = life.parts.begun.swap(true, Ordering::Relaxed);
    let earlier = if begun { Earlier::read(relay, id).await? } else { Earlier::default() };
    let recipients = match recipients(relay, life, case, &earlier).await? {
        Ok(recipients) => recipients,
        // Whoever had been meant when it came has had his turn.
        Err(_) if !earlier.contacts.is_empty() => Recipients::default(),
        Err(Obstacle::Refused(reason)) => return life.refuse(relay, reason, Some(case)).await,
        Err(Obstacle::StillOver) => return life.discard(relay).await,
    };
    carry_out(relay, life, case, earlier, recipients).await
}

/// Time is up: nobody is invited any more who has not had his turn.
pub(super) async fn give_up(relay: &Arc<Relay>, life: &Life, case: &Case) -> Ended {
    let earlier = Earlier::read(relay, life.pending.id).await?;
    if earlier.contacts.is_empty() {
        return life.expire(relay).await;
    }
    carry_out(relay, life, case, earlier, Recipients::default()).await
}

/// Who is to be invited: those who are meant, less the inviter, those inside, those invited inside the window.
async fn recipients(
    relay: &Relay,
    life: &Life,
    case: &Case,
    earlier: &Earlier,
) -> Result<Result<Recipients, Obstacle>, Setback> {
    let meant = match meant(relay, case).await? {
        Ok(meant) => meant,
        Err(reason) => return Ok(Err(reason.into())),
    };
    let invitation = life.invitation(case);
    let (room, inviter) = (&case.room, case.person());
    let of_members = matches!(meant, Meant::Members);
    let view = if of_members || !invitation.vouched() {
        relay.rooms.look_at_all(room, inviter, Age::Fresh).await
    } else {
        relay.rooms.look(room, inviter, Age::Fresh).await
    };
    // What was begun is brought to its end.
    let new = of_members && earlier.contacts.is_empty();
    if new && matches!(view, Err(AskError::Unanswered)) && life.parts.asked_in_vain() {
        warn!(
            id = life.pending.id,
            %room,
            "the room's lists were asked for {ASKED} times and did not come in time: look at the server's load, and \
             whether they are longer than 16 MB"
        );
        return Ok(Err(Reason::NoList.into()));
    }
    let view = view?;
    if !judge::may_invite(&invitation.facts(relay, &view)) {
        return Ok(Err(Reason::MayNotInvite.into()));
    }
    if let Err(obstacle) = within(life.count_room(relay, case)) {
        return Ok(Err(obstacle));
    }
    let people = match meant {
        Meant::Group(people) => people,
        Meant::Members => match view.members() {
            Some(members) => members,
            None => return Ok(Err(Reason::NoList.into())),
        },
    };
    let recipients = narrowed(relay, case, people, &view, earlier).await?;
    Ok(bounded(relay, case, recipients, earlier))
}

async fn narrowed(
    relay: &Relay,
    case: &Case,
    people: Vec<BareJid>,
    view: &View,
    earlier: &Earlier,
) -> Result<Recipients, Setback> {
    let mut already = 0;
    let mut outside = Vec::new();
    for person in people {
        let had_his_turn = earlier.contacts.contains(person.as_str());
        if Some(&person) == case.person() || !case::is_a_person(relay, &person) || had_his_turn {
            continue;
        }
        if view.is_occupant(&person) == Some(true) {
            already += 1;
        } else {
            outside.push(person.to_string());
        }
    }
    outside.sort_unstable();
    let mut contacts = Vec::new();
    for step in outside.chunks(STEP) {
        let held = relay.journal.held(case.room.as_str(), step.iter().map(String::as_str)).await?;
        already += held.iter().filter(|held| **held).count();
        contacts.extend(step.iter().zip(held).filter(|(_, held)| !held).map(|(contact, _)| contact.clone()));
    }
    Ok(Recipients { contacts, already })
}

/// No more than one invitation may reach, and within the limits of everybody. What was begun is brought to its end.
fn bounded(
    relay: &Relay,
    case: &Case,
    mut recipients: Recipients,
    earlier: &Earlier,
) -> Result<Recipients, Obstacle> {
    let most = usize::try_from(relay.config.load().limits.max_recipients).unwrap_or(usize::MAX);
    if !earlier.contacts.is_empty() {
        recipients.contacts.truncate(most.saturating_sub(earlier.contacts.len()));
        return Ok(recipients);
    }
    let count = recipients.contacts.len();
    if count > most {
        return Err(Reason::TooMany.into());
    }
    let inviter = case.person().map(|person| person.as_str());
    within(relay.limits.load().reaching(inviter, case.room.as_str(), count))?;
    Ok(recipients)
}

fn within(answer: Answer) -> Result<(), Obstacle> {
    match answer {
        Answer::Pass => Ok(()),
        Answer::Over => Err(Obstacle::Refused(Reason::RateLimited)),
        Answer::StillOver => Err(Obstacle::StillOver),
    }
}

/// Invites those who have waited since an earlier run, then the others, a few at a time.
async fn carry_out(
    relay: &Arc<Relay>,
    life: &Life,
    case: &Case,
    earlier: Earlier,
    recipients: Recipients,
) -> Ended {
    let id = life.pending.id;
    let vouched = life.invitation(case).vouched();
    let above = Arc::new(Above { address: case.contact.clone(), vouched });
    let mut sum = earlier.sum;
    sum.already += recipients.already;

    let arrival = |contact: String| Arrival {
        route: Route::FanOut,
        room: case.room.to_string(),
        inviter: match &case.inviter {
            Inviter::Person(person) => person.to_string(),
            Inviter::Occupant(nick) => format!("{}/{nick}", case.room),
        },
        contact,
        payload: Payload { origin: None, hand_over: None, ..life.pending.arrival.payload.clone() },
        parent: Some(id),
    };
    let waiting = earlier.waiting.into_iter().map(Part::Waiting);
    let new = recipients.contacts.into_iter().map(|contact| Part::New(arrival(contact)));

    let mut under_way = JoinSet::new();
    let mut all_ended = true;
    let mut count = |ended: Option<Outcome>| match ended {
        Some(outcome) => sum.add(outcome.state, outcome.reason),
        None => all_ended = false,
    };
    let mut stopped = false;
    for part in waiting.chain(new) {
        let place = tokio::select! {
            biased;
            () = relay.last_orders.cancelled() => {
                stopped = true;
                break;
            }
            place = Arc::clone(&relay.places.parts).acquire_owned() => place,
        };
        let (relay, above) = (Arc::clone(relay), Arc::clone(&above));
        under_way.spawn(async move {
            let _place = place;
            live(relay, part, above).await
        });
        while let Some(ended) = under_way.try_join_next() {
            count(ended.ok().flatten());
        }
    }
    while let Some(ended) = under_way.join_next().await {
        count(ended.ok().flatten());
    }
    if stopped || !all_ended {
        return Err(Setback::Stopped);
    }
    let _ = life.parts.sum.set(sum);
    end(relay, life, case, sum).await
}

/// Somebody who is invited as one of several.
enum Part {
    New(Arrival),
    Waiting(Pending),
}

/// Boxed: a part's life has the same type as that of the whole.
fn live(relay: Arc<Relay>, part: Part, above: Arc<Above>) -> BoxFuture<'static, Option<Outcome>> {
    async move {
        let life = match part {
            Part::Waiting(pending) => Life::resumed(pending),
            Part::New(arrival) => Life::new(relay.journal.admit(arrival.clone()).await.ok()?, arrival),
        };
        life::live(relay, life.part_of(&above)).await
    }
    .boxed()
}

/// Everybody has had his turn: the room is rid of the address, the inviter is told, once.
async fn end(relay: &Relay, life: &Life, case: &Case, sum: Sum) -> Ended {
    let view = match relay.rooms.look(&case.room, case.person(), Age::Recent).await {
        Err(AskError::Lost) => return Err(AskError::Lost.into()),
        answer => answer.ok(),
    };
    if life.invitation(case).vouched() && view.is_some_and(|view| view.kind().members_only == Some(true)) {
        membership::take_off(relay, &case.room, case.person(), &case.contact).await;
    }
    let id = life.pending.id;
    debug!(
        id,
        invited = sum.invited,
        already = sum.already,
        failed = sum.failed,
        "everybody has had his turn"
    );
    tell(relay, &life.pending, &sum.told()).await?;
    let outcome = sum.outcome(id, case.person().map(ToString::to_string));
    relay.journal.settle(outcome.clone()).await?;
    Ok(outcome)
}
