//! The admins' commands: *statistics*, *recent invitations*, *block for everybody*, *read the configuration again*.
//! Knows nothing of sessions, nor who is an admin.

use std::time::Duration;

use chrono::Utc;
use jid::BareJid;
use tokio::sync::oneshot;
use tracing::info;

use super::blocks;
use super::dispatch::{Commands, Draft, Failure, Outcome};
use super::user_data::when;
use crate::config::Changes;
use crate::journal::{Closed, JournalReader};
use crate::model::Change;
use crate::model::address::printable;
use crate::wire::data_form::{Field, Form};

/// What statistics are about.
const PERIOD_SHOWN: Duration = Duration::from_secs(24 * 60 * 60);

/// Invitations that are shown.
const MAX_SHOWN: u32 = 50;

impl Commands {
    pub(super) async fn statistics(&self) -> Result<Outcome, Failure> {
        let counted = {
            let _alone = self.reading.acquire().await;
            JournalReader::new(&self.path).statistics(Utc::now() - PERIOD_SHOWN).await?
        };
        let blocks = self.journal.blocks_for_all().await?.len();
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

    pub(super) async fn recent(&self) -> Result<Outcome, Failure> {
        let records = {
            let _alone = self.reading.acquire().await;
            JournalReader::new(&self.path).recent(MAX_SHOWN).await?
        };
        let lines = records.iter().map(|record| {
            let reason = record.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let [room, inviter, contact] =
                [&record.room, &record.inviter, &record.contact].map(|jid| printable(jid));
            let id = record.id;
            format!("{id}: {} to {room} by {inviter} for {contact}: {}{reason}", when(record), record.state)
        });
        let lines = Field::lines("invitations", "Invitations, the newest first", blocks::fitting(lines));
        let note = format!("The newest {} invitations.", records.len());
        Ok(Outcome::Done { note, form: Form::result("Recent invitations", vec![lines]) })
    }

    pub(super) async fn block_whom(&self, draft: &Draft) -> Result<Vec<Field>, Failure> {
        Ok(blocks::fields(&self.journal.blocks_for_all().await?, draft))
    }

    pub(super) async fn block(&self, admin: &BareJid, draft: &Draft) -> Result<Outcome, Failure> {
        let again = |complaint| Ok(Outcome::Again { page: 0, complaint });
        let changes = match blocks::changes(draft, self.link.component()) {
            Ok(changes) => changes,
            Err(complaint) => return again(complaint),
        };
        match self.journal.change_blocks_for_all(changes.clone()).await? {
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
                let lines = Field::lines("blocks", "Blocked for everybody", blocks::fitting(now.into_iter()));
                Ok(Outcome::Done { note, form: Form::result("Block for everybody", vec![lines]) })
            }
            Err(too_many) => again(format!("Nothing is changed: {too_many}.")),
        }
    }

    pub(super) async fn read_again(&self, admin: &BareJid) -> Result<Outcome, Failure> {
        info!(%admin, "the configuration is to be read again");
        let (asked, answer) = oneshot::channel();
        // Nobody reads it any more: the relay stops.
        self.reload.send(asked).await.map_err(|_| Closed)?;
        let lines = |var, label, keys: Vec<String>| Field::lines(var, label, keys);
        let (note, fields) = match answer.await.map_err(|_| Closed)? {
            Ok(Changes { taken, waiting }) => (
                format!("{} changed; {} need a restart.", count(&taken), count(&waiting)),
                vec![
                    lines("changed", "In effect from now on", taken),
                    lines("restart", "In effect after a restart", waiting),
                ],
            ),
            Err(error) => (
                "The new configuration is wrong: the relay goes on with the one that it has.".to_owned(),
                vec![lines("wrong", "What is wrong", error.to_string().lines().map(str::to_owned).collect())],
            ),
        };
        Ok(Outcome::Done { note, form: Form::result("The configuration", fields) })
    }
}

fn count(keys: &[String]) -> String {
    match keys.len() {
        0 => "No keys".to_owned(),
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    }
}
