//! The server at the other end of the link: its make and version, its grants, the relay's rights. Asks only, and changes
//! nothing. Knows nothing of single rights and grants.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::asker::{ANSWER_TIMEOUT, Asker};
use super::finding::{Finding, What};
use super::remedies::{CHECK_SETUP, Remedies};
use super::rooms::{ModuleAnswer, module, services};
use super::{echo, grants, inviters, names, nodes};
use crate::config::{Config, Server};
use crate::journal::JournalReader;
use crate::link::{self, AskError, Link, Peer};
use crate::setup::{Make, Setup, Version};
use crate::wire::disco::DiscoInfo;
use crate::wire::privileged;
use crate::wire::query;
use crate::wire::{IqPayload, IqType};

/// How long a link is waited for that is not up, for no known reason.
const LINK_TIMEOUT: Duration = Duration::from_secs(4);
/// After this time a reason is asked for, and then again.
const LINK_WAIT: Duration = Duration::from_secs(1);
/// How many pings each host gets.
const PINGS_PER_HOST: usize = 8;

/// How many of the newest invitations are looked at.
const MAX_INVITATIONS_READ: u32 = 1000;

const LOOK_AT_SERVER: &str = "look at the server's load and its log, and check again";

/// Whose link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// The running relay's, which goes on trying to connect.
    TheRelay,
    /// Made for the check, and closed afterwards.
    TheCheck,
}

/// Checks everything that `setup` prints for this configuration, until `deadline`. If there are questions without an answer by
/// then, the finding about the connection says so.
pub async fn server(config: &Config, link: &Link, deadline: Instant, asked_by: AskedBy) -> Vec<Finding> {
    let connection = || Finding::of(What::Connection, config.component.shown_addresses());
    let mut findings = vec![connection().ok("up, and answers pings")];
    if !is_up(link, deadline).await {
        let (why, remedy) = trouble(config, link).await;
        let next = if asked_by == AskedBy::TheRelay { link.next_attempt() } else { String::new() };
        return vec![connection().failed(why + &next, remedy)];
    }
    findings.extend(nodes::connections(link, deadline.min(Instant::now() + LINK_TIMEOUT)).await);
    let why = match timeout_at(deadline, ask_everything(config, link, &mut findings)).await {
        Ok(Ok(())) => return findings,
        Ok(Err(NoAnswer)) => "up, but none of the server's hosts answers",
        Err(_) => "up, but the server leaves questions unanswered: not all of it could be looked at",
    };
    findings[0] = connection().failed(why, LOOK_AT_SERVER);
    findings
}

/// The finding where another program of this machine is connected to the server: a second connection could take away its
/// privileges.
#[must_use]
pub fn not_tried(server: &Server) -> Finding {
    Finding::of(What::Connection, server.to_string()).failed(
        "not tried: another program is connected there. If it is a relay for the same component, a second connection \
         would take its privileges away (ejabberd) or put it off (Prosody)",
        format!(
            "see which program it is (as root: ss -xtnp | grep {}), and start the relay to have it asked. If it is another \
             component, connect all the same: muc-invite-relay check --connect",
            match server {
                Server::Tcp(address) => address.rsplit_once(':').map_or("", |(_, port)| port).to_owned(),
                Server::Unix(path) => path.display().to_string(),
            }
        ),
    )
}

/// Why there is no connection, and the remedy: the link's own reason, or else what kind of program is at the other end.
async fn trouble(config: &Config, link: &Link) -> (String, &'static str) {
    if let Some(trouble) = link.trouble() {
        return (trouble, CHECK_SETUP);
    }
    let server = &config.component.server;
    match link::peer(server, &config.component.jid).await {
        Peer::Other(what) => {
            (format!("{server} is not the server's port for components: {what}"), CHECK_SETUP)
        }
        Peer::Components => (
            format!(
                "{server} takes the connection, and then the server does not answer: it hangs, is overloaded, or serves none \
                 of the hosts that component.jid and muc.services belong to"
            ),
            LOOK_AT_SERVER,
        ),
        Peer::Unreachable => (
            format!("{server} can't be reached: no answer to the attempt to connect"),
            "see that the address is right (component.server), that no firewall is in between, and, if it is a name, that \
             the name servers answer (getent hosts)",
        ),
    }
}

/// No host of the server answers.
struct NoAnswer;

/// Whether one of the server's hosts answers. The pings go to an address with a resource: ejabberd 24.12 drops answers to
/// pings without.
async fn answers(link: &Link, hosts: &[String]) -> bool {
    // Several pings: another connection of the component may get some of the answers.
    let pings = hosts.iter().flat_map(|host| std::iter::repeat_n(host, PINGS_PER_HOST)).map(|host| {
        Box::pin(async move {
            match link.ask(&format!("{host}/check"), IqType::Get, IqPayload::Ping).await {
                Ok(_) | Err(AskError::Refused(_)) => Ok(()),
                Err(e) => Err(e),
            }
        })
    });
    matches!(timeout(ANSWER_TIMEOUT, futures::future::select_ok(pings)).await, Ok(Ok(_)))
}

async fn ask_everything(config: &Config, link: &Link, findings: &mut Vec<Finding>) -> Result<(), NoAnswer> {
    let ours: Vec<&str> = config.muc.services.iter().map(String::as_str).collect();
    let all = config.own_hosts();
    let (answers, echo, dns) =
        tokio::join!(answers(link, &all), echo::probe(link), names::component(&config.component.jid));
    if !answers {
        return Err(NoAnswer);
    }
    let (arrivals, all_arrives) = echo::arrivals(echo, config);
    findings.push(arrivals);
    if !all_arrives {
        // Answers get lost as well, so all other findings would be guesses.
        return Ok(());
    }
    findings.push(dns);
    let hosts: Vec<&str> = all.iter().map(String::as_str).filter(|host| !ours.contains(host)).collect();
    let tried = hosts.iter().map(async |host| link.has_taken_back(host).await.then_some(*host));
    let gone: Vec<&str> = futures::future::join_all(tried).await.into_iter().flatten().collect();
    if !gone.is_empty() {
        // Questions in users' names have no answer then, so most other findings would be guesses.
        findings.extend(gone.into_iter().map(grants::taken_back));
        return Ok(());
    }
    let asker = Asker::new(link, &all).await;
    let modules = ours.iter().map(|service| module(link, service, None));
    let modules = futures::future::join_all(modules).await;
    if let Some(service) = ours.first() {
        findings.extend(nodes::repeated(link, service).await);
    }
    let (make, version, lines) = software(&asker, &hosts, &modules).await;
    findings.extend(lines);
    let old =
        hosts.iter().filter_map(|host| link.grants(host)).any(|it| it.version == privileged::Version::V1);
    let version = version.or(old.then_some(Version::LAST_WITHOUT_PRIVILEGED_IQ));
    let remedies = Remedies { setup: Setup::new(config, false), make, version };
    findings.push(questions(&asker));
    // Why it can't be read is among the journal's findings.
    let newest =
        JournalReader::new(&config.journal.place).recent(MAX_INVITATIONS_READ).await.unwrap_or_default();
    let inviters = inviters::inviters(config, link, &newest, &remedies);
    findings.extend(grants::grants(config, link, &hosts, &remedies, asker.swallows, inviters));
    services(config, &asker, &hosts, &remedies, &modules, &newest, findings).await;
    Ok(())
}

/// Whether the link comes up, with time left to find out why it does not.
async fn is_up(link: &Link, deadline: Instant) -> bool {
    let now = Instant::now();
    let until = (now + LINK_TIMEOUT).min(deadline.checked_sub(link::PEER_TIMEOUT).unwrap_or(now));
    loop {
        let wait = until.min(Instant::now() + LINK_WAIT);
        match timeout_at(wait, link.up()).await {
            Ok(up) => return up,
            Err(_) if link.trouble().is_some() || wait == until => return false,
            Err(_) => {}
        }
    }
}

/// Make and version of the server, as far as its hosts or its module tell, and a finding for each host of users that does.
async fn software(
    asker: &Asker<'_>,
    hosts: &[&str],
    modules: &[Option<ModuleAnswer>],
) -> (Option<Make>, Option<Version>, Vec<Finding>) {
    let told: Option<&str> = modules.iter().flatten().find_map(|module| module.server.as_deref());
    let mut findings = Vec::new();
    let mut known = None;
    for host in hosts {
        let Some(name) = name(asker, host).await else { continue };
        let version = version(asker.link, host).await;
        let text = match (version, told) {
            (Some(version), _) => format!("{name} {version}"),
            (None, Some(told)) => told.to_owned(),
            (None, None) => format!("{name}, version unknown"),
        };
        known.get_or_insert_with(|| text.clone());
        findings.push(Finding::of(What::Server, *host).ok(text));
    }
    let known = known.as_deref().or(told).unwrap_or_default();
    let make = match known.split([' ', ',']).next() {
        Some("Prosody") => Some(Make::Prosody),
        Some("ejabberd") => Some(Make::Ejabberd),
        // ejabberd is the only server known to do that.
        _ if asker.swallows => Some(Make::Ejabberd),
        _ => None,
    };
    (make, Version::of(known), findings)
}

async fn name(asker: &Asker<'_>, host: &str) -> Option<String> {
    match asker.ask(host, IqPayload::DiscoInfo(DiscoInfo::default())).await {
        Ok(IqPayload::DiscoInfo(info)) => info
            .identities
            .into_iter()
            .find(|identity| identity.category.as_deref() == Some("server"))
            .map(|identity| identity.name.unwrap_or_else(|| "unnamed".to_owned())),
        _ => None,
    }
}

/// Asked in the component's own name: no server grants this question in a user's name.
async fn version(link: &Link, host: &str) -> Option<String> {
    let question = IqPayload::Version(query::Version::default());
    match timeout(ANSWER_TIMEOUT, link.ask(host, IqType::Get, question)).await.ok()?.ok()?.payload.0 {
        Some(IqPayload::Version(version)) => version.version.0,
        _ => None,
    }
}

fn questions(asker: &Asker) -> Finding {
    let finding = Finding::the(What::Questions);
    if asker.swallows {
        finding.note(
            "the server swallows the component's own (ejabberd issue 4336): rooms are asked in inviters' names, and of \
             some addressed invitations nobody tells whether they lead to a closed door (docs/ejabberd.md)",
        )
    } else {
        finding.ok("are answered")
    }
}
