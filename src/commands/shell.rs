//! The admins' commands as operators give them in the shell: blocks for everybody, and groups. They do the same as the ad-hoc
//! commands, with the same checks and in the same words. Knows nothing of how a command reaches it.

use serde::{Deserialize, Serialize};

use super::catalogue::GroupCommand;
use super::context::Context;
use super::draft::Draft;
use super::outcome::{Failure, Outcome};
use super::{admin, admin_groups, blocks};
use crate::model::Language;
use crate::wire::data_form::Form;

/// A command from the shell. Words are as the operator wrote them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShellCommand {
    /// Blocks these for everybody.
    Block(Vec<String>),
    /// Blocks these no longer.
    Unblock(Vec<String>),
    /// Lists what is blocked for everybody.
    Blocks,
    /// Lists all groups.
    Groups,
    /// Shows a group.
    ShowGroup(String),
    /// Creates a group.
    CreateGroup {
        /// Its name.
        name: String,
        /// Who is in it: addresses and `@names`.
        entries: Vec<String>,
        /// Who may use it: one of [`MayUse`](crate::model::group::MayUse).
        may_use: String,
        /// Who may use it, if it is for named people.
        users: Vec<String>,
    },
    /// Adds to a group: its name, addresses and `@names`.
    AddToGroup(String, Vec<String>),
    /// Removes from a group: its name, addresses and `@names`.
    RemoveFromGroup(String, Vec<String>),
    /// Deletes a group.
    DeleteGroup(String),
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellAnswer {
    /// It was carried out.
    pub done: bool,
    /// What it shows, or why it was not carried out.
    pub lines: Vec<String>,
}

/// Carries a command out. `by`: who gives it, for the log.
pub(super) async fn carry_out(cx: &Context, by: &str, command: ShellCommand) -> Result<ShellAnswer, Failure> {
    let group = async |command, name: String, fields: Vec<(&str, Vec<String>)>| {
        let name = (admin_groups::NAME_FIELD, vec![name]);
        let draft = Draft::of_fields([vec![name], fields].concat());
        admin_groups::carry_out(cx, Language::English, command, by, &draft).await.map(shown)
    };
    let entries = |entries| vec![(admin_groups::ENTRIES_FIELD, entries)];
    match command {
        ShellCommand::Blocks => Ok(done(cx.journal.blocks_for_all().await?.into_iter().collect())),
        ShellCommand::Block(words) => change_blocks(cx, by, blocks::BLOCK_FIELD, words).await,
        ShellCommand::Unblock(words) => unblock(cx, by, words).await,
        ShellCommand::Groups => group(GroupCommand::List, String::new(), Vec::new()).await,
        ShellCommand::ShowGroup(name) => show_group(cx, &name).await,
        ShellCommand::CreateGroup { name, entries: all, may_use, users } => {
            let who = vec![(admin_groups::MAY_USE_FIELD, vec![may_use]), (admin_groups::USERS_FIELD, users)];
            group(GroupCommand::Create, name, [entries(all), who].concat()).await
        }
        ShellCommand::AddToGroup(name, all) => group(GroupCommand::Add, name, entries(all)).await,
        ShellCommand::RemoveFromGroup(name, all) => group(GroupCommand::Remove, name, entries(all)).await,
        ShellCommand::DeleteGroup(name) => group(GroupCommand::Delete, name, Vec::new()).await,
    }
}

async fn change_blocks(
    cx: &Context,
    by: &str,
    field: &'static str,
    words: Vec<String>,
) -> Result<ShellAnswer, Failure> {
    let draft = Draft::of_fields(vec![(field, words)]);
    admin::block(cx, Language::English, by, &draft).await.map(shown)
}

/// The ad-hoc command offers only what is blocked; in the shell anything can be written.
async fn unblock(cx: &Context, by: &str, words: Vec<String>) -> Result<ShellAnswer, Failure> {
    let blocked = cx.journal.blocks_for_all().await?;
    let mut lifted = Vec::new();
    for word in &words {
        let meant = blocks::address_meant(word, cx.link.component()).map(|jid| jid.to_string());
        match meant {
            Ok(jid) if blocked.contains(&jid) => lifted.push(jid),
            _ => return Ok(not_done(format!("Nothing is changed: {word} is not blocked for everybody."))),
        }
    }
    change_blocks(cx, by, blocks::LIFT_FIELD, lifted).await
}

async fn show_group(cx: &Context, name: &str) -> Result<ShellAnswer, Failure> {
    // It is the one that is used, if admins keep another of that name.
    let configured = cx.config.load().groups.get(name).cloned();
    if let Some(people) = configured {
        return Ok(done(people.iter().map(ToString::to_string).collect()));
    }
    let kept = cx.kept_groups().await?;
    Ok(match kept.iter().find(|group| group.name == name) {
        Some(group) => done(vec![admin_groups::shown(Language::English, group)]),
        None => not_done(format!("There is no group {name}.")),
    })
}

fn shown(outcome: Outcome) -> ShellAnswer {
    match outcome {
        Outcome::Done { note, form: Form { fields, .. } } => {
            let values = fields.into_iter().flat_map(|field| field.values);
            done(std::iter::once(note).chain(values).collect())
        }
        Outcome::Again { complaint } => not_done(complaint),
    }
}

fn done(lines: Vec<String>) -> ShellAnswer {
    ShellAnswer { done: true, lines }
}

fn not_done(why: String) -> ShellAnswer {
    ShellAnswer { done: false, lines: vec![why] }
}
