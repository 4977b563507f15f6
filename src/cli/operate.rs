//! `block`, `unblock`, `blocks`, `groups`: what admins do by ad-hoc commands, from the shell. The running relay carries it out; if
//! none runs, this process does. Knows nothing of what they do.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;

use super::command::{CommandError, block_on};
use crate::commands::{ShellAnswer, ShellCommand};
use crate::config::{Config, ConfigError};
use crate::daemon::control::{self, Answered};
use crate::daemon::orders::SHELL_WORD;
use crate::model::group::MayUse;
use crate::{daemon, journal};

#[derive(Debug, clap::Args)]
pub(super) struct Addresses {
    /// Bare JIDs of rooms or people, or domains
    #[arg(value_name = "JID", required = true, value_parser = without_a_resource)]
    jids: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct GroupArguments {
    #[command(subcommand)]
    command: GroupCommand,
}

#[derive(Debug, clap::Subcommand)]
enum GroupCommand {
    /// List all groups, those of the configuration included
    List,
    /// Show who is in a group, and who may use it
    Show {
        /// The group
        name: String,
    },
    /// Create a group
    Create {
        /// Its name, as it stands before the @
        name: String,
        /// Who is in it: bare JIDs, or @NAME for all of another group
        #[arg(value_name = "ENTRY", required = true, value_parser = without_a_resource)]
        entries: Vec<String>,
        /// Who may use it: everybody who may invite to the room, its members, or named people
        #[arg(long, value_parser = may_use(), default_value = "everybody")]
        may_use: String,
        /// The people who may use it, with --may-use named
        #[arg(long, value_name = "JID,…", value_delimiter = ',', value_parser = without_a_resource)]
        users: Vec<String>,
    },
    /// Add to a group
    Add(Entries),
    /// Remove from a group
    Remove(Entries),
    /// Delete a group
    Delete {
        /// The group
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct Entries {
    /// The group
    name: String,
    /// Bare JIDs, or @NAME for all of another group
    #[arg(value_name = "ENTRY", required = true, value_parser = without_a_resource)]
    entries: Vec<String>,
}

fn may_use() -> PossibleValuesParser {
    PossibleValuesParser::new(MayUse::ALL.iter().map(|it| it.as_str()))
}

/// Passes on what has no resource: an occupant's address must not be taken for the whole room. All else is looked at by the command.
///
/// # Errors
/// It has one.
fn without_a_resource(text: &str) -> Result<String, &'static str> {
    let bare = !text.contains('/');
    bare.then(|| text.to_owned()).ok_or("write a bare JID, such as bob@example.org")
}

impl Addresses {
    pub(super) fn block(self) -> ShellCommand {
        ShellCommand::Block(self.jids)
    }

    pub(super) fn unblock(self) -> ShellCommand {
        ShellCommand::Unblock(self.jids)
    }
}

impl GroupArguments {
    /// # Errors
    /// Who may use the group is said in two ways that exclude each other.
    pub(super) fn command(self) -> Result<ShellCommand, CommandError> {
        Ok(match self.command {
            GroupCommand::List => ShellCommand::Groups,
            GroupCommand::Show { name } => ShellCommand::ShowGroup(name),
            GroupCommand::Create { name, entries, may_use, users } => {
                if let Some(why) = wrong_users(&may_use, &users) {
                    return Err(CommandError::Refused { why, wrong: true });
                }
                ShellCommand::CreateGroup { name, entries, may_use, users }
            }
            GroupCommand::Add(Entries { name, entries }) => ShellCommand::AddToGroup(name, entries),
            GroupCommand::Remove(Entries { name, entries }) => ShellCommand::RemoveFromGroup(name, entries),
            GroupCommand::Delete { name } => ShellCommand::DeleteGroup(name),
        })
    }
}

/// Why these can't be the people who may use a group, in the words of the options. The relay looks at them again.
fn wrong_users(may_use: &str, users: &[String]) -> Option<String> {
    if let Some(group) = users.iter().find(|user| user.starts_with('@')) {
        return Some(format!("--users takes people's addresses alone, and {group} is a group"));
    }
    match (may_use == MayUse::Named.as_str(), users.is_empty()) {
        (true, true) => {
            Some("--may-use named lets nobody use the group: name people with --users JID,…".to_owned())
        }
        (false, false) => Some(format!(
            "--users has no effect with --may-use {may_use}: write --may-use named, or leave --users out"
        )),
        _ => None,
    }
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    command: ShellCommand,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let config = load()?;
    let answer = block_on(carry_out(config, command))??;
    let why = || CommandError::Refused { why: answer.lines.join("\n"), wrong: false };
    if !answer.done {
        return Err(why());
    }
    for line in &answer.lines {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn carry_out(config: Config, command: ShellCommand) -> Result<ShellAnswer, CommandError> {
    let failed = |why: String| CommandError::Refused { why, wrong: false };
    let socket = config.journal.socket.clone();
    let mut answer = None;
    let asked = control::order(&socket, SHELL_WORD, &command, |it: ShellAnswer| {
        answer = Some(it);
        Ok(())
    });
    match asked.await {
        Ok(Answered::Yes(())) => {
            answer.ok_or_else(|| failed("the relay gave no answer: it stops, or is older".to_owned()))
        }
        Ok(Answered::Nobody { .. }) => {
            if let Some(owner) = journal::owned_by_another(&config.journal.socket) {
                return Err(failed(format!(
                    "no relay runs, and the journal's folder belongs to user {owner}: run this as that user ({} \
                     muc-invite-relay …)",
                    journal::as_owner(&config.journal.socket)
                )));
            }
            Ok(daemon::without_relay(config, "the shell", command).await?)
        }
        Ok(Answered::Hangs(process)) => Err(CommandError::no_answer(process)),
        Err(e) if e.kind() == ErrorKind::ArgumentListTooLong => {
            Err(CommandError::Refused { why: format!("{e}: give fewer addresses at once"), wrong: true })
        }
        Err(e) => Err(CommandError::not_asked(&e, &config.journal.socket)),
    }
}
