//! Who leads: of several relays with one database, one works and the others stand by. The lead is a row with an epoch and an end, by
//! the server's clock. Knows nothing of what is written under it.

use sqlx::{PgConnection, Row};
use tokio::time::{Duration, Instant};

use crate::journal::nouns::Leader;
use crate::model::Lease;

/// How long the lead holds unless it is renewed: a relay that was killed, hangs, or has lost its way to the database is replaced
/// after this time.
const LEASE: Duration = Duration::from_secs(5);

/// So much earlier a relay is no longer sure of its lead: clocks do not run alike, and what is sent takes its time.
const MARGIN: Duration = Duration::from_millis(500);

/// The lead is renewed when it is as old as this.
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(1);

/// A standby that was not seen for this time is none.
const STANDBY_TIMEOUT: &str = "interval '10 seconds'";

/// The lead, as the one that has it knows it.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) epoch: i64,
    pub(super) lease: Lease,
    renewed: Instant,
}

impl Lead {
    /// Whether it is time to renew it.
    pub(super) fn is_due(&self) -> bool {
        self.renewed.elapsed() >= RENEW_AFTER
    }

    /// It was renewed by a statement that was sent at `asked`.
    pub(super) fn renewed(&mut self, asked: Instant) {
        self.renewed = asked;
        self.lease.move_to(asked + LEASE - MARGIN);
    }

    /// The statement that renews it. Writes nothing if another relay has taken the lead.
    pub(super) fn renewal(&self) -> String {
        format!(
            "UPDATE leader SET until = clock_timestamp() + interval '{} seconds' WHERE epoch = {}",
            LEASE.as_secs(),
            self.epoch
        )
    }

    /// A question that has a row if this is the lead still, and keeps it from being taken until the transaction ends.
    pub(super) fn look(&self) -> String {
        format!("SELECT FROM leader WHERE epoch = {} FOR SHARE", self.epoch)
    }

    /// Whether no other relay has taken it.
    pub(super) async fn is_ours(&self, db: &mut PgConnection) -> sqlx::Result<bool> {
        let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM leader").fetch_one(db).await?;
        Ok(epoch == self.epoch)
    }

    /// Gives it up, so that another relay need not wait for its end.
    pub(super) async fn give_up(self, db: &mut PgConnection) -> sqlx::Result<()> {
        self.lease.move_to(Instant::now());
        sqlx::query("UPDATE leader SET until = '-infinity' WHERE epoch = $1")
            .bind(self.epoch)
            .execute(db)
            .await?;
        Ok(())
    }
}

/// Takes the lead if nobody has it, or `name` had it last: a relay that crashed and was started again need not wait.
///
/// # Errors
/// That of a statement.
pub(super) async fn take(db: &mut PgConnection, name: &str, again: bool) -> sqlx::Result<Option<Lead>> {
    let asked = Instant::now();
    let taken = sqlx::query_scalar(
        "UPDATE leader SET epoch = epoch + 1, holder = $1, until = clock_timestamp() + make_interval(secs => $2) \
         WHERE until < clock_timestamp() OR (holder = $1 AND $3) RETURNING epoch",
    )
    .bind(name)
    .bind(LEASE.as_secs_f64())
    .bind(again);
    let Some(epoch) = taken.fetch_optional(&mut *db).await? else { return Ok(None) };
    sqlx::query("DELETE FROM standbys WHERE name = $1").bind(name).execute(db).await?;
    let mut lead = Lead { epoch, lease: Lease::until(asked), renewed: asked };
    lead.renewed(asked);
    Ok(Some(lead))
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
        "SELECT holder, until > clock_timestamp(), ARRAY(SELECT name FROM standbys WHERE seen > clock_timestamp() - \
         {STANDBY_TIMEOUT} ORDER BY name) FROM leader"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(db).await?;
    let (name, holds) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Leader { name, holds, standbys: row.try_get(2)? })
}
