//! `check`: says whether the set-up works, a line for each thing, with the remedy. Knows nothing of how it is mended.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use super::{CommandError, block_on};
use crate::checkup::{self, Finding, RelayFound, State, What, control};
use crate::config::{Config, ConfigError, REFERENCE};
use crate::{journal, link, relay};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Look at the configuration alone: no connection, no journal
    #[arg(long)]
    offline: bool,
    /// Print one JSON object a line, for programs
    #[arg(long)]
    json: bool,
    /// What is left out on purpose, and is not missing then
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    without: Vec<What>,
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
            show(&checkup::complaints(&error), arguments.json, out)?;
            if !arguments.json {
                writeln!(
                    out,
                    "\nThe annotated reference explains every key: muc-invite-relay check --reference"
                )?;
            }
            return Ok(ExitCode::from(2));
        }
    };
    let mut findings = checkup::settings(&config);
    if arguments.offline {
        findings.extend(checkup::groups(&config, None));
    } else {
        findings.extend(block_on(look(&config))?);
    }
    for finding in &mut findings {
        if finding.state == State::Missing && arguments.without.contains(&finding.what) {
            finding.state = State::Note;
        }
    }
    show(&findings, arguments.json, out)?;
    let well = findings.iter().all(|finding| matches!(finding.state, State::Ok | State::Note));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the relay that runs; where none does, connects itself.
async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = checkup::journal(&config.journal.path).await;
    // Why they can't be read is among the findings already.
    let kept = journal::kept_groups(&config.journal.path).await.ok();
    findings.extend(checkup::groups(config, kept));
    match control::ask(&control::socket_of(&config.journal.path)).await {
        Ok(Some(answer)) => {
            findings.push(Finding::relay(RelayFound::Asked));
            findings.extend(checkup::metrics(config, true).await);
            findings.extend(answer);
        }
        Ok(None) => {
            findings.push(Finding::relay(RelayFound::None));
            findings.extend(checkup::metrics(config, false).await);
            let settings = relay::link_settings(config);
            let (link, _incoming, task) = link::new(settings);
            let close = CancellationToken::new();
            let connection = tokio::spawn(task.run(close.clone()));
            findings.extend(checkup::server(config, &link).await);
            close.cancel();
            // What it has to say is among the findings.
            let _ = connection.await;
        }
        Err(e) => findings.push(Finding::relay(RelayFound::Mute(e))),
    }
    findings
}

fn show(findings: &[Finding], json: bool, out: &mut impl Write) -> io::Result<()> {
    for finding in findings {
        if json {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
            continue;
        }
        let of = finding.of.as_ref().map_or_else(String::new, |of| format!(" {of}"));
        writeln!(out, "{:<9}{}{of}: {}", finding.state.as_str(), finding.what.as_str(), finding.found)?;
        for line in finding.remedy.iter().flat_map(|remedy| remedy.lines()) {
            writeln!(out, "{:<9}  {line}", "")?;
        }
    }
    Ok(())
}
