//! The command line: the arguments, and the command that each of them runs, in a file of its own. Knows nothing of stanzas.

mod backup;
mod check;
mod command;
mod forget;
mod healthy;
mod history;
mod invite;
mod move_journal;
mod operate;
mod print;
mod run;
mod setup;
mod stats;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::ShellCommand;
use crate::config::Config;

/// Turns mediated room invitations (XEP-0045) into direct ones (XEP-0249), as a component of an XMPP server.
#[derive(Debug, Parser)]
#[command(name = "muc-invite-relay", version, max_term_width = 110)]
struct Arguments {
    /// The configuration [default: /etc/muc-invite-relay/config.toml]
    #[arg(long, value_name = "FILE", env = "MUC_INVITE_RELAY_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect and relay, until SIGTERM or SIGINT
    Run,
    /// Invite contacts to a room in a user's name, through the running relay
    Invite(invite::Arguments),
    /// Show what became of invitations, newest first
    History(history::Arguments),
    /// Count invitations: by what became of them, how they came, room and day
    Stats(stats::Arguments),
    /// Remove everything about a person or a room from the journal
    Forget(forget::Arguments),
    /// Block rooms, MUC services or people for everybody
    Block(operate::Addresses),
    /// Block rooms, MUC services or people for everybody no longer
    Unblock(operate::Addresses),
    /// List what is blocked for everybody
    Blocks,
    /// List and change the groups that admins keep
    Groups(operate::GroupArguments),
    /// Copy the journal, also while the relay runs
    Backup(backup::Arguments),
    /// Move the journal to another database
    Journal(move_journal::Arguments),
    /// Say at once whether the running relay is alive, for containers and other supervisors
    Healthy,
    /// Check whether the set-up works
    Check(check::Arguments),
    /// Print the server's side for this configuration, ready to paste
    Setup(setup::Arguments),
    /// Print the manual page, or completions for a shell
    Print(print::Arguments),
}

/// Runs the command that the process's arguments name, and returns its exit code. A wrong argument ends the process with 2.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let load = move || Config::load(config.as_deref());
    let out = &mut io::stdout().lock();
    let done = match command {
        Command::Print(arguments) => print::run(Arguments::command(), &arguments, out),
        Command::Run => run::run(load),
        Command::Invite(arguments) => invite::run(load, arguments, out),
        Command::History(arguments) => history::run(load, arguments, out),
        Command::Stats(arguments) => stats::run(load, &arguments, out),
        Command::Forget(arguments) => forget::run(load, &arguments, out),
        Command::Block(arguments) => operate::run(load, arguments.block(), out),
        Command::Unblock(arguments) => operate::run(load, arguments.unblock(), out),
        Command::Blocks => operate::run(load, ShellCommand::Blocks, out),
        Command::Groups(arguments) => {
            arguments.command().and_then(|command| operate::run(load, command, out))
        }
        Command::Backup(arguments) => backup::run(load, &arguments, out),
        Command::Journal(arguments) => move_journal::run(load, &arguments, out),
        Command::Healthy => healthy::run(load, out),
        Command::Check(arguments) => check::run(load, &arguments, out),
        Command::Setup(arguments) => setup::run(load, &arguments, out),
    };
    done.unwrap_or_else(|error| {
        let code = error.exit_code();
        if code != ExitCode::SUCCESS {
            // Where standard error is closed, nobody can be told.
            let _ = writeln!(io::stderr(), "muc-invite-relay: {error}");
        }
        code
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
