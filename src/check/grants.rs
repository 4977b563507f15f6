//! What the server's hosts grant (XEP-0356), compared with what `setup` prints. Knows nothing of how grants arrive.

use super::finding::{Finding, What};
use super::remedies::Remedies;
use crate::config::{Config, Support};
use crate::link::{Grants, Link};
use crate::setup::Part;
use crate::wire::{ns, privileged};

/// What does not work without each permission.
const NO_MESSAGES: &str =
    "invitations go out from relay addresses, which stranger filters drop, and hand-overs go back";
const NO_ROSTERS: &str = "the relay can't see who is a stranger to a contact";
const NO_MUC_ADMIN: &str = "members are added with the relay's own rights, if it has them";
const NO_BLOCK_LISTS: &str = "people who block a room or a MUC service are invited to it all the same";
const NO_PRESENCE: &str = "the relay can't see who is online, so relay.support = \"ask\" has no effect";
const NO_DISCO_INFO: &str = "the relay can't see which rooms are members-only";

/// A finding for each permission of each host of users. `swallows`: the server answers no questions of the component itself.
pub(super) fn grants(
    config: &Config,
    link: &Link,
    hosts: &[&str],
    remedies: &Remedies,
    swallows: bool,
) -> Vec<Finding> {
    let granting: Vec<_> = hosts.iter().filter_map(|host| Some((*host, link.grants(host)?))).collect();
    if granting.is_empty() {
        // One of them is the users' host, but only the operator knows which.
        let host = hosts.first().copied().unwrap_or("example.org");
        let finding = Finding::of(What::Messages, host);
        return vec![finding.missing(
            format!("no host grants anything (XEP-0356): {NO_MESSAGES}"),
            remedies.paste(Part::Privileges(host)),
        )];
    }
    let asks = config.relay.support == Support::Ask;
    let of_host = |(host, grants)| of_host(host, grants, remedies, asks, swallows);
    granting.into_iter().flat_map(of_host).collect()
}

/// The finding where a host has taken back what it had granted on this connection: what it granted is not worth telling then.
pub(super) fn taken_back(host: &str) -> Finding {
    Finding::of(What::Messages, host).failed(
        "granted on this connection, and taken back: ejabberd does that when another connection of the component ends",
        "the relay connects again by itself to have it back, at once or some minutes after the last time: check again then. If \
         it comes again, see that no other relay connects with the same component.jid",
    )
}

fn of_host(host: &str, grants: Grants, remedies: &Remedies, asks: bool, swallows: bool) -> Vec<Finding> {
    let (namespace, knows_iq) = match grants.version {
        privileged::Version::V1 => (ns::PRIVILEGE_1, false),
        privileged::Version::V2 => (ns::PRIVILEGE_2, true),
    };
    let line = |what, granted: bool, without: &str| {
        let finding = Finding::of(what, host);
        if granted {
            finding.ok(format!("granted ({namespace})"))
        } else {
            finding.missing(format!("not granted: {without}"), remedies.paste(Part::Grants(host)))
        }
    };
    let iq = |what, granted, without: &str| {
        if knows_iq {
            line(what, granted, without)
        } else {
            let found = format!("not before ejabberd 24.10 ({namespace} has no IQs): {without}");
            Finding::of(what, host).note(found)
        }
    };
    let mut findings = vec![
        line(What::Messages, grants.messages, NO_MESSAGES),
        line(What::Rosters, grants.roster, NO_ROSTERS),
        iq(What::MucAdmin, grants.muc_admin, NO_MUC_ADMIN),
        iq(What::BlockLists, grants.blocking, NO_BLOCK_LISTS),
    ];
    if asks {
        findings.push(line(What::Presence, grants.presence, NO_PRESENCE));
    }
    if swallows {
        findings.push(iq(What::DiscoInfo, grants.disco_info, NO_DISCO_INFO));
    }
    findings
}
