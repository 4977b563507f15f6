//! What the server at the other end of the link is, grants and lets us do. Asks only; nothing is changed.

use std::time::Duration;

use jid::BareJid;
use tokio::time::timeout;

use super::words::Make;
use super::{Finding, State};
use crate::config::{Config, Membership, Strangers};
use crate::link::{AskError, Grants, Link, own_hosts};
use crate::wire::disco::{DiscoInfo, DiscoItems};
use crate::wire::muc::{self, Affiliation};
use crate::wire::privilege;
use crate::wire::query;
use crate::wire::{IqPayload, IqType, ns};

/// How long a link that is not up is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks at everything that the configuration wants of the server.
pub async fn server(config: &Config, link: &Link) -> Vec<Finding> {
    let address = config.component.server.to_string();
    if !matches!(timeout(PATIENCE, link.up()).await, Ok(true)) {
        let why = link.trouble().unwrap_or_else(|| "no connection".to_owned());
        return vec![Finding {
            state: State::Failed,
            what: format!("connection to {address}"),
            found: why,
            remedy: None,
        }];
    }
    let mut findings = vec![Finding::ok(format!("connection to {address}"), "up, and answers pings")];
    let services: Vec<&str> = config.muc.services.iter().map(String::as_str).collect();
    let hosts = own_hosts(link.component(), services.iter().copied(), &config.muc.hand_over_from);
    let swallows = link.swallows().await;

    let mut make = if swallows { Make::Ejabberd } else { Make::Unknown };
    let user_hosts: Vec<&String> = hosts.iter().filter(|host| !services.contains(&host.as_str())).collect();
    for host in &user_hosts {
        let Some(software) = software(link, host).await else { continue };
        if make == Make::Unknown {
            make = Make::of(Some(&software));
        }
        let version = version(link, host).await.unwrap_or_else(|| "version unknown".to_owned());
        findings.push(Finding::ok(format!("server of {host}"), format!("{software}, {version}")));
    }
    findings.push(if swallows {
        Finding::wanting(
            State::Missing,
            "ordinary questions",
            "the server swallows them: rooms can be asked in an inviter's name only",
            "this is ejabberd 24.12 or later with mod_privilege. Grant these, or unload mod_privilege:\nmodules:\n  \
             mod_privilege:\n    iq:\n      http://jabber.org/protocol/muc#admin: {both: invite_relay}\n      \
             http://jabber.org/protocol/disco#info: {get: invite_relay}",
        )
    } else {
        Finding::ok("ordinary questions", "are answered")
    });

    let mut in_names = false;
    for host in &user_hosts {
        let Some(grants) = link.grants(host) else { continue };
        in_names |= grants.muc_admin;
        findings.extend(privileges(config, make, link.component(), host, grants));
    }
    if user_hosts.iter().all(|host| link.grants(host).is_none()) {
        let host = user_hosts.first().map_or("example.org", |host| host.as_str());
        findings.push(Finding::wanting(
            State::Missing,
            "privileges (XEP-0356)",
            "none: invitations go out from relay addresses, which stranger filters drop",
            make.messages(link.component(), host),
        ));
    }
    for service in services {
        findings.extend(muc_service(config, link, make, service, swallows, in_names).await);
    }
    findings
}

/// What one host of users granted, as far as this configuration needs it.
fn privileges(config: &Config, make: Make, component: &str, host: &str, grants: Grants) -> Vec<Finding> {
    let namespace = match grants.version {
        privilege::Version::V1 => ns::PRIVILEGE_1,
        privilege::Version::V2 => ns::PRIVILEGE_2,
    };
    let what = |what: &str| format!("{host}: {what}");
    let mut findings = vec![if grants.messages {
        Finding::ok(what("messages in users' names"), format!("granted ({namespace})"))
    } else {
        Finding::wanting(
            State::Missing,
            what("messages in users' names"),
            "not granted: invitations go out from relay addresses, which stranger filters drop",
            make.messages(component, host),
        )
    }];
    findings.push(if grants.muc_admin {
        Finding::ok(what("muc#admin in users' names"), "granted")
    } else {
        Finding::wanting(
            State::Note,
            what("muc#admin in users' names"),
            "not granted: members are added with the relay's own rights, if it has them",
            make.grant(
                component,
                host,
                "iq = { [\"http://jabber.org/protocol/muc#admin\"] = \"both\" }",
                "iq: {http://jabber.org/protocol/muc#admin: {both: invite_relay}}   # from 24.10 on",
            ),
        )
    });
    let needed = config.relay.strangers == Strangers::Refuse;
    findings.push(if grants.roster {
        Finding::ok(what("rosters"), "granted")
    } else {
        Finding::wanting(
            if needed { State::Missing } else { State::Note },
            what("rosters"),
            "not granted: nobody can tell who is a stranger to the contact",
            make.grant(component, host, "roster = \"get\"", "roster: {get: invite_relay}"),
        )
    });
    findings.push(if grants.blocking {
        Finding::ok(what("block lists"), "granted")
    } else {
        Finding::wanting(
            State::Note,
            what("block lists"),
            "not granted: who blocks a room or a MUC service is invited to it all the same",
            make.grant(
                component,
                host,
                "iq = { [\"urn:xmpp:blocking\"] = \"get\" }",
                "iq: {urn:xmpp:blocking: {get: invite_relay}}   # from 24.10 on",
            ),
        )
    });
    findings
}

/// One MUC service: is it one, what may we do in its rooms, does it hand over.
async fn muc_service(
    config: &Config,
    link: &Link,
    make: Make,
    service: &str,
    swallows: bool,
    in_names: bool,
) -> Vec<Finding> {
    let what = format!("rooms of {service}");
    if swallows {
        return vec![Finding {
            state: State::Note,
            what,
            found: "can't be asked (see ordinary questions)".to_owned(),
            remedy: None,
        }];
    }
    let info = match ask(link, service, IqPayload::DiscoInfo(DiscoInfo::default())).await {
        Ok(IqPayload::DiscoInfo(info)) => info,
        Ok(_) => DiscoInfo::default(),
        Err(e) => {
            return vec![Finding::wanting(
                State::Failed,
                what,
                format!("no answer: {e}"),
                format!("is {service:?} in muc.services right, and does this server serve it?"),
            )];
        }
    };
    if !info.identities.iter().any(|identity| identity.category.as_deref() == Some("conference")) {
        return vec![Finding::wanting(
            State::Failed,
            what,
            "this is no MUC service",
            "put the domain of the rooms into muc.services, such as conference.example.org",
        )];
    }
    let mut findings = vec![Finding::ok(what.as_str(), "a MUC service")];
    findings.push(rights(config, link, make, service, in_names).await);
    findings.push(if info.has(ns::HAND_OVER) {
        Finding::ok(format!("hand-over from {service}"), "the module is loaded")
    } else {
        Finding::wanting(
            State::Note,
            format!("hand-over from {service}"),
            "no module: only relay addresses can be invited, such as bob\\40example.org@…",
            make.module(link.component(), service),
        )
    });
    findings
}

/// Whether the relay may do as an admin of the service does, tried on the first room that is listed.
async fn rights(config: &Config, link: &Link, make: Make, service: &str, in_names: bool) -> Finding {
    let what = format!("the relay's own rights in rooms of {service}");
    let room = match ask(link, service, IqPayload::DiscoItems(DiscoItems::default())).await {
        Ok(IqPayload::DiscoItems(items)) => items
            .items
            .into_iter()
            .filter_map(|item| item.jid)
            .find(|jid| BareJid::new(jid).is_ok_and(|jid| jid.node().is_some())),
        _ => None,
    };
    let Some(room) = room else {
        return Finding {
            state: State::Note,
            what,
            found: "not tried: there is no public room".to_owned(),
            remedy: None,
        };
    };
    match ask(link, &room, muc::list_affiliation(Affiliation::Outcast)).await {
        Ok(_) => Finding::ok(what, "as an admin of the service"),
        Err(AskError::Refused(_)) => Finding::wanting(
            // Where inviters' own rights may be used, these only add to them.
            if in_names || config.muc.membership == Membership::Ignore {
                State::Note
            } else {
                State::Missing
            },
            what,
            "none: nicknames stay nicknames in semi-anonymous rooms, and members are added only where the inviter may",
            make.service_admin(link.component(), service),
        ),
        Err(e) => Finding { state: State::Note, what, found: format!("not found out: {e}"), remedy: None },
    }
}

async fn software(link: &Link, host: &str) -> Option<String> {
    match ask(link, host, IqPayload::DiscoInfo(DiscoInfo::default())).await {
        Ok(IqPayload::DiscoInfo(info)) => info
            .identities
            .into_iter()
            .find(|identity| identity.category.as_deref() == Some("server"))
            .map(|identity| identity.name.unwrap_or_else(|| "unnamed".to_owned())),
        _ => None,
    }
}

async fn version(link: &Link, host: &str) -> Option<String> {
    match ask(link, host, IqPayload::Version(query::Version::default())).await {
        Ok(IqPayload::Version(version)) => version.version.0,
        _ => None,
    }
}

async fn ask(link: &Link, to: &str, question: IqPayload) -> Result<IqPayload, AskError> {
    let answer = link.ask(to, IqType::Get, question).await?;
    answer.payload.0.ok_or(AskError::Unanswered)
}
