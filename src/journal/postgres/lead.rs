//! Who leads: of several relays with one database, one works and the others stand by. The lead is a row with an epoch and an end, by
//! the server's clock. Knows nothing of what is written under it.

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::{Duration, Instant};

use super::sealed;
use crate::journal::nouns::Leader;
use crate::model::Lease;

/// For this part of a lease a relay is sure of its lead: clocks do not run alike, and what is sent takes its time.
const SURE: f32 = 0.9;

/// The lead is renewed after this part of a lease, and after a second at the latest: who stands by waits for a second.
const RENEWALS: u32 = 5;
const MAX_RENEW_AFTER: Duration = Duration::from_secs(1);

/// A standby that was not seen for this time is none.
const STANDBY_TIMEOUT: &str = "interval '10 seconds'";

/// The lead, as the one that has it knows it.
#[derive(Debug)]
pub(super) struct Lead {
    epoch: i64,
    token: i64,
    pub(super) lease: Lease,
    /// How long it holds unless it is renewed: a relay that was killed, hangs, or has lost its way to the database is replaced after
    /// this time.
    length: Duration,
    renewed: Instant,
}

impl Lead {
    /// After which time it is renewed.
    pub(super) fn renew_after(&self) -> Duration {
        (self.length / RENEWALS).min(MAX_RENEW_AFTER)
    }

    /// How long a renewal may take, with the session that it may need.
    pub(super) fn renewal_timeout(&self) -> Duration {
        self.length / 2
    }

    /// Whether it is time to renew it.
    pub(super) fn is_due(&self) -> bool {
        self.renewed.elapsed() >= self.renew_after()
    }

    /// It was renewed by a statement that was sent at `asked`.
    pub(super) fn renewed(&mut self, asked: Instant) {
        self.renewed = asked;
        self.lease.move_to(asked + self.length.mul_f32(SURE));
    }

    /// The statement that renews it. Writes nothing if another relay has taken the lead.
    pub(super) fn renewal(&self) -> String {
        format!(
            "UPDATE leader SET until = clock_timestamp() + interval '{} milliseconds' WHERE {}",
            self.length.as_millis(),
            self.is_this()
        )
    }

    /// A question that has a row if this is the lead still, and keeps it from being taken until the transaction ends.
    pub(super) fn look(&self) -> String {
        format!("SELECT FROM leader WHERE {} FOR SHARE", self.is_this())
    }

    /// Whether no other relay has taken it.
    pub(super) async fn is_ours(&self, db: &mut PgConnection) -> sqlx::Result<bool> {
        let sql = format!("SELECT {} FROM leader", self.is_this());
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await
    }

    /// Gives it up, so that another relay need not wait for its end.
    pub(super) async fn give_up(self, db: &mut PgConnection) -> sqlx::Result<()> {
        self.lease.end();
        let sql = format!("UPDATE leader SET until = '-infinity' WHERE {}", self.is_this());
        sqlx::query(AssertSqlSafe(sql)).execute(db).await?;
        Ok(())
    }

    /// Whether the row is this lead. The epoch alone does not say so: one that was taken on a primary that is gone may be given again.
    fn is_this(&self) -> String {
        format!("epoch = {} AND token = {}", self.epoch, self.token)
    }
}

/// Whether others may take the lead. Not even the database's clock is believed: no end is further off than twice the longest lease, unless
/// the clock was set back since.
const HAS_ENDED: &str = "(until < clock_timestamp() OR until > clock_timestamp() + interval '121 seconds')";

/// Whether the lead can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Free {
    /// Another relay has it.
    No,
    /// It was not renewed.
    Ended,
    /// It was given up, or it is one's own.
    GivenUp,
}

/// Whether the lead can be taken; `name` and `again`: see [`take`].
///
/// # Errors
/// That of a statement.
pub(super) async fn free(db: &mut PgConnection, name: &str, again: bool) -> sqlx::Result<Free> {
    let sql = format!("SELECT until = '-infinity' OR (holder = $1 AND $2), {HAS_ENDED} FROM leader");
    let found = sqlx::query_as(AssertSqlSafe(sql)).bind(name).bind(again).fetch_one(db).await?;
    Ok(match found {
        (true, _) => Free::GivenUp,
        (false, true) => Free::Ended,
        (false, false) => Free::No,
    })
}

/// Takes the lead if nobody has it. `again`: also if `name` had it last, so that a relay that crashed and was started again need not
/// wait.
///
/// # Errors
/// That of a statement.
pub(super) async fn take(
    db: &mut PgConnection,
    name: &str,
    length: Duration,
    again: bool,
) -> sqlx::Result<Option<Lead>> {
    let asked = Instant::now();
    let sql = format!(
        "WITH free AS (SELECT FROM leader WHERE {HAS_ENDED} OR (holder = $1 AND $3) FOR UPDATE NOWAIT) \
         UPDATE leader SET epoch = epoch + 1, token = $4, holder = $1, \
         until = clock_timestamp() + make_interval(secs => $2) FROM free RETURNING epoch"
    );
    let token = i64::from_le_bytes(sealed::random());
    let taking =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(name).bind(length.as_secs_f64()).bind(again).bind(token);
    let epoch = match taking.fetch_optional(&mut *db).await {
        Ok(None) => return Ok(None),
        Ok(Some(epoch)) => epoch,
        Err(e) if is_locked(&e) => {
            end_transactions(db).await?;
            return Ok(None);
        }
        Err(e) => return Err(e),
    };
    // If that fails, it ends by itself.
    let _ = go(db, name).await;
    let mut lead = Lead { epoch, token, lease: Lease::until(asked), length, renewed: asked };
    lead.renewed(asked);
    Ok(Some(lead))
}

fn is_locked(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some("55P03"))
}

/// Ends the sessions whose transactions keep the lead's row locked for more than a second, though the lead has ended. No time-out of a
/// session does that while the server sends to a relay that hangs, or whose packets vanish. A journal that is moved is left alone.
async fn end_transactions(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'relation' \
         AND relation = 'leader'::regclass AND datname = current_database() AND pid <> pg_backend_pid() \
         AND mode IN ('RowShareLock', 'RowExclusiveLock') AND xact_start < clock_timestamp() - interval '1 second' \
         AND NOT EXISTS (SELECT FROM pg_locks AS of_a_move WHERE of_a_move.pid = pg_locks.pid \
         AND of_a_move.relation = 'batches'::regclass AND of_a_move.mode = 'ShareRowExclusiveLock')",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that this relay stands by.
pub(super) async fn stand_by(db: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO standbys (name, seen) VALUES ($1, clock_timestamp()) \
         ON CONFLICT (name) DO UPDATE SET seen = excluded.seen",
    )
    .bind(name)
    .execute(db)
    .await?;
    Ok(())
}

/// This relay does not stand by any more.
pub(super) async fn go(db: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM standbys WHERE name = $1").bind(name).execute(db).await?;
    Ok(())
}

/// Who leads, and who stands by.
pub(in crate::journal) async fn leader(db: &mut PgConnection) -> sqlx::Result<Leader> {
    let sql = format!(
        "SELECT holder, NOT {HAS_ENDED}, ARRAY(SELECT name FROM standbys WHERE seen > clock_timestamp() - \
         {STANDBY_TIMEOUT} ORDER BY name) FROM leader"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(db).await?;
    let (name, holds) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Leader { name, holds, standbys: row.try_get(2)? })
}
