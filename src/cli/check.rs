//! `check`: prints whether the set-up works, a line for each thing, with the remedy. Knows nothing of what is right.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::command::{CommandError, block_on};
use crate::check::{self, AskedBy, Finding, RelayFound, State, What};
use crate::config::{Config, ConfigError, REFERENCE};
use crate::daemon::control::{self, Answered};
use crate::journal::JournalReader;
use crate::{daemon, journal, link};

/// When the last answer must have come, counted from the start; each wait below is cut short by it.
const ANSWERS_TIMEOUT: Duration = Duration::from_millis(9000);
/// When the check ends, counted from the start, even if the system does not come back from reading a file.
const CHECK_TIMEOUT: Duration = Duration::from_millis(9500);
/// For reading the journal: it takes longer only if another process holds it, or its disk hangs.
const JOURNAL_TIMEOUT: Duration = Duration::from_secs(4);
/// For closing the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct Arguments {
    /// Check only the configuration: no connection, no journal
    #[arg(long)]
    offline: bool,
    /// Print one JSON object a line, for programs
    #[arg(long)]
    json: bool,
    /// What you have left out on purpose: it is not reported as missing
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    without: Vec<What>,
    /// If no relay runs, connect to the server even if another program of this machine is connected there
    #[arg(long, conflicts_with = "offline")]
    connect: bool,
    /// Print the annotated reference of the configuration, as a first file or to look up a key
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
            show(&check::complaints(&error), arguments.json, out)?;
            if !arguments.json {
                writeln!(
                    out,
                    "\nThe annotated reference explains every key: muc-invite-relay check --reference"
                )?;
            }
            return Ok(ExitCode::from(2));
        }
    };
    let mut findings = check::settings(&config);
    if arguments.offline {
        findings.extend(check::groups(&config, None));
    } else {
        findings.extend(in_time(&config, arguments.connect)?);
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

/// What is found within [`CHECK_TIMEOUT`].
fn in_time(config: &Config, connect: bool) -> io::Result<Vec<Finding>> {
    let begun = Instant::now();
    let (found, finding) = channel();
    let asking = thread::spawn({
        let config = config.clone();
        move || block_on(ask_or_connect(&config, connect, begun + ANSWERS_TIMEOUT, &found))
    });
    let mut findings = Vec::new();
    loop {
        match finding.recv_timeout(CHECK_TIMEOUT.saturating_sub(begun.elapsed())) {
            Ok(finding) => findings.push(finding),
            Err(RecvTimeoutError::Timeout) => {
                findings.push(check::journal_does_not_answer(&config.journal.place));
                return Ok(findings);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    match asking.join() {
        Ok(done) => done.map(|()| findings),
        Err(_) => Err(io::Error::other("the check failed by itself; please report that")),
    }
}

/// Asks the running relay. If none runs, connects to the server itself, if that does no harm.
async fn ask_or_connect(config: &Config, connect: bool, deadline: Instant, found: &Sender<Finding>) {
    // Who does not listen any more has ended in time.
    let tell = |findings: Vec<Finding>| findings.into_iter().for_each(|finding| drop(found.send(finding)));
    let place = &config.journal.place;
    // Asked before this process opens the journal as well.
    let holder = place.file().and_then(journal::holder);
    let socket = config.journal.socket.clone();
    let (findings, asked) = tokio::join!(journal_findings(config), control::ask(&socket));
    tell(findings);
    let relay = match asked {
        Ok(Answered::Yes(mut answer)) => {
            // The relay's own finding about itself comes first; a relay of an older version sends none.
            let own = answer.iter().position(|it| it.what == What::Relay).map(|at| answer.remove(at));
            tell(vec![own.unwrap_or_else(|| Finding::relay(&RelayFound::Asked))]);
            tell(check::metrics(config, true, deadline).await.into_iter().chain(answer).collect());
            return;
        }
        Ok(Answered::Nobody { crashed }) => match holder {
            Some(process) => RelayFound::Hidden(process),
            None => RelayFound::None { crashed },
        },
        Ok(Answered::Hangs(process)) => RelayFound::Hangs(process),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            RelayFound::Denied { as_owner: journal::as_owner(&config.journal.socket) }
        }
        Err(e) => RelayFound::Failed(e),
    };
    tell(vec![Finding::relay(&relay)]);
    if !matches!(relay, RelayFound::None { .. }) {
        return;
    }
    tell(check::metrics(config, false, deadline).await.into_iter().collect());
    if !connect {
        for server in config.component.addresses() {
            if check::somebody_is_connected(&server).await {
                tell(vec![check::not_tried(&server)]);
                return;
            }
        }
    }
    let (link, incoming, task) = link::new(daemon::link_settings(config));
    let close = CancellationToken::new();
    let connection = tokio::spawn(task.run(close.clone()));
    let answers = tokio::spawn(check::answer_all(link.clone(), incoming));
    tell(check::server(config, &link, deadline - CLOSE_TIMEOUT, AskedBy::TheCheck).await);
    close.cancel();
    // Why the connection failed, if it did, is among the findings.
    let _ = timeout(CLOSE_TIMEOUT, connection).await;
    answers.abort();
}

/// The findings about the journal, and about the groups and blocks that are in it.
async fn journal_findings(config: &Config) -> Vec<Finding> {
    let reading = async {
        let findings = check::journal(&config.journal.place).await;
        // Why they can't be read is among the journal's findings.
        let reader = JournalReader::new(&config.journal.place);
        let kept = reader.kept_groups().await.ok();
        let blocked = reader.blocks_for_all().await.unwrap_or_default();
        (findings, [check::groups(config, kept), check::blocks(config, &blocked)].concat())
    };
    match timeout(JOURNAL_TIMEOUT, reading).await {
        Ok((findings, more)) => [findings, more].concat(),
        Err(_) => vec![check::journal_does_not_answer(&config.journal.place)],
    }
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
