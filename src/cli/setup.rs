//! `setup`: prints the server's side for this configuration, ready to paste. Knows nothing of what it says.

use std::io::Write;
use std::process::ExitCode;

use super::command::CommandError;
use crate::config::{Config, ConfigError};
use crate::setup::{Make, Setup, Version};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which server
    server: Server,
    /// Its version, such as 23.01: options that this version does not know are left out
    #[arg(long, value_name = "VERSION", value_parser = version)]
    server_version: Option<Version>,
    /// Print the component's secret as well
    #[arg(long)]
    show_secret: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Server {
    Prosody,
    Ejabberd,
}

fn version(text: &str) -> Result<Version, &'static str> {
    Version::of(text).ok_or("write a version such as 23.01")
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    let setup = Setup::new(&load()?, arguments.show_secret);
    let make = match arguments.server {
        Server::Prosody => Make::Prosody,
        Server::Ejabberd => Make::Ejabberd,
    };
    out.write_all(setup.whole(make, arguments.server_version).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
