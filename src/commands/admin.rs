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
use super::user_data::{state, when};
use crate::config::Changes;
use crate::journal::JournalClosed;
use crate::model::address::printable;
use crate::model::{Change, Language};
use crate::texts::{Id, text, text_with};
use crate::wire::data_form::{Field, Form};

/// The period that statistics are about.
const STATISTICS_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The most invitations that are shown.
const MAX_INVITATIONS_SHOWN: u32 = 50;

/// Counts the invitations of the last day, and what is in the journal.
pub(super) async fn statistics(cx: &Context, language: Language) -> Result<Outcome, Failure> {
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
    let line = |var, label, value: &str| Field::line(var, &text(language, label), value);
    let mut fields = vec![line("total", Id::FieldTotal, &total.to_string())];
    fields.extend(Field::each_line("ended", &text(language, Id::FieldEnded), ended.collect()));
    fields.extend([
        line("pending", Id::FieldPending, &counted.pending.to_string()),
        line("people", Id::FieldPeople, &counted.people.to_string()),
        line("blocks", Id::FieldBlockedForAll, &blocks.to_string()),
        line("version", Id::FieldVersion, env!("CARGO_PKG_VERSION")),
    ]);
    let note = text_with(language, Id::NoteStatistics, &[("count", total.into())]);
    Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandStatistics), fields) })
}

/// Shows the newest invitations.
pub(super) async fn recent_invitations(cx: &Context, language: Language) -> Result<Outcome, Failure> {
    let records = {
        let _one_at_a_time = cx.history.acquire().await;
        cx.reader().recent(MAX_INVITATIONS_SHOWN).await?
    };
    let lines = records.iter().map(|record| {
        let arguments = [
            ("id", record.id.to_string()),
            ("when", when(record)),
            ("room", printable(&record.room)),
            ("inviter", printable(&record.inviter)),
            ("contact", printable(&record.contact)),
            ("state", state(record)),
        ];
        text_with(language, Id::LineRecent, &arguments.map(|(name, value)| (name, value.into())))
    });
    let label = text(language, Id::FieldInvitations);
    let fields = Field::each_line("invitations", &label, lines_that_fit(lines));
    let note = text_with(language, Id::NoteRecent, &[("count", records.len().into())]);
    Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandRecent), fields) })
}

/// The form for addresses that are blocked for everybody.
pub(super) async fn block_form(
    cx: &Context,
    language: Language,
    draft: &Draft,
) -> Result<Vec<Field>, Failure> {
    Ok(blocks::fields(language, &cx.journal.blocks_for_all().await?, draft))
}

/// Changes which addresses are blocked for everybody. `admin`: who does it, for the log.
pub(super) async fn block(
    cx: &Context,
    language: Language,
    admin: &str,
    draft: &Draft,
) -> Result<Outcome, Failure> {
    let again = |complaint| Ok(Outcome::Again { complaint });
    let config = cx.config.load_full();
    let changes = match blocks::changes(language, draft, cx.link.component(), |it| config.muc.serves(it)) {
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
            let mut note = text_with(language, Id::NoteBlocked, &[("count", now.len().into())]);
            let own: Vec<String> = config.own_hosts().into_iter().filter(|host| now.contains(host)).collect();
            if !own.is_empty() {
                note += " ";
                note += &text_with(language, Id::NoteBlockedOwn, &[("domains", own.join(", ").into())]);
            }
            let label = text(language, Id::FieldBlockedForAll);
            let lines = Field::each_line("blocks", &label, lines_that_fit(now.into_iter()));
            Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandBlock), lines) })
        }
        Err(e) => again(blocks::too_many(language, e)),
    }
}

/// Requests that the configuration is read again, and shows which keys changed.
pub(super) async fn reload(cx: &Context, language: Language, admin: &BareJid) -> Result<Outcome, Failure> {
    info!(%admin, "an admin wants the configuration to be read again");
    let (asked, answer) = oneshot::channel();
    // Both fail only if the relay is stopping.
    cx.reload.send(asked).await.map_err(|_| JournalClosed)?;
    let lines = |var, label, keys| Field::each_line(var, &text(language, label), keys);
    let (note, fields) = match answer.await.map_err(|_| JournalClosed)? {
        Ok(Changes { in_effect, need_restart }) => {
            let counts = [("count", in_effect.len().into()), ("waiting", need_restart.len().into())];
            let note = text_with(language, Id::NoteReloaded, &counts);
            let changed = lines("changed", Id::FieldChanged, in_effect);
            (note, [changed, lines("restart", Id::FieldRestart, need_restart)].concat())
        }
        Err(error) => (
            text(language, Id::NoteWrongConfiguration),
            lines("wrong", Id::FieldWrong, error.to_string().lines().map(str::to_owned).collect()),
        ),
    };
    Ok(Outcome::Done { note, form: Form::result(&text(language, Id::CommandReload), fields) })
}
