//! The ad-hoc commands that there are: the node and the name of each, who may give it, and whether a form is filled in for it.
//! Knows nothing of what they do.

use crate::model::Language;
use crate::texts::{Id, text, text_with};

/// An ad-hoc command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandKind {
    Settings,
    Data,
    Forget,
    Statistics,
    Recent,
    Block,
    Reload,
    Invite,
    Group(GroupCommand),
}

/// An ad-hoc command about groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupCommand {
    List,
    Create,
    Add,
    Remove,
    Allow,
    Delete,
}

/// A command in a list of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its identifier on the wire.
    pub node: &'static str,
    /// Its name for people.
    pub name: String,
}

impl CommandKind {
    /// All commands, in the order in which they are listed.
    pub(super) const ALL: [Self; 14] = [
        Self::Settings,
        Self::Data,
        Self::Forget,
        Self::Statistics,
        Self::Recent,
        Self::Block,
        Self::Invite,
        Self::Group(GroupCommand::List),
        Self::Group(GroupCommand::Create),
        Self::Group(GroupCommand::Add),
        Self::Group(GroupCommand::Remove),
        Self::Group(GroupCommand::Allow),
        Self::Group(GroupCommand::Delete),
        Self::Reload,
    ];

    /// The command with this node.
    pub(super) fn of_node(node: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.node() == node)
    }

    pub(super) fn listed(self, language: Language) -> Listed {
        Listed { node: self.node(), name: self.name(language) }
    }

    pub(super) fn node(self) -> &'static str {
        match self {
            Self::Settings => "my-settings",
            Self::Data => "my-data",
            Self::Forget => "forget-me",
            Self::Statistics => "statistics",
            Self::Recent => "recent-invitations",
            Self::Block => "block-for-everybody",
            Self::Reload => "reload",
            Self::Invite => "invite",
            Self::Group(command) => command.node(),
        }
    }

    pub(super) fn name(self, language: Language) -> String {
        let id = match self {
            Self::Settings => Id::CommandSettings,
            Self::Data => Id::CommandData,
            Self::Forget => Id::CommandForget,
            Self::Statistics => Id::CommandStatistics,
            Self::Recent => Id::CommandRecent,
            Self::Block => Id::CommandBlock,
            Self::Reload => Id::CommandReload,
            Self::Invite => Id::CommandInvite,
            Self::Group(command) => command.name(),
        };
        text(language, id)
    }

    /// Whether only admins may give it.
    pub(super) fn is_for_admins(self) -> bool {
        !matches!(self, Self::Settings | Self::Data | Self::Forget)
    }

    /// The text above its form. `None`: no form is filled in before it is carried out. There is never more than one, since
    /// not every client goes on to a second one.
    pub(super) fn instructions(self, language: Language, component: &str) -> Option<String> {
        let id = match self {
            Self::Settings => Id::PageSettings,
            Self::Forget => Id::PageForget,
            Self::Block => Id::PageBlock,
            Self::Invite => Id::PageInvite,
            Self::Group(GroupCommand::Create) => {
                return Some(text_with(language, Id::PageGroupCreate, &[("component", component.into())]));
            }
            Self::Group(GroupCommand::Add | GroupCommand::Remove) => Id::PageGroupEntries,
            Self::Group(GroupCommand::Allow) => Id::PageGroupAllow,
            Self::Group(GroupCommand::Delete) => Id::PageGroupDelete,
            Self::Data | Self::Statistics | Self::Recent | Self::Reload | Self::Group(GroupCommand::List) => {
                return None;
            }
        };
        Some(text(language, id))
    }
}

impl GroupCommand {
    pub(super) fn node(self) -> &'static str {
        match self {
            Self::List => "groups",
            Self::Create => "group-create",
            Self::Add => "group-add",
            Self::Remove => "group-remove",
            Self::Allow => "group-allow",
            Self::Delete => "group-delete",
        }
    }

    pub(super) fn name(self) -> Id {
        match self {
            Self::List => Id::CommandGroups,
            Self::Create => Id::CommandGroupCreate,
            Self::Add => Id::CommandGroupAdd,
            Self::Remove => Id::CommandGroupRemove,
            Self::Allow => Id::CommandGroupAllow,
            Self::Delete => Id::CommandGroupDelete,
        }
    }
}
