//! What the commands work with: the configuration, the journal, the link. Knows nothing of single commands.

use jid::BareJid;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::outcome::Failure;
use crate::config::{Changes, ConfigError, Live};
use crate::journal::{Journal, JournalReader};
use crate::link::Link;
use crate::model::address;
use crate::model::group::{Book, KeptGroup};
use crate::model::invite::{InviteEvent, InviteRequest};
use crate::wire::Iq;

/// A request to read the configuration again; the result is sent back through it.
pub type AskedToReload = oneshot::Sender<Result<Changes, ConfigError>>;

/// A request to invite.
#[derive(Debug)]
pub struct AskedToInvite {
    /// What is asked for.
    pub request: InviteRequest,
    /// Who asks, for the log.
    pub by: String,
    /// Where is told what becomes of it. Nothing more is begun when the receiver is gone.
    pub events: mpsc::Sender<InviteEvent>,
}

/// What all commands share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) config: Live,
    pub(super) journal: Journal,
    pub(super) link: Link,
    /// Where a reload is requested.
    pub(super) reload: mpsc::Sender<AskedToReload>,
    /// Where requests to invite go.
    pub(super) invite: mpsc::Sender<AskedToInvite>,
    /// To be held while the whole history is read: one command at a time does that.
    pub(super) history: Semaphore,
    reader: JournalReader,
}

impl Context {
    pub(super) fn new(
        config: Live,
        journal: Journal,
        link: Link,
        reload: mpsc::Sender<AskedToReload>,
        invite: mpsc::Sender<AskedToInvite>,
    ) -> Self {
        let reader = JournalReader::new(&config.load().journal.place);
        Self { config, journal, link, reload, invite, history: Semaphore::new(1), reader }
    }

    /// Reads the journal's file.
    pub(super) fn reader(&self) -> &JournalReader {
        &self.reader
    }

    /// The sender, if they are a person (not a server, nor somebody in a room) and ask the component's own address.
    ///
    /// They are known by their bare JID alone, for which their server vouches.
    pub(super) fn person(&self, question: &Iq) -> Option<BareJid> {
        let person = address::own(question.from.as_deref()?).ok()?;
        let in_a_room = self.config.load().muc.serves(person.domain().as_str());
        let asks_us = question.to.as_deref() == Some(self.link.component());
        (asks_us && person.node().is_some() && !in_a_room).then_some(person)
    }

    /// The groups that admins keep.
    ///
    /// # Errors
    /// [`Failure::Journal`] if the journal can't be read.
    pub(super) async fn kept_groups(&self) -> Result<Vec<KeptGroup>, Failure> {
        Ok(self.reader().kept_groups().await?)
    }

    /// All groups: those of the configuration and those that admins keep.
    ///
    /// # Errors
    /// [`Failure::Journal`] if the journal can't be read.
    pub(super) async fn groups(&self) -> Result<Book, Failure> {
        let kept = self.kept_groups().await?;
        Ok(Book::new(&self.config.load().groups, kept))
    }
}
