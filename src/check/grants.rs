//! What the server's hosts grant (XEP-0356), compared with what `setup` prints. Knows nothing of how grants arrive.

use super::finding::{Finding, State, What};
use super::inviters;
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
/// `inviters`: the findings about hosts that grant nothing and whose users invite, which are added.
pub(super) fn grants(
    config: &Config,
    link: &Link,
    hosts: &[&str],
    remedies: &Remedies,
    swallows: bool,
    inviters: Vec<Finding>,
) -> Vec<Finding> {
    let granting: Vec<_> = hosts.iter().filter_map(|host| Some((*host, link.grants(host)?))).collect();
    // The operator has named these. Others are guesses by the names of the component and its services.
    let silent = config.muc.hand_over_from.iter().filter(|host| {
        let told = inviters.iter().any(|it| it.of.as_ref() == Some(*host));
        !told && !config.muc.serves(host) && link.grants(host).is_none()
    });
    let silent = silent.map(|host| {
        Finding::of(What::Messages, host.clone()).missing(
            format!("grants nothing (XEP-0356): {NO_MESSAGES}"),
            remedies.paste(Part::Privileges(host)),
        )
    });
    let silent: Vec<_> = silent.collect();
    let missing = [silent, inviters].concat();
    if granting.is_empty() && missing.iter().all(|it| it.state != State::Missing) {
        return std::iter::once(nothing(config, link, hosts, remedies)).chain(missing).collect();
    }
    let asks = config.relay.support == Support::Ask;
    let of_host = |(host, grants)| of_host(host, grants, remedies, asks, swallows);
    granting.into_iter().flat_map(of_host).chain(missing).collect()
}

/// The finding where no host is known to grant anything, nor whose users invite.
fn nothing(config: &Config, link: &Link, hosts: &[&str], remedies: &Remedies) -> Finding {
    // One of them is the users' host, but only the operator knows which.
    let host = hosts.first().copied().unwrap_or("example.org");
    let paste = remedies.paste(Part::Privileges(host));
    let finding = Finding::of(What::Messages, host);
    let nothing = format!("no host grants anything (XEP-0356): {NO_MESSAGES}");
    match link.unheard_hosts().last() {
        None => finding.missing(nothing, paste),
        Some(unheard) => finding.missing(
            format!("{nothing}. {unheard} offers it, and is not known to be a host of this server"),
            format!(
                "If {unheard} is one:\n{}\nElse:\n{paste}",
                inviters::remedy(config, unheard, true, remedies)
            ),
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Settings;
    use crate::link::scripted::{self, Server};
    use crate::setup::{Make, Setup};
    use crate::wire::privileged::{Advertisement, Version};

    fn offer() -> Advertisement {
        let version = Version::V1;
        Advertisement { version, outgoing_messages: true, roster_get: true, presence: false, iq: Vec::new() }
    }

    /// The hosts with a line about messages, its state and text.
    fn messages(more_hosts: &str, offering: &[&str]) -> Vec<(String, State, String)> {
        let text = format!(
            "component = {{ jid = 'invites.example.org', secret = 's' }}\n\
             muc = {{ services = ['conference.example.org'], hand_over_from = [{more_hosts}] }}"
        );
        let config = Config::from_toml(&text, std::iter::empty()).unwrap();
        let (link, _incoming, mut server): (_, _, Server) = scripted::link(Settings {
            servers: config.component.addresses(),
            component: config.component.jid.clone(),
            secret: config.component.secret.clone(),
            hosts: config.own_hosts(),
            services: config.muc.services.clone(),
        });
        server.comes_up(&offering.iter().map(|host| (*host, offer())).collect::<Vec<_>>());
        let remedies =
            Remedies { setup: Setup::new(&config, false), make: Some(Make::Prosody), version: None };
        let hosts: Vec<_> = config.own_hosts();
        let hosts: Vec<_> =
            hosts.iter().map(String::as_str).filter(|host| !config.muc.serves(host)).collect();
        let found = grants(&config, &link, &hosts, &remedies, false, Vec::new());
        let of_messages = found.into_iter().filter(|it| it.what == What::Messages);
        of_messages
            .map(|it| (it.of.unwrap_or_default(), it.state, it.found + &it.remedy.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn hosts_that_are_named_and_grant_nothing_are_missed() {
        let found = messages("'second.example', 'third.example'", &["example.org", "third.example"]);
        let states: Vec<_> = found.iter().map(|(host, state, _)| (host.as_str(), *state)).collect();
        assert_eq!(
            states,
            [("example.org", State::Ok), ("third.example", State::Ok), ("second.example", State::Missing)]
        );
        assert!(found[2].2.contains("VirtualHost \"second.example\""), "{found:?}");
    }

    #[test]
    fn where_nothing_is_heard_an_offer_is_named_that_is_not() {
        let [(host, state, text)] = &messages("", &["elsewhere.example"])[..] else { panic!("one line") };
        assert_eq!((host.as_str(), *state), ("example.org", State::Missing));
        assert!(
            text.contains("elsewhere.example offers it")
                && text.contains("hand_over_from = [\"elsewhere.example\"]")
        );
        assert!(text.contains("Else:\n-- In Prosody's configuration"), "{text}");
        let [(_, _, text)] = &messages("", &[])[..] else { panic!("one line") };
        assert!(!text.contains("hand_over_from"), "{text}");
    }
}
