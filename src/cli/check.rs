//! `check`: says whether the set-up works, a line for each thing, with the remedy. Knows nothing of how it is mended.

use std::io::{self, Write};
use std::process::ExitCode;

use super::CommandError;
use crate::config::{Config, ConfigError, REFERENCE, Server};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look at the configuration alone: no connection, no journal
    #[arg(long)]
    offline: bool,
    /// Print the annotated reference of the configuration, to begin with or to look a key up
    #[arg(long)]
    reference: bool,
}

pub(super) fn run(
    load: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<ExitCode, CommandError> {
    if arguments.reference {
        out.write_all(REFERENCE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.offline {
        return Err(CommandError::NotInThisVersion(
            "check without --offline is not in this version; use --offline",
        ));
    }
    match load() {
        Ok(config) => {
            good(&config, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            bad(&error, out)?;
            Ok(ExitCode::from(2))
        }
    }
}

fn good(config: &Config, out: &mut impl Write) -> io::Result<()> {
    let Config { component, muc, relay, journal, log, .. } = config;
    let server = match &component.server {
        Server::Tcp(address) => address.clone(),
        Server::Unix(path) => format!("unix:{}", path.display()),
    };
    let [window, expiry, retention] =
        [relay.window, relay.expiry, journal.retention].map(humantime::format_duration);
    ok(out, "component", &format!("{} at {server}, with a secret", component.jid))?;
    ok(out, "muc", &format!("rooms of {} are believed", muc.services.join(", ")))?;
    ok(out, "relay", &format!("one invitation per contact and room in {window}, given up after {expiry}"))?;
    ok(out, "journal", &format!("{}, kept for {retention}", journal.path.display()))?;
    ok(out, "log", &format!("level {}", log.level))?;
    for warning in config.warnings() {
        writeln!(out, "{:<9}{warning}", "warning")?;
    }
    Ok(())
}

fn ok(out: &mut impl Write, thing: &str, found: &str) -> io::Result<()> {
    writeln!(out, "{:<9}{thing}: {found}", "ok")
}

fn bad(error: &ConfigError, out: &mut impl Write) -> io::Result<()> {
    match error {
        ConfigError::Invalid(complaints) => {
            for complaint in complaints {
                writeln!(out, "{:<9}{complaint}", "failed")?;
            }
            writeln!(out, "\nThe annotated reference explains every key: muc-invite-relay check --reference")
        }
        ConfigError::Unreadable { .. } => writeln!(out, "{:<9}{error}", "failed"),
    }
}
