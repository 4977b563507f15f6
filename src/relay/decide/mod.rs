//! Decides about an invitation: queries the room, collects the contact's wishes, judges. [`decide`] is used for all routes,
//! hand-overs included.
//! Knows nothing of what is done about the decision.

pub(crate) mod facts;
pub mod judge;
pub(crate) mod lookalike_index;
pub(crate) mod lookalikes;
mod preferences;

use std::sync::Arc;

use tracing::debug;

use self::facts::Invitation;
use self::judge::{Adding, Facts, Verdict, judge};
use self::lookalikes::Lookalikes;
use super::context::Context;
use super::stop::Stop;
use crate::link::AskError;
use crate::model::Preferences;
use crate::rooms::{Age, Snapshot};

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
}

/// Decides about an invitation. `known`: the contact's preferences, if they were read when it came in.
///
/// Whether it passes or not, the facts about the room come from the connection that is up now, and were at most one second
/// old when they were asked for; to make somebody a member they are also from after the invitation.
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
    let preferences = async {
        match known {
            Some(known) => Ok(known),
            None => cx.journal.wishes(parties.contact.as_str()).await.map_err(Stop::from),
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
    let Verdict::Relay { .. } = verdict else {
        return Ok(Decision { verdict, snapshot, lookalikes: Lookalikes::default(), unsupported: false });
    };
    let (wants, lookalikes) = preferences::of(cx, parties, &preferences, invitation.can_go_back).await?;
    let verdict = judge(Facts { wants, ..facts });
    Ok(Decision { verdict, snapshot, lookalikes, unsupported: wants.unsupported })
}

async fn look(cx: &Context, invitation: &Invitation<'_>, age: Age) -> Result<Arc<Snapshot>, AskError> {
    let (room, person) = (&invitation.parties.room, invitation.parties.person());
    if invitation.vouched() {
        cx.rooms.look(room, person, age).await
    } else {
        cx.rooms.look_at_all(room, person, age).await
    }
}
