//! What a batch of operations writes and answers, within one transaction. Knows nothing of when it is committed, nor of what follows from
//! an error.

use super::{LATE_AT_A_TIME, WriterOf, millis, now, takes_late};
use crate::journal::claim::{Claim, Delivery};
use crate::journal::claim_memory::Windows;
use crate::journal::claim_rows::Claims;
use crate::journal::groups;
use crate::journal::nouns::Window;
use crate::journal::op::{Admission, Admitted, AfterAdmit, Answer, Op};
use crate::journal::preferences;
use crate::journal::store::Store;
use crate::model::{Id, Preferences, TooMany};

impl<S: Store> WriterOf<S> {
    /// Executes the operations. Returns the answers.
    #[allow(
        clippy::too_many_lines,
        reason = "each kind of operation has its arm, in the order in which a batch is written"
    )]
    pub(super) async fn write(&mut self, ops: &[Op]) -> sqlx::Result<Vec<Answer>> {
        let store = &mut self.store;
        let now = now();
        let windows = Windows { now, first: millis(self.retention.borrow().window) };
        let retention = Window { now, length: millis(self.retention.borrow().retention) };

        // Comes before the arrivals of the same batch, which get the new preferences.
        let changed = change(store, ops).await?;

        let handed_on = if takes_late(ops) { store.take_late(LATE_AT_A_TIME).await? } else { Vec::new() };
        let mut ids = self.next..;
        let (mut arrivals, mut claims, mut discarded) = (Vec::new(), Vec::new(), Vec::new());
        let (mut settled, mut released) = (Vec::new(), Vec::new());
        let (mut people, mut keys) = (Vec::new(), Vec::new());
        for op in ops {
            match op {
                Op::Admit { admission, .. } => {
                    let Admission { arrival, added, claim, then } = &**admission;
                    let Some(id) = ids.next() else { break };
                    arrivals.push((id, now, arrival, *added));
                    claims.extend(claim.as_deref().map(|claim| Claim { id, ..*claim }));
                    if !matches!(then, AfterAdmit::End { .. }) {
                        people.push(arrival.contact.as_str());
                    }
                }
                Op::Preferences { whose, .. } => people.push(whose.key()),
                Op::Claim { claim, .. } => claims.push(*claim),
                Op::Settle { outcome, release, .. } => {
                    settled.push(outcome);
                    released.extend(*release);
                }
                Op::Discard { release, .. } => {
                    discarded.push(release.id);
                    keys.push(release.key);
                }
                Op::PassMembershipOn { from, .. } => keys.push(from.key),
                Op::Held { keys: those, .. } => keys.extend(those),
                _ => {}
            }
        }
        let first = (!handed_on.is_empty()).then_some(ids.start);
        arrivals.extend(ids.zip(&handed_on).map(|(id, late)| (id, late.received, &late.arrival, false)));
        keys.extend(claims.iter().map(|claim| claim.key).chain(released.iter().map(|release| release.key)));
        let (stored, preferences) = store.look_up(&keys, &people).await?;
        let mut memory = Claims::new(stored);
        // What has ended comes first, so that claims that are given up can be claimed in the same batch.
        for release in released {
            memory.release(release);
        }
        let mut under_way = store.under_way(&memory.in_the_way_of(&claims)).await?;
        for outcome in &settled {
            under_way.remove(&outcome.id);
        }
        let claimed = memory.ask(&claims, windows, under_way);
        let granted =
            claims.iter().zip(&claimed).filter(|(_, claimed)| claimed.delivery == Delivery::Granted);
        let mut adding: Vec<Id> =
            granted.filter(|(claim, _)| claim.adding).map(|(claim, _)| claim.id).collect();
        adding.retain(|id| {
            let at = id.checked_sub(self.next).and_then(|at| usize::try_from(at).ok());
            let arrival = at.and_then(|at| arrivals.get_mut(at));
            arrival.map(|(.., added)| *added = true).is_none()
        });
        // Those of which operations further down give claims up are written behind them.
        let below = ops.iter().any(|op| matches!(op, Op::Discard { .. } | Op::Bounce { .. }));
        let claims = if below { Vec::new() } else { memory.take_changed() };
        store.write(&settled, &arrivals, &claims, now).await?;
        store.note_added(&adding).await?;
        store.discard(&discarded).await?;
        let preferences_of = |person: &str| preferences.get(person).cloned().unwrap_or_default();

        let mut answers = Vec::with_capacity(ops.len());
        let mut ended = Vec::new();
        let mut admitted = arrivals.iter().map(|(id, ..)| *id);
        let mut changed = changed.into_iter();
        let mut claimed = claimed.into_iter();
        for op in ops {
            answers.push(match op {
                Op::Admit { admission, .. } => {
                    let Admission { arrival, claim, then, .. } = &**admission;
                    let Some(id) = admitted.next() else { break };
                    let claimed = claim.as_ref().and_then(|_| claimed.next());
                    ended.extend(then.outcome(id, claimed));
                    let preferences = preferences_of(&arrival.contact);
                    Answer::Admitted(Admitted { id, received: now, claimed, preferences })
                }
                Op::Preferences { whose, .. } => Answer::Preferences(preferences_of(whose.key())),
                Op::LookAlike { address, .. } => {
                    Answer::LookAlike(store.note_look(address, retention).await?)
                }
                Op::Hash { hash, .. } => {
                    store.note_hash(hash, now).await?;
                    Answer::Done
                }
                Op::Looked { until, .. } => {
                    store.note_looked(*until).await?;
                    Answer::Done
                }
                Op::Change { .. } => {
                    let Some(preferences) = changed.next() else { break };
                    Answer::Changed(preferences)
                }
                Op::Claim { .. } => {
                    let Some(claimed) = claimed.next() else { break };
                    Answer::Claimed(claimed)
                }
                Op::PassMembershipOn { from, .. } => {
                    Answer::PassedOn(memory.pass_membership_on(store, *from).await?)
                }
                Op::Discard { release, .. } => {
                    memory.release(*release);
                    Answer::Done
                }
                Op::Settle { .. } => Answer::Done,
                Op::Bounce { outcome, sent, .. } => {
                    Answer::Ended(memory.bounce(store, outcome, sent, now).await?)
                }
                Op::Decline { room, sent, .. } => Answer::Ended(store.decline(room, sent, now).await?),
                Op::Group { name, change, .. } => Answer::Group(groups::change(store, name, change).await?),
                Op::Held { keys, inviter, password, .. } => {
                    Answer::Held(memory.held(keys, *inviter, *password, windows))
                }
                Op::Backlog { after, limit, .. } => Answer::Backlog(store.backlog(*after, *limit).await?),
                Op::TakeLate { .. } => Answer::Late(first),
                Op::Children { parent, .. } => Answer::Backlog(store.children(*parent).await?),
            });
        }
        store.write(&ended.iter().collect::<Vec<_>>(), &[], &memory.take_changed(), now).await?;
        Ok(answers)
    }
}

/// Changes preferences.
async fn change(store: &mut impl Store, ops: &[Op]) -> sqlx::Result<Vec<Result<Preferences, TooMany>>> {
    let mut changed = Vec::new();
    for op in ops {
        if let Op::Change { whose, changes, .. } = op {
            changed.push(preferences::change(store, whose, changes).await?);
        }
    }
    Ok(changed)
}
