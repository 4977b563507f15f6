//! A relay that may lead: it stands by until it does. Knows nothing of what is written by the one that leads.

use sqlx::{Connection, PgConnection};
use tokio::time::{Duration, Instant};
use tracing::debug;

use super::late;
use super::lead::{self, Free, Lead};
use super::sealed::Sealer;
use super::session::{self, Purpose, TRANSACTION_TIMEOUT, open_error};
use crate::config::JournalServer;
use crate::journal::nouns::Leader;
use crate::journal::open_error::OpenError;
use crate::model::LateArrival;

/// An answer that takes longer is not one of a database that is well.
const PROMPT: Duration = Duration::from_secs(1);

/// For so long a lead that was not given up must be seen to have ended.
const SEEN_TO_HAVE_ENDED: Duration = Duration::from_secs(1);

/// How often a standby says that it is there.
const SEEN_EVERY: Duration = Duration::from_secs(2);

/// A session that waits for the lead.
#[derive(Debug)]
pub(in crate::journal) struct Candidate {
    server: JournalServer,
    db: Option<PgConnection>,
    /// Which of the servers is asked first.
    from: usize,
    seen: Option<Instant>,
    /// Since when the lead is seen to have ended.
    ended: Option<Instant>,
}

impl Candidate {
    /// Connects, and makes the tables where there are none.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used, or a newer version has written it, or with another key.
    pub(in crate::journal) async fn open(server: &JournalServer) -> Result<Self, OpenError> {
        let mut db = session::prepared(server).await?;
        let checking = session::within(TRANSACTION_TIMEOUT, key_check(&mut db));
        let check = checking.await.map_err(|e| open_error(server, e))?;
        if check.is_some_and(|check| !Sealer::new(&server.key).is_key_of(&check)) {
            return Err(wrong_key(server));
        }
        Ok(Self { server: server.clone(), db: Some(db), from: 0, seen: None, ended: None })
    }

    /// Takes the lead if nobody has it: at once where it was given up, and otherwise where it is seen to have ended for a moment in which
    /// the database answers, so that one that could not renew it because of the database can do so. `again`: also if this relay had it
    /// last and has not given it up. With the lead comes the session, whose tables are up to date.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew. Or a newer version has written it.
    pub(super) async fn take(&mut self, again: bool) -> Result<Option<(PgConnection, Lead)>, OpenError> {
        let ended = self.ended.take();
        let mut db = self.session().await?;
        // A newer relay may have led meanwhile, and one that can't work must not take the lead.
        session::not_newer(&self.server, &mut db).await?;
        let (name, asked) = (&self.server.relay, Instant::now());
        let taking = async {
            let free = match lead::free(&mut db, name, again).await? {
                Free::Ended if asked.elapsed() < PROMPT => ended.or(Some(asked)),
                Free::No | Free::Ended => return Ok((None, None)),
                Free::GivenUp => None,
            };
            if free.is_some_and(|since| since.elapsed() < SEEN_TO_HAVE_ENDED) {
                return Ok((None, free));
            }
            Ok((lead::take(&mut db, name, self.server.lease, again).await?, free))
        };
        match session::within(TRANSACTION_TIMEOUT, taking).await {
            Ok((Some(lead), _)) => {
                if let Err(e) = session::up_to_date(&self.server, &mut db).await {
                    // So that one that can work need not wait.
                    let _ = session::within(TRANSACTION_TIMEOUT, lead.give_up(&mut db)).await;
                    return Err(e);
                }
                Ok(Some((db, lead)))
            }
            Ok((None, ended)) => {
                self.ended = ended;
                self.db = Some(db);
                Ok(None)
            }
            Err(e) => Err(open_error(&self.server, e)),
        }
    }

    /// Who leads.
    ///
    /// # Errors
    /// As [`Self::stand_by`].
    pub(super) async fn leader(&mut self) -> Result<Leader, OpenError> {
        let mut db = self.session().await?;
        let asked = session::within(TRANSACTION_TIMEOUT, lead::leader(&mut db)).await;
        self.db = Some(db);
        asked.map_err(|e| open_error(&self.server, e))
    }

    /// Says that this relay stands by; returns who leads.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew.
    pub(in crate::journal) async fn stand_by(&mut self) -> Result<Leader, OpenError> {
        let mut db = self.session().await?;
        let is_due = self.seen.is_none_or(|seen| seen.elapsed() >= SEEN_EVERY);
        let saying = async {
            if is_due {
                lead::stand_by(&mut db, &self.server.relay).await?;
            }
            lead::leader(&mut db).await
        };
        let said =
            session::within(TRANSACTION_TIMEOUT, saying).await.map_err(|e| open_error(&self.server, e))?;
        if is_due {
            self.seen = Some(Instant::now());
        }
        self.db = Some(db);
        Ok(said)
    }

    /// Hands on what this relay had read when another one took the lead. It can be repeated.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew.
    pub(in crate::journal) async fn hand_on(&mut self, late: &[LateArrival]) -> Result<(), OpenError> {
        let mut db = self.session().await?;
        let sealer = Sealer::new(&self.server.key);
        let handing_on = session::within(TRANSACTION_TIMEOUT, late::hand_on(&mut db, &sealer, late)).await;
        handing_on.map_err(|e| open_error(&self.server, e))?;
        self.db = Some(db);
        Ok(())
    }

    /// Stands by no more.
    pub(in crate::journal) async fn go(self) {
        let Some(mut db) = self.db else { return };
        let going = async {
            lead::go(&mut db, &self.server.relay).await?;
            db.close().await
        };
        if let Err(e) = session::within(TRANSACTION_TIMEOUT, going).await {
            debug!("a standby's session: {e}");
        }
    }

    async fn session(&mut self) -> Result<PgConnection, OpenError> {
        match self.db.take() {
            Some(db) => Ok(db),
            None => session::connect(&self.server, &mut self.from, Purpose::Write)
                .await
                .map_err(|e| open_error(&self.server, e)),
        }
    }
}

/// What shows which key the journal was begun with; `None` if it was not yet.
async fn key_check(db: &mut PgConnection) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar("SELECT key_check FROM journal").fetch_optional(db).await
}

pub(super) fn wrong_key(server: &JournalServer) -> OpenError {
    OpenError::WrongKey { server: server.shown.clone(), key_file: server.key_file.clone() }
}
