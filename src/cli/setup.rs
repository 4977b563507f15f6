//! `setup`: prints the server's side for this configuration, ready to paste, or what an existing one lacks of it. Knows nothing of
//! what it says.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::command::CommandError;
use crate::config::{Config, ConfigError};
use crate::setup::{Make, Setup, Version, installed, missing};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which server
    server: Server,
    /// Print only what is missing in this file of the server's configuration, and where to add it; exit code 1 if anything is
    #[arg(long, value_name = "FILE")]
    diff: Option<PathBuf>,
    /// Its version, such as 23.01: options that this version does not know are left out [default: that of the server on this
    /// machine, else the newest]
    #[arg(long, value_name = "VERSION")]
    server_version: Option<String>,
    /// Print the component's secret as well
    #[arg(long)]
    show_secret: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Server {
    Prosody,
    Ejabberd,
}

impl Server {
    /// As it is written on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        }
    }
}

/// Reads a version, or the first number of one: `13` is 13.0.
///
/// # Errors
/// It is none, with versions of this make.
fn version(text: &str, make: Make) -> Result<Version, CommandError> {
    let major = || text.parse::<u32>().ok().and_then(|major| Version::of(&format!("{major}.0")));
    let such_as = match make {
        Make::Prosody => "0.12 or 13.0",
        Make::Ejabberd => "23.01 or 26.07",
    };
    Version::of(text).or_else(major).ok_or_else(|| CommandError::Refused {
        why: format!("--server-version is {text:?}: write a version such as {such_as}"),
        wrong: true,
    })
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let setup = Setup::new(&load()?, arguments.show_secret);
    let (make, comment) = match arguments.server {
        Server::Prosody => (Make::Prosody, "--"),
        Server::Ejabberd => (Make::Ejabberd, "#"),
    };
    let (version, assumed) = match &arguments.server_version {
        Some(text) => (Some(version(text, make)?), None),
        // All versions of Prosody get the same text.
        None if make == Make::Prosody && arguments.diff.is_none() => (None, None),
        None => match installed(make) {
            Some((version, who)) => {
                (Some(version), Some(format!("version {version}, as {who} of this machine says")))
            }
            None => (None, Some("the newest version, since none was found on this machine".to_owned())),
        },
    };
    if let Some(assumed) = assumed {
        writeln!(out, "{comment} For {assumed}; --server-version names another one.\n")?;
    }
    let Some(file) = &arguments.diff else {
        let name = arguments.server.name();
        writeln!(out, "{comment} What your own configuration lacks of this, and where to add it:")?;
        writeln!(out, "{comment} muc-invite-relay setup {name} --diff FILE\n")?;
        out.write_all(setup.whole(make, version).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let missing = missing(&setup, make, version, file)?;
    write!(out, "{missing}")?;
    Ok(if missing.is_nothing() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
