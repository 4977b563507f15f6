//! Of several relays with one journal in `PostgreSQL`, those that do not work: they wait until they may. Knows nothing of how the lead is
//! kept.

use super::connection::Connection;
use super::handle::Journal;
use super::nouns::Leader;
use super::open_error::OpenError;
use super::postgres::{self, Candidate, PostgresStore};
use super::reader::JournalReader;
use super::retention::Retention;
use super::writer::Writer;
use crate::config::JournalServer;
use crate::model::LateArrival;

/// A relay that may take the lead.
#[derive(Debug)]
pub struct Standby {
    server: JournalServer,
    candidate: Candidate,
}

impl Standby {
    /// Connects to the database, and makes the tables where there are none.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used, or a newer version has written it.
    pub async fn open(server: &JournalServer) -> Result<Self, OpenError> {
        Ok(Self { server: server.clone(), candidate: Candidate::open(server).await? })
    }

    /// Takes the lead and opens the journal; `None` while another relay leads. `again`: also if this one led last and has not given the
    /// lead up, so that a relay that crashed need not wait after a restart.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew. Or its payloads were sealed with another key.
    pub async fn lead(
        &mut self,
        retention: Retention,
        again: bool,
    ) -> Result<Option<(Journal, Writer)>, OpenError> {
        let opened = PostgresStore::lead(&self.server, &mut self.candidate, again).await?;
        Ok(opened.map(|(store, opened)| Writer::to_postgres(store, opened, retention)))
    }

    /// Tells the others that this relay stands by. Returns who leads.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew.
    pub async fn stand_by(&mut self) -> Result<Leader, OpenError> {
        self.candidate.stand_by().await
    }

    /// Hands on what this relay had read when another one took the lead: see [`Journal::take_late`]. It can be repeated.
    ///
    /// # Errors
    /// [`OpenError`]: the database can't be used; the next call connects anew.
    pub async fn hand_on(&mut self, late: &[LateArrival]) -> Result<(), OpenError> {
        self.candidate.hand_on(late).await
    }

    /// Stands by no more.
    pub async fn go(self) {
        self.candidate.go().await;
    }
}

impl JournalReader {
    /// Who leads, of several relays with this journal; `None` for one in a file, which has one.
    ///
    /// # Errors
    /// [`OpenError`]: the journal can't be opened or read.
    pub async fn leader(&self) -> Result<Option<Leader>, OpenError> {
        if self.place.file().is_some() {
            return Ok(None);
        }
        self.read(async |db| match db {
            Connection::Sqlite(_) => Ok(None),
            Connection::Postgres(db) => postgres::leader(db).await.map(Some),
        })
        .await
    }
}
