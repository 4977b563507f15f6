//! Ad-hoc commands (XEP-0050): who may give which, the steps of a session, refusals. Each command is carried out in a file of
//! its own. Knows nothing of how questions come in and answers go out.

use jid::BareJid;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::catalogue::{CommandKind, Listed};
use super::context::{AskedToInvite, AskedToReload, Context};
use super::outcome::{Failure, Outcome};
use super::sessions::{Session, Sessions};
use super::shell::{self, ShellAnswer, ShellCommand};
use super::turns::Turns;
use super::{admin, admin_groups, admin_invite, group_list, user_data, user_settings};
use crate::config::Live;
use crate::journal::Journal;
use crate::link::Link;
use crate::model::Language;
use crate::model::address;
use crate::texts::{Id, text};
use crate::wire::command::{Action, Actions, Command, Note, NoteKind, Status};
use crate::wire::data_form::Form;
use crate::wire::error::Refusal;
use crate::wire::{Condition, Iq, IqPayload, StanzaError};

/// The ad-hoc commands of the component.
#[derive(Debug)]
pub struct Commands {
    cx: Context,
    sessions: Sessions,
    turns: Turns,
}

impl Commands {
    /// Commands that work on these. `reload`, `invite`: where admins' requests go to read the configuration again, and to
    /// invite.
    #[must_use]
    pub fn new(
        config: Live,
        journal: Journal,
        link: Link,
        reload: mpsc::Sender<AskedToReload>,
        invite: mpsc::Sender<AskedToInvite>,
    ) -> Self {
        Self {
            cx: Context::new(config, journal, link, reload, invite),
            sessions: Sessions::new(),
            turns: Turns::new(),
        }
    }

    /// The commands that the sender of this question may give; none if the question is not to the component's own address.
    #[must_use]
    pub fn listed(&self, question: &Iq) -> Vec<Listed> {
        let Some(person) = self.cx.person(question) else { return Vec::new() };
        let allowed = CommandKind::ALL.into_iter().filter(|kind| self.may(&person, *kind));
        allowed.map(|kind| kind.listed(question.language())).collect()
    }

    /// The answer to a question for the component's items (XEP-0030 §4): the groups that the sender may use. `None` if it
    /// is another question, or the groups can't be read.
    pub async fn groups_for(&self, question: &Iq) -> Option<Iq> {
        group_list::groups_for(&self.cx, question).await
    }

    /// Carries out one step of a command. The answer to any other IQ is an error.
    pub async fn answer(&self, question: &Iq) -> Iq {
        let person = address::split_resource(question.from.as_deref().unwrap_or_default()).0;
        let Some(_turn) = self.turns.take(person).await else { return Self::too_many(question) };
        match self.step(question).await {
            Ok(answer) => Iq { payload: IqPayload::Command(answer).into(), ..Iq::result_to(question) },
            Err(Failure::Refused(error)) => Iq::error_with(question, error),
            Err(failure) => {
                warn!("a command could not be carried out: {failure}");
                Iq::error_to(question, Condition::InternalServerError)
            }
        }
    }

    /// Carries out a command of an operator; `by`: who gives it, for the log.
    pub async fn by_shell(&self, by: &str, command: ShellCommand) -> ShellAnswer {
        match shell::carry_out(&self.cx, by, command).await {
            Ok(answer) => answer,
            Err(failure) => ShellAnswer { done: false, lines: vec![failure.to_string()] },
        }
    }

    /// The answer to a command above the limit.
    #[must_use]
    pub fn too_many(question: &Iq) -> Iq {
        let text = text(question.language(), Id::TooManyCommands);
        Iq::error_with(question, StanzaError::new(Condition::ResourceConstraint, Some(&text)))
    }

    async fn step(&self, question: &Iq) -> Result<Command, Failure> {
        let Some(command) = question.command() else { return Err(Condition::BadRequest.into()) };
        let kind = command.node.as_deref().and_then(CommandKind::of_node);
        let kind = kind.filter(|_| question.to.as_deref() == Some(self.cx.link.component()));
        let kind = kind.ok_or(Condition::ItemNotFound)?;
        let person =
            self.cx.person(question).filter(|person| self.may(person, kind)).ok_or(Condition::Forbidden)?;
        let action = command.action().ok_or(Refusal::MalformedAction)?;
        let (language, filled_in) = (question.language(), command.filled_in());
        let Some(id) = &command.sessionid else {
            if action != Action::Execute {
                return Err(Refusal::BadAction.into());
            }
            let session = self.sessions.begin(person, kind);
            // Programs may send the fields with the first step.
            return match kind.instructions(language, self.cx.link.component()) {
                Some(instructions) if filled_in.is_none() => {
                    self.show_form(session, language, &instructions, None).await
                }
                _ => self.carry_out(session, language, filled_in).await,
            };
        };
        let session = self.sessions.resume(id, &person, kind)?;
        let form_is_cancelled =
            command.form.as_ref().is_some_and(|form| form.type_.as_deref() == Some("cancel"));
        match action {
            _ if form_is_cancelled => Ok(reply(session, Status::Canceled)),
            Action::Cancel => Ok(reply(session, Status::Canceled)),
            Action::Execute | Action::Complete => self.carry_out(session, language, filled_in).await,
            // There is one form only, which is shown with what has been filled in.
            Action::Next | Action::Prev => self.show_again(session, language, filled_in).await,
        }
    }

    fn may(&self, person: &BareJid, kind: CommandKind) -> bool {
        !kind.is_for_admins() || self.cx.config.load().admins.jids.contains(person)
    }

    async fn show_again(
        &self,
        mut session: Session,
        language: Language,
        filled_in: Option<&Form>,
    ) -> Result<Command, Failure> {
        if let Some(form) = filled_in {
            session.draft.absorb(form)?;
        }
        let instructions = session.kind.instructions(language, self.cx.link.component());
        self.show_form(session, language, &instructions.unwrap_or_default(), None).await
    }

    async fn carry_out(
        &self,
        mut session: Session,
        language: Language,
        filled_in: Option<&Form>,
    ) -> Result<Command, Failure> {
        if let Some(form) = filled_in {
            session.draft.absorb(form)?;
        }
        let (cx, person, draft) = (&self.cx, &session.person, &session.draft);
        let outcome = match session.kind {
            CommandKind::Settings => user_settings::save(cx, language, person, draft).await?,
            CommandKind::Data => user_data::show(cx, language, person).await?,
            CommandKind::Forget => user_data::forget(cx, language, person, draft).await?,
            CommandKind::Statistics => admin::statistics(cx, language).await?,
            CommandKind::Recent => admin::recent_invitations(cx, language).await?,
            CommandKind::Block => admin::block(cx, language, person.as_str(), draft).await?,
            CommandKind::Reload => admin::reload(cx, language, person).await?,
            CommandKind::Invite => admin_invite::invite(cx, language, person, draft).await?,
            CommandKind::Group(command) => {
                admin_groups::carry_out(cx, language, command, person.as_str(), draft).await?
            }
        };
        match outcome {
            Outcome::Done { note, form } => {
                debug!(%person, command = session.kind.node(), "{note}");
                Ok(Command {
                    lang: Some(language.as_str().to_owned()),
                    notes: vec![Note::new(NoteKind::Info, &note)],
                    form: form.into(),
                    ..reply(session, Status::Completed)
                })
            }
            // Not every client shows notes.
            Outcome::Again { complaint } => {
                self.show_form(session, language, &complaint, Some(&complaint)).await
            }
        }
    }

    /// Shows the form of a session, and stores the session until the next step.
    async fn show_form(
        &self,
        session: Session,
        language: Language,
        instructions: &str,
        complaint: Option<&str>,
    ) -> Result<Command, Failure> {
        let (cx, person, draft) = (&self.cx, &session.person, &session.draft);
        let fields = match session.kind {
            CommandKind::Settings => user_settings::form(cx, language, person, draft).await?,
            CommandKind::Forget => user_data::forget_form(language, draft),
            CommandKind::Block => admin::block_form(cx, language, draft).await?,
            CommandKind::Group(command) => admin_groups::form(cx, language, command, draft).await?,
            CommandKind::Invite => admin_invite::form(language, draft),
            CommandKind::Data | CommandKind::Statistics | CommandKind::Recent | CommandKind::Reload => {
                Vec::new()
            }
        };
        let form = Form::to_fill_in(&session.kind.name(language), instructions, fields);
        self.sessions.store(session.clone());
        Ok(Command {
            lang: Some(language.as_str().to_owned()),
            actions: Actions { execute: Some(Action::Complete), allowed: vec![Action::Complete] }.into(),
            notes: complaint.iter().map(|text| Note::new(NoteKind::Error, text)).collect(),
            form: form.into(),
            ..reply(session, Status::Executing)
        })
    }
}

/// The reply to a step of a session, without a form.
fn reply(session: Session, status: Status) -> Command {
    Command {
        node: Some(session.kind.node().to_owned()),
        sessionid: Some(session.id),
        status: Some(status),
        ..Command::default()
    }
}
