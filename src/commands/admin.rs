//! The admins' commands: *statistics*, *recent invitations*, *block for everybody*, *read the configuration again*. Knows
//! nothing of sessions, nor of who is an admin.

use std::time::Duration;

use chrono::Utc;
use jid::BareJid;
use tokio::sync::oneshot;
use tracing::info;

use super::blocks;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome, lines_that_fit};
use super::user_data::when;
use crate::config::Changes;
use crate::journal::Closed;
use crate::model::Change;
use crate::model::address::printable;
use crate::wire::data_form::{Field, Form};

/// The period that statistics are about.
const STATISTICS_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The most invitations that are shown.
const MAX_INVITATIONS_SHOWN: u32 = 50;

/// Counts the invitations of the last day, and what is in the journal.
pub(super) async fn statistics(cx: &Context) -> Result<Outcome, Failure> {
    let counted = {
        let _one_at_a_time = cx.history.acquire().await;
        cx.reader().statistics(Utc::now() - STATISTICS_PERIOD).await?
    };
    let blocks = cx.journal.blocks_for_all().await?.len();
    let total: u64 = counted.ended.iter().map(|(.., count)| count).sum();
    let ended = counted.ended.iter().map(|(state, reason, count)| match reason {
        Some(reason) => format!("{count} {state} ({reason})"),
        None => format!("{count} {state}"),
    });
    let line = |var, label, number: u64| Field::line(var, label, &number.to_string());
    let fields = vec![
        line("total", "Invitations that came in the last 24 hours and have ended", total),
        Field::lines("ended", "What became of them", ended.collect()),
        line("pending", "Invitations under way", counted.pending),
        line("people", "People with settings of their own", counted.people),
        line("blocks", "Addresses that are blocked for everybody", blocks as u64),
        Field::line("version", "Version of the relay", env!("CARGO_PKG_VERSION")),
    ];
    let note = format!("{total} invitations in the last 24 hours.");
    Ok(Outcome::Done { note, form: Form::result("Statistics", fields) })
}

/// Shows the newest invitations.
pub(super) async fn recent_invitations(cx: &Context) -> Result<Outcome, Failure> {
    let records = {
        let _one_at_a_time = cx.history.acquire().await;
        cx.reader().recent(MAX_INVITATIONS_SHOWN).await?
    };
    let lines = records.iter().map(|record| {
        let reason = record.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        let [room, inviter, contact] =
            [&record.room, &record.inviter, &record.contact].map(|jid| printable(jid));
        let id = record.id;
        format!("{id}: {} to {room} by {inviter} for {contact}: {}{reason}", when(record), record.state)
    });
    let lines = Field::lines("invitations", "Invitations, the newest first", lines_that_fit(lines));
    let note = format!("The newest {} invitations.", records.len());
    Ok(Outcome::Done { note, form: Form::result("Recent invitations", vec![lines]) })
}

/// The page for addresses that are blocked for everybody.
pub(super) async fn block_page(cx: &Context, draft: &Draft) -> Result<Vec<Field>, Failure> {
    Ok(blocks::fields(&cx.journal.blocks_for_all().await?, draft))
}

/// Changes which addresses are blocked for everybody.
pub(super) async fn block(cx: &Context, admin: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
    let again = |complaint| Ok(Outcome::Again { page: 0, complaint });
    let changes = match blocks::changes(draft, cx.link.component()) {
        Ok(changes) => changes,
        Err(complaint) => return again(complaint),
    };
    match cx.journal.change_blocks_for_all(changes.clone()).await? {
        Ok(now) => {
            for change in changes {
                match change {
                    Change::Block(jid) => info!(%admin, "{jid} is blocked for everybody"),
                    Change::Lift(jid) => info!(%admin, "{jid} is no longer blocked for everybody"),
                    Change::LiftAll => info!(%admin, "nothing is blocked for everybody any longer"),
                    Change::AcceptFrom(_) => {}
                }
            }
            let note = format!("Blocked for everybody: {}.", now.len());
            let lines = Field::lines("blocks", "Blocked for everybody", lines_that_fit(now.into_iter()));
            Ok(Outcome::Done { note, form: Form::result("Block for everybody", vec![lines]) })
        }
        Err(too_many) => again(format!("Nothing is changed: {too_many}.")),
    }
}

/// Requests that the configuration is read again, and shows which keys changed.
pub(super) async fn reload(cx: &Context, admin: &BareJid) -> Result<Outcome, Failure> {
    info!(%admin, "an admin wants the configuration to be read again");
    let (asked, answer) = oneshot::channel();
    // Both fail only if the relay is stopping.
    cx.reload.send(asked).await.map_err(|_| Closed)?;
    let lines = |var, label, keys: Vec<String>| Field::lines(var, label, keys);
    let (note, fields) = match answer.await.map_err(|_| Closed)? {
        Ok(Changes { in_effect, need_restart }) => (
            format!("{} changed; {} need a restart.", count(&in_effect), count(&need_restart)),
            vec![
                lines("changed", "In effect from now on", in_effect),
                lines("restart", "In effect after a restart", need_restart),
            ],
        ),
        Err(error) => (
            "The new configuration is wrong: the relay goes on with the one that it has.".to_owned(),
            vec![lines("wrong", "What is wrong", error.to_string().lines().map(str::to_owned).collect())],
        ),
    };
    Ok(Outcome::Done { note, form: Form::result("The configuration", fields) })
}
fn count(keys: &[String]) -> String {
    match keys.len() {
        0 => "No keys".to_owned(),
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    }
}
