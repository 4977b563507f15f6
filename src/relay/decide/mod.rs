//! Decides about an invitation: queries the room, collects the contact's wishes, judges. [`decide`] is used for all routes,
//! hand-overs included.
//! Knows nothing of what is done about the decision.

pub(crate) mod facts;
pub mod judge;
pub(crate) mod lookalike_index;
pub(crate) mod lookalikes;
mod preferences;

use std::sync::Arc;

use tokio::time::Instant;
use tracing::debug;

use self::facts::Invitation;
use self::judge::{Adding, Facts, Verdict, judge};
use self::lookalikes::Lookalikes;
use self::preferences::Found;
use super::context::Context;
use super::ending::Ending;
use super::parties::Parties;
use super::stop::Stop;
use crate::link::AskError;
use crate::model::Preferences;
use crate::rooms::{MaxAge, Snapshot};

/// A decision, and what it is based on.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// The snapshot that the decision is based on.
    pub(super) snapshot: Arc<Snapshot>,
    /// The look-alikes among room and inviter.
    pub(super) lookalikes: Lookalikes,
    /// None of the contact's clients that are online shows direct invitations.
    pub(super) unsupported: bool,
    facts: Facts,
    /// What the contact wants was asked for at this moment or later.
    wants_as_of: Instant,
}

/// Decides about an invitation. `known`: the contact's preferences, if they were read when it came in.
///
/// Whether it passes or not, the facts about the room come from the connection that is up now, and were at most one second
/// old when they were asked for; to make somebody a member they are also from after the invitation. The contact's server is
/// asked at the same time as the room; what the contact wants is at most one second old as well.
///
/// # Errors
/// [`Stop::Retry`]: the link was lost, or the room or the contact's server did not answer. [`Stop::Suspend`]: the journal
/// is closed.
pub(super) async fn decide(
    cx: &Context,
    invitation: &Invitation<'_>,
    known: Option<Preferences>,
) -> Result<Decision, Stop> {
    let parties = invitation.parties;
    ask_ahead(cx, parties, invitation.part);
    let (known, known_as_of) = match known {
        Some(known) => (Some(known), invitation.read_at),
        None => (None, Instant::now()),
    };
    let preferences = async {
        match known {
            Some(known) if known_as_of.elapsed() <= preferences::MAX_AGE => Ok(known),
            _ => preferences_now(cx, parties).await,
        }
    };
    let first_look = async { look(cx, invitation, invitation.age()).await.map_err(Stop::from) };
    let (mut snapshot, preferences) = tokio::try_join!(first_look, preferences)?;
    let mut facts = invitation.facts(cx, &snapshot);
    let mut verdict = judge(facts);
    if let Verdict::Relay { add_member: Adding::ByInviter | Adding::ByAnyRight } = verdict {
        snapshot = look(cx, invitation, invitation.age_to_add_a_member()).await?;
        facts = invitation.facts(cx, &snapshot);
        verdict = judge(facts);
    }
    debug!(
        room = %parties.room,
        contact = %parties.contact,
        age_ms = u64::try_from(snapshot.age().as_millis()).unwrap_or(u64::MAX),
        asked_by = snapshot.asked_by(),
        ?facts,
        "the room's side: {verdict:?}"
    );
    let wants_as_of = Instant::now();
    let Verdict::Relay { .. } = verdict else {
        let (lookalikes, unsupported) = (Lookalikes::default(), false);
        return Ok(Decision { verdict, snapshot, lookalikes, unsupported, facts, wants_as_of });
    };
    let preferences = if known_as_of.elapsed() <= preferences::MAX_AGE {
        preferences
    } else {
        preferences_now(cx, parties).await?
    };
    let (verdict, found) = judge_wants(cx, invitation, facts, &preferences).await?;
    let (lookalikes, unsupported) = (found.lookalikes, found.wants.unsupported);
    Ok(Decision { verdict, snapshot, lookalikes, unsupported, facts, wants_as_of })
}

/// The ending, if the contact has come to want it no more since the decision to relay it. They are asked again only if that
/// took a while, as making somebody a member may.
///
/// # Errors
/// See [`decide`].
pub(super) async fn unwanted_by_now(
    cx: &Context,
    invitation: &Invitation<'_>,
    decision: &Decision,
) -> Result<Option<Ending>, Stop> {
    if decision.wants_as_of.elapsed() <= preferences::MAX_AGE {
        return Ok(None);
    }
    let preferences = preferences_now(cx, invitation.parties).await?;
    let (verdict, found) = judge_wants(cx, invitation, decision.facts, &preferences).await?;
    Ok(match verdict {
        Verdict::Unwanted(state, reason) => {
            Some(Ending::Unwanted { state, reason, lookalikes: found.lookalikes })
        }
        Verdict::Fail(reason) => Some(Ending::Failed(reason)),
        _ => None,
    })
}

/// Has the contact's server asked what [`decide`] will need. `part`: the invitation is a part of a fan-out. Waits for nothing.
pub(super) fn ask_ahead(cx: &Context, parties: &Parties, part: bool) {
    preferences::ask_ahead(cx, parties, part);
}

async fn preferences_now(cx: &Context, parties: &Parties) -> Result<Preferences, Stop> {
    Ok(cx.journal.preferences(parties.contact.as_str()).await?)
}

/// Judges an invitation that the room lets pass by what the contact wants.
///
/// # Errors
/// See [`decide`]. If nothing is known that speaks against it, and the contact's server did not say whom they block, it is asked
/// again.
async fn judge_wants(
    cx: &Context,
    invitation: &Invitation<'_>,
    facts: Facts,
    preferences: &Preferences,
) -> Result<(Verdict, Found), Stop> {
    let found = preferences::of(cx, invitation, preferences).await?;
    let verdict = judge(Facts { wants: found.wants, ..facts });
    if found.unanswered && matches!(verdict, Verdict::Relay { .. }) {
        return Err(AskError::Unanswered.into());
    }
    Ok((verdict, found))
}

async fn look(cx: &Context, invitation: &Invitation<'_>, age: MaxAge) -> Result<Arc<Snapshot>, AskError> {
    let (room, person) = (&invitation.parties.room, invitation.parties.person());
    if invitation.vouched() {
        cx.rooms.look(room, person, age).await
    } else {
        cx.rooms.look_at_all(room, person, age).await
    }
}
