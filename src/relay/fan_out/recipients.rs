//! Finds the recipients of a fan-out: the people behind the group address, without those who need no invitation, within
//! the limits. Knows nothing of how they are invited.

use std::sync::Arc;

use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::warn;

use super::earlier::Earlier;
use crate::config::Membership;
use crate::journal::JournalReader;
use crate::link::AskError;
use crate::model::Reason;
use crate::model::address;
use crate::model::group::{Book, MEMBERS, NotUsable};
use crate::relay::claim::password_of;
use crate::relay::context::Context;
use crate::relay::decide::judge;
use crate::relay::ending::{Ending, within};
use crate::relay::job::{Job, MAX_ATTEMPTS};
use crate::relay::parties::{Parties, is_the_address_of_a_person};
use crate::relay::stop::Stop;
use crate::rooms::{MaxAge, Snapshot};

/// Contacts whose claims are looked up at a time, so that other journal operations do not wait long.
const CLAIMS_PER_LOOKUP: usize = 256;

/// Contacts that are looked at before other tasks run.
const CONTACTS_PER_PIECE: usize = 512;

/// Whether a relay address with this localpart is a group address.
pub(in crate::relay) fn is_known(cx: &Context, localpart: &str) -> bool {
    localpart == MEMBERS
        || cx.config.load().groups.contains_key(localpart)
        || cx.journal.keeps_group(localpart)
}

/// The people to be invited.
#[derive(Default)]
pub(super) struct Recipients {
    pub(super) contacts: Vec<String>,
    /// How many people are in the room.
    pub(super) already: usize,
    /// How many people have been invited before, and are not inside.
    pub(super) before: usize,
}

/// What a group address stands for.
enum Meant {
    Members,
    Group(Vec<String>),
}

/// The people behind the group address, without the inviter, occupants, and those invited within `relay.window`.
///
/// # Errors
/// [`Stop::End`]: nobody is to be invited, and why. [`Stop::Retry`]: the link was lost, the room did not answer, or the
/// journal can't be read for the moment. [`Stop::Suspend`]: the journal is closed.
pub(super) async fn recipients(
    cx: &Context,
    job: &mut Job,
    parties: &Parties,
    earlier: &Earlier,
) -> Result<Recipients, Stop> {
    let meant = meant(cx, parties).await?;
    let view = look(cx, job, parties, matches!(meant, Meant::Members)).await?;
    job.members_only = view.kind().members_only;
    if !judge::may_invite(&job.invitation(parties).facts(cx, &view)) {
        return Err(Ending::Refused(Reason::MayNotInvite).into());
    }
    within(job.charge_room(|| cx.limits.load().seen_in(parties.room.as_str())), Ending::Discarded)?;
    let people = match meant {
        Meant::Group(people) => people,
        Meant::Members => view.members_addresses().ok_or(Ending::Refused(Reason::NoList))?,
    };
    let recipients = without_those_who_need_none(cx, job, parties, people, &view, earlier).await?;
    Ok(bounded(cx, parties, recipients, earlier)?)
}

/// Asks the room what [`recipients`] will ask it, so that this finds the answer.
///
/// # Errors
/// See [`recipients`].
pub(super) async fn answers(cx: &Context, job: &mut Job, parties: &Parties) -> Result<(), Stop> {
    let of_members = is_to_members(parties);
    // A fan-out that was begun is not refused.
    let new = of_members && !job.progress.begun;
    match look(cx, job, parties, of_members).await {
        Err(Stop::Retry(AskError::Unanswered | AskError::Unreadable))
            if new && job.unanswered + 1 >= MAX_ATTEMPTS =>
        {
            warn!(
                id = job.row.id,
                room = %parties.room,
                "the room's lists were asked for {MAX_ATTEMPTS} times and did not come in time: look at the server's \
                 load, and whether they are longer than 16 MB"
            );
            Err(Ending::Refused(Reason::NoList).into())
        }
        answer => answer.map(drop),
    }
}

async fn look(cx: &Context, job: &Job, parties: &Parties, all: bool) -> Result<Arc<Snapshot>, Stop> {
    let (room, inviter) = (&parties.room, parties.person());
    Ok(if all || !job.invitation(parties).vouched() {
        cx.rooms.look_at_all(room, inviter, MaxAge::Fresh).await?
    } else {
        cx.rooms.look(room, inviter, MaxAge::Fresh).await?
    })
}

async fn meant(cx: &Context, parties: &Parties) -> Result<Meant, Stop> {
    let Some(name) = parties.contact.node().map(jid::NodeRef::as_str) else {
        return Err(Ending::Refused(Reason::Malformed).into());
    };
    if name == MEMBERS {
        return Ok(Meant::Members);
    }
    let config = cx.config.load_full();
    let kept = JournalReader::new(&config.journal.place).kept_groups().await.map_err(|e| {
        warn!("the groups can't be read: {e}");
        Stop::Unreadable
    })?;
    match Book::new(&config.groups, kept).people(name, parties.person()) {
        Ok(people) => Ok(Meant::Group(people.iter().map(ToString::to_string).collect())),
        Err(NotUsable::Nobody) => Err(Ending::Refused(Reason::Malformed).into()),
        Err(NotUsable::MayNotUse) => Err(Ending::Refused(Reason::MayNotUse).into()),
    }
}

async fn without_those_who_need_none(
    cx: &Context,
    job: &Job,
    parties: &Parties,
    people: Vec<String>,
    view: &Snapshot,
    earlier: &Earlier,
) -> Result<Recipients, Stop> {
    let (mut already, mut before) = (0, 0);
    let mut outside = Vec::new();
    let inviter = parties.person().map(|inviter| inviter.as_str());
    for (number, person) in (1..).zip(people) {
        if number % CONTACTS_PER_PIECE == 0 {
            yield_now().await;
        }
        let begun = earlier.contacts.contains(&person);
        if Some(&*person) == inviter || !is_the_address_of_a_person(cx, &person) || begun {
            continue;
        }
        if view.has_inside(&person) == Some(true) {
            already += 1;
        } else {
            outside.push(person);
        }
    }
    let mut contacts = Vec::with_capacity(outside.len());
    // For those of a group who were invited before, the room is asked once more: they may have lost the membership within this
    // second. Those behind `members@` are on its list.
    let adds = !is_to_members(parties)
        && view.kind().members_only == Some(true)
        && cx.config.load().muc.membership == Membership::Add;
    let (begun, mut newest) = (Instant::now(), None);
    let inviter = parties.inviter_name();
    let password = password_of(cx, &job.row.arrival, job.invitation(parties).vouched());
    let mut outside = outside.into_iter().peekable();
    while outside.peek().is_some() {
        let some: Vec<String> = outside.by_ref().take(CLAIMS_PER_LOOKUP).collect();
        let named = some.iter().map(String::as_str);
        let held = cx.journal.held(parties.room.as_str(), &inviter, password, named).await?;
        for (contact, held) in some.into_iter().zip(held) {
            // If only one of both holds, or it may be a new occasion, the part finds out what follows.
            let invited_before = held.reached && held.asked;
            if invited_before && adds && newest.is_none() {
                newest = Some(cx.rooms.look(&parties.room, parties.person(), MaxAge::Since(begun)).await?);
            }
            if invited_before && !newest.as_ref().is_some_and(|view| shuts_out(view, &contact)) {
                before += 1;
            } else {
                contacts.push(contact);
            }
        }
    }
    Ok(Recipients { contacts, already, before })
}

fn is_to_members(parties: &Parties) -> bool {
    parties.contact.node().is_some_and(|name| name.as_str() == MEMBERS)
}

fn shuts_out(view: &Snapshot, contact: &str) -> bool {
    address::own(contact).is_ok_and(|contact| view.shuts_out(&contact))
}

/// Applies `limits.max_recipients` and the limits of inviter, domain and room. If parts were begun, the fan-out has been
/// counted, and is only cut to the maximum.
///
/// # Errors
/// The ending, if there are too many recipients, or a limit is used up.
fn bounded(
    cx: &Context,
    parties: &Parties,
    mut recipients: Recipients,
    earlier: &Earlier,
) -> Result<Recipients, Ending> {
    let max = usize::try_from(cx.config.load().limits.max_recipients).unwrap_or(usize::MAX);
    if !earlier.contacts.is_empty() {
        recipients.contacts.truncate(max.saturating_sub(earlier.contacts.len()));
        return Ok(recipients);
    }
    let count = recipients.contacts.len();
    if count > max {
        return Err(Ending::Refused(Reason::TooMany));
    }
    let inviter = parties.person().map(|person| person.as_str());
    within(cx.limits.load().reaching(inviter, parties.room.as_str(), count), Ending::Discarded)?;
    Ok(recipients)
}
