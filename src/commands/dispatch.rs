//! Ad-hoc commands (XEP-0050): who may give which, sessions of several pages, refusals. What each of them does stands in
//! a file of its own. Knows nothing of the link: a question comes in, an answer goes out.
//!
//! A person who gives a command is known by their bare JID alone, for which their server vouches.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{debug, warn};

use super::admin_groups::Order;
use crate::config::{Changes, ConfigError, Live};
use crate::journal::{Closed, Journal, OpenError};
use crate::link::Link;
use crate::model::address;
use crate::wire::command::{Action, Actions, Command, Note, NoteKind, Status};
use crate::wire::data_form::Form;
use crate::wire::error::Refusal;
use crate::wire::{Condition, Iq, IqPayload, StanzaError};

/// A session that nobody goes on with is forgotten after this time.
const SESSION_IDLE_TIME: Duration = Duration::from_secs(10 * 60);
/// Sessions that are remembered.
const MAX_SESSIONS: u64 = 1000;
/// Commands that are carried out at the same time.
const MAX_SESSIONS_PER_PERSON: usize = 8;
/// Bytes of what somebody has filled in; 200 addresses of a usual length.
const MAX_FORM_BYTES: usize = 16_000;

/// A command that people can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Settings,
    Held,
    Forget,
    Statistics,
    Recent,
    Block,
    Reload,
    Group(Order),
}

impl Which {
    const ALL: [Self; 13] = [
        Self::Settings,
        Self::Held,
        Self::Forget,
        Self::Statistics,
        Self::Recent,
        Self::Block,
        Self::Group(Order::List),
        Self::Group(Order::Create),
        Self::Group(Order::Add),
        Self::Group(Order::Remove),
        Self::Group(Order::Allow),
        Self::Group(Order::Delete),
        Self::Reload,
    ];

    fn listed(self) -> Listed {
        let (node, name) = match self {
            Self::Settings => ("my-settings", "My settings"),
            Self::Held => ("my-data", "What the relay holds about me"),
            Self::Forget => ("forget-me", "Forget me"),
            Self::Statistics => ("statistics", "Statistics"),
            Self::Recent => ("recent-invitations", "Recent invitations"),
            Self::Block => ("block-for-everybody", "Block a room, a service or a person for everybody"),
            Self::Reload => ("reload", "Read the configuration again"),
            Self::Group(order) => return order.listed(),
        };
        Listed { node, name }
    }

    fn is_for_admins(self) -> bool {
        matches!(self, Self::Statistics | Self::Recent | Self::Block | Self::Reload | Self::Group(_))
    }

    /// What stands above a page.
    fn instructions(self, page: usize) -> &'static str {
        match (self, page) {
            (Self::Settings, 0) => "From whom to take invitations. The next page is about what to block.",
            (Self::Settings, _) => "What is blocked invites you no more, and nobody is told.",
            (Self::Group(order), _) => order.instructions(),
            (Self::Block, _) => "What is blocked invites nobody here any more, and nobody is told.",
            _ => "",
        }
    }

    /// Pages to be filled in before it is carried out.
    fn pages(self) -> usize {
        match self {
            Self::Settings => 2,
            Self::Forget | Self::Block => 1,
            Self::Group(order) => order.pages(),
            Self::Held | Self::Statistics | Self::Recent | Self::Reload => 0,
        }
    }
}

/// A command in a list of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// What it is called on the wire.
    pub node: &'static str,
    /// What it is called for people.
    pub name: &'static str,
}

/// What somebody has filled in so far, by field.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft(HashMap<String, Vec<String>>);

impl Draft {
    /// The values of a field; `None` as long as it has not been seen.
    pub(super) fn values(&self, var: &str) -> Option<&[String]> {
        self.0.get(var).map(Vec::as_slice)
    }

    pub(super) fn first(&self, var: &str) -> Option<&str> {
        self.values(var)?.first().map(String::as_str)
    }

    #[cfg(test)]
    pub(super) fn of(filled_in: &[(&str, &[&str])]) -> Self {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Self(filled_in.iter().map(|(var, values)| ((*var).to_owned(), owned(values))).collect())
    }

    pub(super) fn absorb(&mut self, form: &Form) -> Result<(), Failure> {
        for field in &form.fields {
            if let Some(var) = &field.var {
                self.0.insert(var.clone(), field.values.clone());
            }
        }
        let size = |(var, values): (&String, &Vec<String>)| {
            var.len() + values.iter().map(|it| it.len() + 1).sum::<usize>()
        };
        if self.0.iter().map(size).sum::<usize>() > MAX_FORM_BYTES {
            return Err(Refusal::BadPayload.into());
        }
        Ok(())
    }
}

/// Somebody wants the configuration to be read again, and to know what came of it.
pub type AskedToReload = oneshot::Sender<Result<Changes, ConfigError>>;

/// What becomes of a command when it has been filled in.
pub(super) enum Outcome {
    /// It is carried out.
    Done { note: String, form: Form },
    /// It can't be, and this page is to be filled in again.
    Again { page: usize, complaint: String },
}

/// Why there is nothing but an error to answer with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(StanzaError),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Journal(#[from] OpenError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Condition> for Failure {
    fn from(condition: Condition) -> Self {
        Self::Refused(StanzaError::new(condition, None))
    }
}

#[derive(Debug, Clone)]
struct Session {
    id: String,
    person: BareJid,
    which: Which,
    page: usize,
    draft: Draft,
}

/// Everybody's commands.
#[derive(Debug)]
pub struct Commands {
    component: String,
    pub(super) config: Live,
    pub(super) journal: Journal,
    pub(super) path: PathBuf,
    pub(super) link: Link,
    pub(super) reload: mpsc::Sender<AskedToReload>,
    /// One at a time reads all of the history.
    pub(super) reading: Semaphore,
    at_once: Semaphore,
    sessions: moka::sync::Cache<String, Session>,
    prefix: String,
    next: AtomicU64,
}

impl Commands {
    /// The commands under this configuration, and who reads it again when one says so.
    #[must_use]
    pub fn new(config: Live, journal: Journal, link: Link, reload: mpsc::Sender<AskedToReload>) -> Self {
        let now = config.load_full();
        Self {
            component: now.component.jid.clone(),
            config,
            journal,
            path: now.journal.path.clone(),
            link,
            reload,
            reading: Semaphore::new(1),
            at_once: Semaphore::new(MAX_SESSIONS_PER_PERSON),
            sessions: moka::sync::Cache::builder()
                .max_capacity(MAX_SESSIONS)
                .time_to_idle(SESSION_IDLE_TIME)
                .build(),
            prefix: format!("{:08x}", fastrand::u32(..)),
            next: AtomicU64::new(0),
        }
    }

    /// The commands that the sender of this question may give where they ask: on the component's domain.
    #[must_use]
    pub fn listed(&self, question: &Iq) -> Vec<Listed> {
        let Some(person) = self.person(question) else { return Vec::new() };
        let allowed = Which::ALL.into_iter().filter(|which| self.may(&person, *which));
        allowed.map(Which::listed).collect()
    }

    /// Carries a command out, as far as it has come. The answer to whatever else is an error.
    pub async fn answer(&self, question: &Iq) -> Iq {
        let Ok(_alive) = self.at_once.try_acquire() else { return Self::too_many(question) };
        match self.obey(question).await {
            Ok(answer) => Iq { payload: IqPayload::Command(answer).into(), ..Iq::result_to(question) },
            Err(Failure::Refused(error)) => Iq::error_with(question, error),
            Err(failure) => {
                warn!("a command could not be carried out: {failure}");
                Iq::error_to(question, Condition::InternalServerError)
            }
        }
    }

    /// The answer to commands that come faster than they may.
    #[must_use]
    pub fn too_many(question: &Iq) -> Iq {
        let text = "Too many commands: please wait a while.";
        Iq::error_with(question, StanzaError::new(Condition::ResourceConstraint, Some(text)))
    }

    async fn obey(&self, question: &Iq) -> Result<Command, Failure> {
        let Some(command) = question.command() else { return Err(Condition::BadRequest.into()) };
        let which = Which::ALL.into_iter().find(|which| Some(which.listed().node) == command.node.as_deref());
        let which = which.filter(|_| question.to.as_deref() == Some(&self.component));
        let which = which.ok_or(Condition::ItemNotFound)?;
        let person =
            self.person(question).filter(|person| self.may(person, which)).ok_or(Condition::Forbidden)?;
        let action = command.action().ok_or(Refusal::MalformedAction)?;
        let filled_in = command.filled_in();
        let Some(id) = &command.sessionid else {
            if action != Action::Execute {
                return Err(Refusal::BadAction.into());
            }
            let session = Session { id: self.new_id(), person, which, page: 0, draft: Draft::default() };
            // Programs fill in what they know before they are asked.
            if filled_in.is_some() || which.pages() == 0 {
                return self.complete(session, filled_in).await;
            }
            return self.ask(session, None).await;
        };
        let session = self.resume(id, &person, which)?;
        let given_up = command.form.as_ref().is_some_and(|form| form.type_.as_deref() == Some("cancel"));
        match action {
            _ if given_up => Ok(canceled(session)),
            Action::Cancel => Ok(canceled(session)),
            Action::Execute | Action::Complete => self.complete(session, filled_in).await,
            Action::Next if session.page + 1 < which.pages() => {
                self.turn(Session { page: session.page + 1, ..session }, filled_in).await
            }
            Action::Prev if session.page > 0 => {
                self.turn(Session { page: session.page - 1, ..session }, filled_in).await
            }
            Action::Next | Action::Prev => {
                self.keep(session);
                Err(Refusal::BadAction.into())
            }
        }
    }

    /// A person, not a server or somebody in a room, who asks the component itself.
    pub(super) fn person(&self, question: &Iq) -> Option<BareJid> {
        let person = address::own(question.from.as_deref()?).ok()?;
        let in_a_room = self.config.load().muc.serves(person.domain().as_str());
        let asks_us = question.to.as_deref() == Some(&self.component);
        (asks_us && person.node().is_some() && !in_a_room).then_some(person)
    }

    fn may(&self, person: &BareJid, which: Which) -> bool {
        !which.is_for_admins() || self.config.load().admins.jids.contains(person)
    }

    fn new_id(&self) -> String {
        format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a session out of its place: the caller that goes on with it puts it back.
    fn resume(&self, id: &str, person: &BareJid, which: Which) -> Result<Session, Refusal> {
        let number =
            id.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok());
        let was_ours = number.is_some_and(|number| number < self.next.load(Ordering::Relaxed));
        match self.sessions.get(id) {
            Some(session) if session.person != *person || session.which != which => {
                Err(Refusal::BadSessionid)
            }
            Some(_) => self.sessions.remove(id).ok_or(Refusal::SessionExpired),
            None if was_ours => Err(Refusal::SessionExpired),
            None => Err(Refusal::BadSessionid),
        }
    }

    fn keep(&self, session: Session) {
        self.sessions.insert(session.id.clone(), session);
    }

    /// Goes to another page, with what has been filled in on this one.
    async fn turn(&self, mut session: Session, filled_in: Option<&Form>) -> Result<Command, Failure> {
        if let Some(form) = filled_in {
            session.draft.absorb(form)?;
        }
        self.ask(session, None).await
    }

    async fn complete(&self, mut session: Session, filled_in: Option<&Form>) -> Result<Command, Failure> {
        if let Some(form) = filled_in {
            session.draft.absorb(form)?;
        }
        let (person, draft) = (&session.person, &session.draft);
        let outcome = match session.which {
            Which::Settings => self.settings(person, draft).await?,
            Which::Held => self.held(person).await?,
            Which::Forget => self.forget(person, draft).await?,
            Which::Statistics => self.statistics().await?,
            Which::Recent => self.recent().await?,
            Which::Block => self.block(person, draft).await?,
            Which::Reload => self.read_again(person).await?,
            Which::Group(order) => self.group(order, person, draft).await?,
        };
        match outcome {
            Outcome::Done { note, form } => {
                debug!(%person, command = session.which.listed().node, "{note}");
                Ok(Command {
                    notes: vec![Note::new(NoteKind::Info, &note)],
                    form: form.into(),
                    ..step(session, Status::Completed)
                })
            }
            Outcome::Again { page, complaint } => {
                self.ask(Session { page, ..session }, Some(complaint)).await
            }
        }
    }

    /// Shows the session's page, and waits for it to be filled in.
    async fn ask(&self, session: Session, complaint: Option<String>) -> Result<Command, Failure> {
        let (person, draft) = (&session.person, &session.draft);
        let fields = match (session.which, session.page) {
            (Which::Settings, 0) => self.settings_from_whom(person, draft).await?,
            (Which::Settings, _) => self.settings_blocks(person, draft).await?,
            (Which::Forget, _) => Self::forget_what(draft),
            (Which::Block, _) => self.block_whom(draft).await?,
            (Which::Group(order), _) => self.group_fields(order, draft).await?,
            (Which::Held | Which::Statistics | Which::Recent | Which::Reload, _) => Vec::new(),
        };
        let allowed = [
            (Action::Prev, session.page > 0),
            (Action::Next, session.page + 1 < session.which.pages()),
            (Action::Complete, true),
        ];
        let allowed = allowed.into_iter().filter(|(_, allowed)| *allowed).map(|(action, _)| action).collect();
        // Not every client shows notes.
        let instructions = complaint.as_deref().unwrap_or(session.which.instructions(session.page));
        let form = Form::to_fill_in(session.which.listed().name, instructions, fields);
        self.keep(session.clone());
        Ok(Command {
            actions: Actions { execute: Some(Action::Complete), allowed }.into(),
            notes: complaint.iter().map(|text| Note::new(NoteKind::Error, text)).collect(),
            form: form.into(),
            ..step(session, Status::Executing)
        })
    }
}

fn canceled(session: Session) -> Command {
    step(session, Status::Canceled)
}

fn step(session: Session, status: Status) -> Command {
    Command {
        node: Some(session.which.listed().node.to_owned()),
        sessionid: Some(session.id),
        status: Some(status),
        ..Command::default()
    }
}
