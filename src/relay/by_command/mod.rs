//! Invitations by command: an operator or an admin names room, inviter and contacts, and is told what becomes of each. Each
//! contact gets an ordinary invitation with a row of its own, and the checks and claims of any other. Since no room has
//! passed it on, the inviter's right to invite is looked up, as for a direct invitation.
//!
//! Who gives a command may be gone at any time: nothing more is begun then, and what is under way ends by itself.
//! Knows nothing of where commands come from.

mod recipients;
mod rehearsal;
mod together;
mod trial;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::info;

use self::together::parent;
use super::attempt::run_part;
use super::context::Context;
use super::decide::facts::Parent;
use super::fan_out::places::{MAX_PARTS_OF_ONE, own_place_then};
use super::job::Job;
use super::payload;
use crate::commands::AskedToInvite;
use crate::model::invite::{InviteEvent, InviteRequest, InvitedContact, Obstacle};
use crate::model::{Arrival, Payload, Route};

/// If no contact's invitation ends for this time, those under way are told as pending, and no others are begun.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Carries a command out. Returns when all that it has begun has ended.
pub(super) async fn carry_out(cx: Arc<Context>, asked: AskedToInvite) {
    let AskedToInvite { request, by, events } = asked;
    // Whoever asked may be gone: then nobody is told.
    let Ok(place) = cx.places.commands.try_acquire() else {
        let _ = events.send(InviteEvent::Obstacle(Obstacle::Busy)).await;
        return;
    };
    let contacts = match recipients::recipients(&cx, &request).await {
        Ok(contacts) => contacts,
        Err(obstacle) => {
            let _ = events.send(InviteEvent::Obstacle(obstacle)).await;
            return;
        }
    };
    let InviteRequest { room, inviter, dry_run, .. } = &request;
    info!(%room, %inviter, by, dry_run, "a command invites {}", contacts.len());
    if events.send(InviteEvent::Begun(contacts.len())).await.is_err() {
        return;
    }
    if request.trial.is_some() {
        return test(&cx, &Arc::new(request), contacts, &events).await;
    }
    let all =
        All { cx: &cx, contacts: contacts.into_iter(), under_way: JoinSet::new(), names: BTreeSet::new() };
    let mut left = if request.dry_run {
        let request = Arc::new(request);
        all.run(&events, |cx, contact| rehearsal::rehearse(cx, Arc::clone(&request), contact)).await
    } else {
        let parent = Arc::new(parent(&request));
        let template = Arc::new(arrival(&cx, &request));
        all.run(&events, |cx, contact| invite(cx, Arc::clone(&template), Arc::clone(&parent), contact)).await
    };
    // Others may begin, and who asked waits no longer.
    drop((place, events));
    while left.join_next().await.is_some() {}
}

/// Tests an invitation of each of these contacts.
async fn test(
    cx: &Arc<Context>,
    request: &Arc<InviteRequest>,
    contacts: Vec<String>,
    events: &mpsc::Sender<InviteEvent>,
) {
    for contact in contacts {
        let (template, parent) = (Arc::new(arrival(cx, request)), Arc::new(parent(request)));
        let invited = invite(Arc::clone(cx), template, parent, contact.clone());
        trial::run(cx, request, contact, events, invited).await;
    }
}

/// The contacts of one command.
struct All<'a, Contacts> {
    cx: &'a Arc<Context>,
    /// Those that are not begun.
    contacts: Contacts,
    under_way: JoinSet<InvitedContact>,
    /// The contacts of `under_way`.
    names: BTreeSet<String>,
}

impl<Contacts: Iterator<Item = String>> All<'_, Contacts> {
    /// Invites one contact after the other, a few at a time, and tells what became of each. Returns those that go on, of
    /// which nothing more is told.
    async fn run<F>(
        mut self,
        events: &mpsc::Sender<InviteEvent>,
        invite: impl Fn(Arc<Context>, String) -> F,
    ) -> JoinSet<InvitedContact>
    where
        F: Future<Output = InvitedContact> + Send + 'static,
    {
        let own_places = Arc::new(Semaphore::new(MAX_PARTS_OF_ONE));
        let mut next = self.contacts.next();
        let mut stalls_at = Instant::now() + STALLED_AFTER;
        while next.is_some() || !self.under_way.is_empty() {
            tokio::select! {
                biased;
                () = self.cx.stopping.cancelled(), if next.is_some() => next = None,
                () = events.closed() => break,
                Some(ended) = self.under_way.join_next() => {
                    stalls_at = Instant::now() + STALLED_AFTER;
                    // A part that panicked has no end; it is told of as pending.
                    let Ok(contact) = ended else { continue };
                    self.names.remove(&contact.contact);
                    let _ = events.send(InviteEvent::Contact(contact)).await;
                }
                place = own_place_then(&own_places, &self.cx.places.parts), if next.is_some() => {
                    let Some(contact) = std::mem::replace(&mut next, self.contacts.next()) else { continue };
                    self.names.insert(contact.clone());
                    self.under_way.spawn(holding(place, invite(Arc::clone(self.cx), contact)));
                }
                () = sleep_until(stalls_at) => break,
            }
        }
        for contact in self.names {
            let _ = events.send(InviteEvent::Contact(InvitedContact::pending(contact))).await;
        }
        self.under_way
    }
}

async fn holding<T>(place: Option<[OwnedSemaphorePermit; 2]>, work: impl Future<Output = T>) -> T {
    let _place = place;
    work.await
}

/// Takes one contact's invitation in, and runs it until it ends.
async fn invite(
    cx: Arc<Context>,
    template: Arc<Arrival>,
    parent: Arc<Parent>,
    contact: String,
) -> InvitedContact {
    let arrival = Arrival { contact: contact.clone(), ..Arrival::clone(&template) };
    // The journal is closed only while the relay stops.
    let Ok(admitted) = cx.journal.admit(arrival.clone()).await else {
        return InvitedContact::pending(contact);
    };
    let id = Some(admitted.id);
    match run_part(cx, Job::new(admitted, arrival).part_of(&parent)).await {
        Some(ended) => {
            let outcome = ended.outcome;
            let (state, reason, sent_as) = (outcome.state, outcome.reason, outcome.sent_as);
            InvitedContact { contact, id, state, reason, sent_as, adds_member: false }
        }
        None => InvitedContact { id, ..InvitedContact::pending(contact) },
    }
}

/// The arrival of each contact, who is still missing.
fn arrival(cx: &Context, request: &InviteRequest) -> Arrival {
    let max_reason = cx.config.load().relay.max_reason;
    let reason = request.reason.as_ref().and_then(|reason| payload::readable(&reason.0, max_reason));
    Arrival {
        route: Route::Command,
        room: request.room.to_string(),
        inviter: request.inviter.to_string(),
        contact: String::new(),
        payload: Payload { reason, ..Payload::default() },
        parent: None,
    }
}
