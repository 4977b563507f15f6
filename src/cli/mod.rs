//! The command line: what can be asked for, and what the exit code says. One file a command.
//! Knows nothing of stanzas.

mod backup;
mod check;
mod forget;
mod healthy;
mod history;
mod print;
mod run;
mod setup;

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use jid::BareJid;

use crate::config::{Config, ConfigError};
use crate::journal::{BackupError, OpenError};
use crate::model::address;
use crate::telemetry::log::LogError;

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
    /// Show what became of invitations, newest first
    History(history::Arguments),
    /// Remove all that the journal holds of a person or a room
    Forget(forget::Arguments),
    /// Copy the journal, beside a relay that runs
    Backup(backup::Arguments),
    /// Say in an instant whether the relay that runs is alive, for containers and their like
    Healthy,
    /// Say whether the set-up works
    Check(check::Arguments),
    /// Print the server's side for this configuration, ready to paste
    Setup(setup::Arguments),
    /// Print the manual page, or completions for a shell
    Print(print::Arguments),
}

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("interrupted: nothing was done")]
    Interrupted,
    #[error("the output can't be written: {0}")]
    Output(#[from] io::Error),
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Log(_) => ExitCode::from(2),
            // `history | head` has seen enough.
            Self::Output(e) if e.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Journal(_) | Self::Backup(_) | Self::Interrupted | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

/// Does what the process's arguments say. A wrong argument ends the process with 2.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { config, command } = Arguments::parse();
    let load = move || Config::load(config.as_deref());
    let out = &mut io::stdout().lock();
    let done = match command {
        Command::Print(arguments) => print::run(Arguments::command(), &arguments, out),
        Command::Run => run::run(load),
        Command::History(arguments) => history::run(load, arguments, out),
        Command::Forget(arguments) => forget::run(load, &arguments, out),
        Command::Backup(arguments) => backup::run(load, &arguments, out),
        Command::Healthy => healthy::run(load, out),
        Command::Check(arguments) => check::run(load, &arguments, out),
        Command::Setup(arguments) => setup::run(load, &arguments, out),
    };
    done.unwrap_or_else(|error| {
        let code = error.exit_code();
        if code != ExitCode::SUCCESS {
            // Nobody is left to tell when this fails.
            let _ = writeln!(io::stderr(), "muc-invite-relay: {error}");
        }
        code
    })
}

/// Runs a command's asynchronous part.
fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

/// A bare JID among the arguments. With a resource it would say less than it seems to: a room is not its occupant.
fn bare_jid(text: &str) -> Result<BareJid, String> {
    let jid = address::bare(text).ok().filter(|_| !text.contains('/'));
    jid.ok_or_else(|| "write a bare JID, such as bob@example.org".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
