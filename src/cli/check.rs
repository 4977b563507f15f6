//! `check`: says whether the set-up works, a line for each thing, with the remedy. Knows nothing of how it is mended.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::{CommandError, block_on};
use crate::checkup::{self, Finding, State, control};
use crate::config::{Config, ConfigError, REFERENCE, Server};
use crate::{link, relay};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look at the configuration alone: no connection, no journal
    #[arg(long)]
    offline: bool,
    /// Print one JSON object a line, for programs
    #[arg(long, conflicts_with = "offline")]
    json: bool,
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
    let config = match load() {
        Ok(config) => config,
        Err(error) => {
            bad(&error, out)?;
            return Ok(ExitCode::from(2));
        }
    };
    if arguments.offline {
        good(&config, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let findings = block_on(look(&config))?;
    if arguments.json {
        for finding in &findings {
            let line = serde_json::to_string(finding).map_err(io::Error::from)?;
            writeln!(out, "{line}")?;
        }
    } else {
        good(&config, out)?;
        for finding in &findings {
            print(out, finding)?;
        }
    }
    let well = findings.iter().all(|finding| matches!(finding.state, State::Ok | State::Note));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the relay that runs; where none does, connects itself.
async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = checkup::journal(&config.journal.path).await;
    let socket = control::socket_of(&config.journal.path);
    match control::ask(&socket).await {
        Ok(Some(answer)) => {
            findings.push(Finding::ok("relay", "runs, and was asked"));
            findings.extend(answer);
        }
        Ok(None) => {
            findings.push(Finding {
                state: State::Note,
                what: "relay".to_owned(),
                found: "does not run: this check connected itself".to_owned(),
                remedy: None,
            });
            let settings = relay::link_settings(config);
            let (link, _incoming, task) = link::new(settings);
            let close = CancellationToken::new();
            let connection = tokio::spawn(task.run(close.clone()));
            findings.extend(checkup::server(config, &link).await);
            close.cancel();
            // What it has to say is among the findings.
            let _ = connection.await;
        }
        Err(e) => findings.push(Finding::wanting(
            State::Failed,
            "relay",
            format!("runs, and does not answer on {}: {e}", socket.display()),
            "look at its log",
        )),
    }
    findings
}

fn print(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    writeln!(out, "{:<9}{}: {}", finding.state.as_str(), finding.what, finding.found)?;
    for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
        writeln!(out, "{:<9}  {line}", "")?;
    }
    Ok(())
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
