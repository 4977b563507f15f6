//! What the server at the other end of the link is, and all that it grants and lets us do. Asks only; nothing is changed.

use std::time::Duration;

use tokio::time::timeout;

use super::asker::{ANSWER_TIMEOUT, Asker};
use super::finding::{Finding, What};
use super::remedies::Remedies;
use super::rooms::{Answered, module, services};
use super::{echo, grants};
use crate::config::{Config, Server};
use crate::link::{self, AskError, Link};
use crate::setup::{Make, Setup, Version};
use crate::wire::disco::DiscoInfo;
use crate::wire::privileged;
use crate::wire::query;
use crate::wire::{IqPayload, IqType};

/// How often a link that is not up is waited for, as long as nobody knows why it isn't.
const MAX_ATTEMPTS: u32 = 4;
/// How long each time.
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);
/// Pings of each host.
const MAX_PINGS: usize = 8;
/// For all of it, so that the answer comes within ten seconds.
const CHECK_DEADLINE: Duration = Duration::from_millis(6500);

const CHECK_SETUP: &str = "`muc-invite-relay setup prosody --show-secret` (or ejabberd) prints the server's side; \
                           docs/troubleshooting.md explains the message";

/// Looks at everything that `setup` prints for this configuration. Takes a few seconds at most: what has no answer by then
/// is said of the connection.
pub async fn server(config: &Config, link: &Link) -> Vec<Finding> {
    let connection = || Finding::of(What::Connection, config.component.server.to_string());
    let mut findings = vec![connection().ok("up, and answers pings")];
    if !is_up(link).await {
        return vec![connection().failed(trouble(config, link).await, CHECK_SETUP)];
    }
    let why = match timeout(CHECK_DEADLINE, look(config, link, &mut findings)).await {
        Ok(Ok(())) => return findings,
        Ok(Err(Silent)) => "up, but none of the server's hosts answers",
        Err(_) => "up, but the server leaves questions unanswered: not all of it could be looked at",
    };
    findings[0] = connection().failed(why, "look at the server's load and its log, and check again");
    findings
}

/// Another program of this machine is connected there, and a connection of the check could take its privileges away.
#[must_use]
pub fn not_tried(config: &Config) -> Finding {
    let server = &config.component.server;
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

/// Why there is no connection: what the link says, or what the peer looks like if it says nothing.
async fn trouble(config: &Config, link: &Link) -> String {
    match link.trouble() {
        Some(trouble) => trouble,
        None => match link::peer(&config.component.server, &config.component.jid).await {
            Some(peer) => {
                format!("{} is not the server's port for components: {peer}", config.component.server)
            }
            None => "no connection".to_owned(),
        },
    }
}

/// No host of the server answers.
struct Silent;

/// Whether one of the server's hosts answers now. With a resource: ejabberd 24.12 swallows what is asked without.
async fn answers(link: &Link, hosts: &[String]) -> bool {
    // Several times: another connection of the component may get an answer.
    let pings = hosts.iter().flat_map(|host| std::iter::repeat_n(host, MAX_PINGS)).map(|host| {
        Box::pin(async move {
            match link.ask(&format!("{host}/check"), IqType::Get, IqPayload::Ping).await {
                Ok(_) | Err(AskError::Refused(_)) => Ok(()),
                Err(e) => Err(e),
            }
        })
    });
    matches!(timeout(ANSWER_TIMEOUT, futures::future::select_ok(pings)).await, Ok(Ok(_)))
}

async fn look(config: &Config, link: &Link, findings: &mut Vec<Finding>) -> Result<(), Silent> {
    let ours: Vec<&str> = config.muc.services.iter().map(String::as_str).collect();
    let all = config.own_hosts();
    let (answers, echo) = tokio::join!(answers(link, &all), echo::listen(link));
    if !answers {
        return Err(Silent);
    }
    let (arrivals, all_arrives) = echo::arrivals(echo, config);
    findings.push(arrivals);
    if !all_arrives {
        // Answers get lost as well, so whatever else were said would be as good as a guess.
        return Ok(());
    }
    let asker = Asker::new(link, &all).await;
    let hosts: Vec<&str> = all.iter().map(String::as_str).filter(|host| !ours.contains(host)).collect();

    let modules = ours.iter().map(|service| module(link, service));
    let modules = futures::future::join_all(modules).await;
    let (make, version, lines) = software(&asker, &hosts, &modules).await;
    findings.extend(lines);
    let old =
        hosts.iter().filter_map(|host| link.grants(host)).any(|it| it.version == privileged::Version::V1);
    let version = version.or(old.then_some(Version::BEFORE_IQ));
    let remedies = Remedies { setup: Setup::new(config, false), make, version };
    findings.push(questions(&asker));
    findings.extend(grants::grants(config, link, &hosts, &remedies, asker.swallows));
    services(config, &asker, &hosts, &remedies, &modules, findings).await;
    Ok(())
}

async fn is_up(link: &Link) -> bool {
    for _ in 0..MAX_ATTEMPTS {
        match timeout(PAUSE_BETWEEN_ATTEMPTS, link.up()).await {
            Ok(up) => return up,
            Err(_) if link.trouble().is_some() => break,
            Err(_) => {}
        }
    }
    false
}

/// Make and version of the server, as far as it or its module tells, and a line for each host of users that does.
async fn software(
    asker: &Asker<'_>,
    hosts: &[&str],
    modules: &[Option<Answered>],
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
        // No other is known to do that.
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

/// Asked in the component's own name: in a user's, nobody grants it.
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
