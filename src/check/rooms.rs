//! The relay's rights in each MUC service, and whether its module hands invitations over. Asks only, and changes nothing. Knows
//! nothing of other hosts.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jid::BareJid;
use tokio::time::{Instant, timeout};

use super::asker::{ANSWER_TIMEOUT, Asker};
use super::finding::{Finding, State, What};
use super::remedies::Remedies;
use super::silence::silence;
use crate::config::{Config, Membership};
use crate::journal::Record;
use crate::link::{AskError, Link, NodeState};
use crate::setup::{Make, Part};
use crate::wire::disco::{DiscoInfo, DiscoItems};
use crate::wire::handover;
use crate::wire::muc::{self, Affiliation};
use crate::wire::stanza::HandOver;
use crate::wire::{Condition, IqPayload, IqType};

/// Clocks may differ by this: a hand-over has a deadline of some seconds.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(1);

const NO_ROOM: &str = "not tried: there is no room that is public, or that somebody was invited to";

/// The answer of a service's module.
#[derive(Debug)]
pub(super) struct ModuleAnswer {
    /// How many seconds it waits for the relay's answers, as it says.
    waits: Option<String>,
    /// It tells of errors that come back to inviters.
    tells_of_errors: bool,
    /// Make and version of its server.
    pub(super) server: Option<String>,
    /// The node of a cluster on which it answers.
    pub(super) node: Option<String>,
    /// How far its clock is ahead of this machine's at least, in milliseconds; negative if it is behind.
    ahead: Option<i64>,
}

/// Asks a service's module about itself, by the connection to this node or the one that is used; `None` if none answers.
pub(super) async fn module(link: &Link, service: &str, by: Option<&NodeState>) -> Option<ModuleAnswer> {
    let (asked, begun) = (Utc::now(), Instant::now());
    let to = handover::address_of_module(service);
    let question = IqPayload::HandOver(HandOver::default());
    let answered = async {
        match by {
            Some(node) => link.ask_by(node, &to, IqType::Get, question).await,
            None => link.ask(&to, IqType::Get, question).await,
        }
    };
    let answer = timeout(ANSWER_TIMEOUT, answered).await.ok()?.ok()?;
    let error = begun.elapsed() / 2;
    let middle = asked + error;
    let Some(IqPayload::HandOver(about)) = answer.payload.0 else { return None };
    let now = about.now.as_deref().and_then(|now| DateTime::parse_from_rfc3339(now).ok());
    Some(ModuleAnswer {
        tells_of_errors: about.tells_of_errors(),
        node: about.node().map(str::to_owned),
        waits: about.timeout,
        server: about.server,
        ahead: now.map(|now| at_least((now.to_utc() - middle).num_milliseconds(), error)),
    })
}

/// The certain part of a clock's difference, in milliseconds: a slow answer must not look like one.
fn at_least(ahead: i64, error: Duration) -> i64 {
    let error = i64::try_from(error.as_millis()).unwrap_or(i64::MAX);
    ahead.signum() * ahead.saturating_abs().saturating_sub(error).max(0)
}

/// Adds the findings of all services. `hosts`: those of users. `modules`: the answers of the services' modules, in the order of
/// the configuration. `newest`: the newest invitations.
pub(super) async fn services(
    config: &Config,
    asker: &Asker<'_>,
    hosts: &[&str],
    remedies: &Remedies,
    modules: &[Option<ModuleAnswer>],
    newest: &[Record],
    findings: &mut Vec<Finding>,
) {
    for (service, module) in config.muc.services.iter().zip(modules) {
        let there = is_a_muc_service(asker, remedies, service, module.is_some()).await;
        let well = there.remedy.is_none();
        findings.push(there);
        if well {
            let rights = rights(config, asker, remedies, service, newest).await;
            let lists = member_lists(asker, hosts, remedies, service, rights.state);
            findings.extend([rights, lists]);
            findings.push(hand_over(asker.link, remedies, service, module.as_ref()));
        }
    }
    findings.extend(clock(&config.muc.services, modules));
}

/// `served`: the server is known to serve it, since its module answers.
async fn is_a_muc_service(asker: &Asker<'_>, remedies: &Remedies, service: &str, served: bool) -> Finding {
    let finding = Finding::of(What::Rooms, service);
    match asker.ask(service, IqPayload::DiscoInfo(DiscoInfo::default())).await {
        Ok(IqPayload::DiscoInfo(info))
            if info.identities.iter().any(|it| it.category.as_deref() == Some("conference")) =>
        {
            finding.ok("a MUC service")
        }
        Ok(_) => finding.failed(
            "this is no MUC service",
            "put the domain of the rooms into muc.services, such as conference.example.org",
        ),
        Err(AskError::Swallowed) => finding.note("can't be asked (see questions, disco-info)"),
        Err(e) => {
            let (found, remedy) = silence(&e, service, remedies, served);
            finding.failed(found, remedy)
        }
    }
}

/// Whether the relay has the rights of an admin of the service, tried on a room that exists.
async fn rights(
    config: &Config,
    asker: &Asker<'_>,
    remedies: &Remedies,
    service: &str,
    newest: &[Record],
) -> Finding {
    let finding = Finding::of(What::Rights, service);
    if asker.swallows {
        return finding
            .note("of no use where the component's own questions vanish: inviters' rights are used");
    }
    let room = public_room(asker, service).await.or_else(|| remembered_room(newest, service));
    let Some(room) = room else {
        return finding.note(NO_ROOM);
    };
    match asker.ask(&room, muc::list_affiliation(Affiliation::Outcast)).await {
        Ok(_) => finding.ok("those of an admin of the service"),
        Err(AskError::Refused(e)) if *e.condition == Some(Condition::ItemNotFound) => finding.note(NO_ROOM),
        Err(AskError::Refused(_)) if config.muc.membership == Membership::Ignore => {
            finding.note("none, and muc.membership = \"ignore\" needs none")
        }
        Err(AskError::Refused(_)) => finding.missing(
            "none: nicknames stay nicknames in semi-anonymous rooms, and members are added only where the inviter may",
            remedies.paste(Part::Rights(service)),
        ),
        Err(e) => finding.note(format!("not found out: {e}")),
    }
}

/// By whose rights the relay can read the lists of rooms. Where it can't, the findings about these rights have the remedy.
fn member_lists(
    asker: &Asker<'_>,
    hosts: &[&str],
    remedies: &Remedies,
    service: &str,
    rights: State,
) -> Finding {
    let finding = Finding::of(What::MemberLists, service);
    if rights == State::Ok {
        return finding.ok("the relay may read them: everybody who may invite can invite members@");
    }
    let grants = |host: &&&str| asker.link.grants(host).is_some_and(|grants| grants.muc_admin);
    let granting = hosts.iter().filter(grants).copied().collect::<Vec<_>>().join(", ");
    if granting.is_empty() {
        return finding.note(if asker.swallows || rights == State::Missing {
            "nobody may read them: members@ reaches nobody (see muc-admin, rights)"
        } else {
            "not found out whether the relay may read them (see rights)"
        });
    }
    let found = format!(
        "a room's owners and admins, with accounts on {granting}, can invite members@ by their own rights"
    );
    // Prosody hides in such rooms who the inviter is, so their rights can't be used.
    if remedies.make == Some(Make::Ejabberd) {
        finding.ok(found)
    } else {
        finding.note(format!("{found}, but not in semi-anonymous rooms of Prosody (see rights)"))
    }
}

async fn public_room(asker: &Asker<'_>, service: &str) -> Option<String> {
    match asker.ask(service, IqPayload::DiscoItems(DiscoItems::default())).await {
        Ok(IqPayload::DiscoItems(items)) => items
            .items
            .into_iter()
            .filter_map(|item| item.jid)
            .find(|jid| BareJid::new(jid).is_ok_and(|jid| jid.node().is_some())),
        _ => None,
    }
}

/// A room to which somebody was invited. It may not exist any more.
fn remembered_room(newest: &[Record], service: &str) -> Option<String> {
    let of_service = |room: &&String| BareJid::new(room).is_ok_and(|room| room.domain().as_str() == service);
    newest.iter().map(|record| &record.room).find(of_service).cloned()
}

fn hand_over(link: &Link, remedies: &Remedies, service: &str, module: Option<&ModuleAnswer>) -> Finding {
    let finding = Finding::of(What::HandOver, service);
    let Some(module) = module else {
        return finding.missing(
            format!(
                "no module answers that hands over to {}: only relay addresses can be invited, such as \
                 bob\\40example.org@{0}, and nobody is told what comes back from other servers",
                link.component()
            ),
            remedies.paste(Part::HandOver(service)),
        );
    };
    let waits = module.waits.as_deref().unwrap_or("some");
    let answers = format!("the module answers; it waits {waits} s for ours");
    if module.tells_of_errors {
        return finding.ok(answers);
    }
    finding.missing(
        format!(
            "{answers}. But it is older than this relay, which is not told what comes back from other servers: \
             inviters are not told either"
        ),
        "install the module of this release in the place of the old one (docs/upgrade.md)",
    )
}

/// A relay whose clock is ahead refuses hand-overs as too late; one whose clock is behind accepts some that were delivered
/// meanwhile.
fn clock(services: &[String], modules: &[Option<ModuleAnswer>]) -> Option<Finding> {
    let (service, ahead) = services
        .iter()
        .zip(modules)
        .find_map(|(service, module)| Some((service, module.as_ref()?.ahead?)))?;
    let finding = Finding::of(What::Clock, service);
    let apart = Duration::from_millis(ahead.unsigned_abs());
    let found = format!("{:.1} s apart from the server's", apart.as_secs_f64());
    Some(if apart > MAX_CLOCK_DIFFERENCE {
        finding.failed(
            format!("{found}: hand-overs come too late, or are delivered twice"),
            "let both machines keep time: timedatectl set-ntp true",
        )
    } else {
        finding.ok(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_says_nothing_against_a_clock() {
        for (ahead, sure) in [(5000, 3000), (-5000, -3000), (1500, 0), (-1500, 0), (0, 0)] {
            assert_eq!(at_least(ahead, Duration::from_secs(2)), sure);
        }
    }
}
