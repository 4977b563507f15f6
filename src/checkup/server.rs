//! What the server at the other end of the link is, and all that it grants and lets us do. Asks only; nothing is changed.

use std::time::Duration;

use jid::BareJid;
use tokio::time::timeout;

use super::remedies::Remedies;
use super::rooms::{Answered, module, services};
use super::{Finding, What, grants};
use crate::config::Config;
use crate::link::{AskError, Link, own_hosts};
use crate::setup::{Make, Setup, Version};
use crate::wire::disco::DiscoInfo;
use crate::wire::privilege;
use crate::wire::query;
use crate::wire::{IqPayload, IqType};

/// How often a link that is not up is waited for, as long as nobody knows why it isn't.
const PATIENCE: u32 = 5;
/// How long each time.
const WHILE: Duration = Duration::from_secs(3);

/// Looks at everything that `setup` prints for this configuration.
pub async fn server(config: &Config, link: &Link) -> Vec<Finding> {
    let connection = Finding::of(What::Connection, config.component.server.to_string());
    if !is_up(link).await {
        let why = link.trouble().unwrap_or_else(|| "no connection".to_owned());
        let remedy = "`muc-invite-relay setup prosody --show-secret` (or ejabberd) prints the server's side; \
                      docs/troubleshooting.md explains the message";
        return vec![connection.failed(why, remedy)];
    }
    let mut findings = vec![connection.ok("up, and answers pings")];
    let ours: Vec<&str> = config.muc.services.iter().map(String::as_str).collect();
    let all = own_hosts(link.component(), ours.iter().copied(), &config.muc.hand_over_from);
    let asker = Asker::new(link, &all).await;
    let hosts: Vec<&str> = all.iter().map(String::as_str).filter(|host| !ours.contains(host)).collect();

    let mut modules = Vec::new();
    for service in &ours {
        modules.push(module(link, service).await);
    }
    let (make, version, lines) = software(&asker, &hosts, &modules).await;
    findings.extend(lines);
    let old =
        hosts.iter().filter_map(|host| link.grants(host)).any(|it| it.version == privilege::Version::V1);
    let version = version.or(old.then_some(Version::BEFORE_IQ));
    let remedies = Remedies { setup: Setup::new(config, false), make, version };
    findings.push(questions(&asker));
    findings.extend(grants::grants(config, link, &hosts, &remedies, asker.swallows));
    findings.extend(services(config, &asker, &hosts, &remedies, &modules).await);
    findings
}

async fn is_up(link: &Link) -> bool {
    for _ in 0..PATIENCE {
        match timeout(WHILE, link.up()).await {
            Ok(up) => return up,
            Err(_) if link.trouble().is_some() => break,
            Err(_) => {}
        }
    }
    false
}

/// Somebody to ask: the component, or a user in whose name it may ask where its own questions vanish.
pub(super) struct Asker<'a> {
    pub(super) link: &'a Link,
    pub(super) swallows: bool,
    name: Option<BareJid>,
}

impl<'a> Asker<'a> {
    async fn new(link: &'a Link, hosts: &[String]) -> Self {
        // The account need not exist.
        let name = |host: &&String| BareJid::new(&format!("muc-invite-relay@{host}")).ok();
        let granted = hosts.iter().find(|host| link.grants(host).is_some_and(|grants| grants.disco_info));
        Self { link, swallows: link.swallows().await, name: granted.as_ref().and_then(name) }
    }

    pub(super) async fn ask(&self, to: &str, question: IqPayload) -> Result<IqPayload, AskError> {
        let answer = match &self.name {
            Some(name) if self.swallows => self.link.ask_as(name, to, IqType::Get, question).await,
            _ => self.link.ask(to, IqType::Get, question).await,
        }?;
        answer.payload.0.ok_or(AskError::Unanswered)
    }
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
    match link.ask(host, IqType::Get, question).await.ok()?.payload.0 {
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
