//! The ad-hoc commands that there are: the node and the name of each, who may give it, and its pages. Knows nothing of what
//! they do.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its identifier on the wire.
    pub node: &'static str,
    /// Its name for people.
    pub name: &'static str,
}

impl CommandKind {
    /// All commands, in the order in which they are listed.
    pub(super) const ALL: [Self; 13] = [
        Self::Settings,
        Self::Data,
        Self::Forget,
        Self::Statistics,
        Self::Recent,
        Self::Block,
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
        Self::ALL.into_iter().find(|kind| kind.listed().node == node)
    }

    pub(super) fn listed(self) -> Listed {
        let (node, name) = match self {
            Self::Settings => ("my-settings", "My settings"),
            Self::Data => ("my-data", "What the relay holds about me"),
            Self::Forget => ("forget-me", "Forget me"),
            Self::Statistics => ("statistics", "Statistics"),
            Self::Recent => ("recent-invitations", "Recent invitations"),
            Self::Block => ("block-for-everybody", "Block a room, a service or a person for everybody"),
            Self::Reload => ("reload", "Read the configuration again"),
            Self::Group(command) => return command.listed(),
        };
        Listed { node, name }
    }

    /// Whether only admins may give it.
    pub(super) fn is_for_admins(self) -> bool {
        matches!(self, Self::Statistics | Self::Recent | Self::Block | Self::Reload | Self::Group(_))
    }

    /// The text above a page.
    pub(super) fn instructions(self, page: usize) -> &'static str {
        match (self, page) {
            (Self::Settings, 0) => "From whom to accept invitations. The next page is about what to block.",
            (Self::Settings, _) => "Addresses that you block can't invite you, and they are not told.",
            (Self::Group(command), _) => command.instructions(),
            (Self::Block, _) => {
                "Addresses that are blocked can't invite anybody here, and they are not told."
            }
            _ => "",
        }
    }

    /// How many pages are filled in before it is carried out.
    pub(super) fn pages(self) -> usize {
        match self {
            Self::Settings => 2,
            Self::Forget | Self::Block => 1,
            Self::Group(command) => usize::from(command != GroupCommand::List),
            Self::Data | Self::Statistics | Self::Recent | Self::Reload => 0,
        }
    }
}

impl GroupCommand {
    pub(super) fn listed(self) -> Listed {
        let (node, name) = match self {
            Self::List => ("groups", "Groups"),
            Self::Create => ("group-create", "Create a group"),
            Self::Add => ("group-add", "Add to a group"),
            Self::Remove => ("group-remove", "Remove from a group"),
            Self::Allow => ("group-allow", "Who may use a group"),
            Self::Delete => ("group-delete", "Delete a group"),
        };
        Listed { node, name }
    }

    fn instructions(self) -> &'static str {
        match self {
            Self::List => "",
            Self::Create => "An invitation to NAME@ this component goes to everybody in the group.",
            Self::Add | Self::Remove => "Addresses of people, or @NAME for all of another group.",
            Self::Allow => "To everybody else the group does not exist.",
            Self::Delete => "Invitations to it reach nobody any more.",
        }
    }
}
