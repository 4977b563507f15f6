//! Whether the relay may speak for those who really invite. A grant on a host without users looks well: what became of the newest
//! invitations shows the hosts whose users invite and which grant nothing. Knows nothing of how grants arrive.

use std::collections::BTreeMap;

use super::finding::{Finding, What};
use super::remedies::Remedies;
use crate::config::Config;
use crate::journal::Record;
use crate::link::Link;
use crate::model::{Reason, Route, State, address};
use crate::setup::{Part, Setup};

/// How many hosts have a finding of their own. When these are mended, others follow.
const MAX_HOSTS: usize = 8;

/// How many hosts that may be other servers' have one.
const MAX_FOREIGN_HOSTS: usize = 2;

/// What became of the invitations of one host's users, as far as the host's grants have decided it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Invited {
    /// Handed over, and back to the server. Its module hands over the invitations of its own users only.
    handed_back: usize,
    /// Sent from relay addresses.
    by_relay_address: usize,
}

/// A finding for each host of users that grants nothing and whose users invite. `newest`: the newest invitations.
pub(super) fn inviters(config: &Config, link: &Link, newest: &[Record], remedies: &Remedies) -> Vec<Finding> {
    let invited = invited(config, newest, |host| link.grants(host).is_some());
    // Where others are spoken for, a host with such a name may well be another server's.
    let spoken_for = newest.iter().any(|it| it.sent_as.as_ref() == Some(&it.inviter));
    let (ours, others): (Vec<_>, Vec<_>) = invited.into_iter().partition(|(host, it)| {
        let named = config.muc.hand_over_from.contains(host);
        it.handed_back > 0 || named || (is_above_ours(config, host) && !spoken_for)
    });
    let unheard = link.unheard_hosts();
    let ours = ours.into_iter().take(MAX_HOSTS).map(|(host, it)| {
        let offers = unheard.contains(&host);
        let found = format!(
            "{}, and its users invite: of the newest {} invitations {} went back to the server (not-local), {} left from \
             relay addresses",
            if offers { "what it grants is not heard" } else { "grants nothing (XEP-0356)" },
            newest.len(),
            it.handed_back,
            it.by_relay_address
        );
        Finding::of(What::Messages, host.clone()).missing(found, remedy(config, &host, offers, remedies))
    });
    let others = others.into_iter().take(MAX_FOREIGN_HOSTS).map(|(host, it)| {
        let found = format!(
            "grants nothing, so {} of the newest {} invitations left from relay addresses. If it is a host of this server, \
             add it to muc.hand_over_from, and check again",
            it.by_relay_address,
            newest.len()
        );
        Finding::of(What::Messages, host).note(found)
    });
    ours.chain(others).collect()
}

/// The lines for the relay's configuration, if it does not name this host, and for the server's, if that is not known to grant.
pub(super) fn remedy(config: &Config, host: &str, offers: bool, remedies: &Remedies) -> String {
    let mut named = config.clone();
    let mut lines = Vec::new();
    if !config.is_own_host(host) {
        named.muc.hand_over_from.push(host.to_owned());
        lines.push(format!(
            "# In the relay's configuration. Then: systemctl reload muc-invite-relay\n[muc]\nhand_over_from = {:?}",
            named.muc.hand_over_from
        ));
    }
    if !offers {
        let remedies = Remedies { setup: Setup::new(&named, false), ..*remedies };
        lines.push(remedies.paste(Part::Privileges(host)));
    }
    lines.join("\n\n")
}

/// The hosts of users who were not spoken for and which grant nothing.
fn invited(config: &Config, newest: &[Record], grants: impl Fn(&str) -> bool) -> BTreeMap<String, Invited> {
    let component = config.component.jid.as_str();
    let mut invited: BTreeMap<String, Invited> = BTreeMap::new();
    for record in newest {
        let host = address::domain_of(&record.inviter);
        // Where a room masks the inviter, its own address stands there.
        if host == component || config.muc.serves(host) || grants(host) {
            continue;
        }
        let sent_as = record.sent_as.as_deref().map(address::domain_of);
        match (record.route, record.state, record.reason) {
            (Route::HandedOver, State::HandedBack, Some(Reason::NotLocal)) => {
                invited.entry(host.to_owned()).or_default().handed_back += 1;
            }
            (_, State::Relayed, _) if sent_as == Some(component) => {
                invited.entry(host.to_owned()).or_default().by_relay_address += 1;
            }
            _ => {}
        }
    }
    invited
}

/// Whether the component or a MUC service is below this host.
fn is_above_ours(config: &Config, host: &str) -> bool {
    let below = |ours: &str| ours.strip_suffix(host).is_some_and(|label| label.ends_with('.'));
    below(&config.component.jid) || config.muc.services.iter().any(|service| below(service))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::setup::Make;

    const CONFIG: &str = "component = { jid = 'invites.chat.example.org', secret = 's' }\n\
                          muc = { services = ['rooms.chat.example.org'], hand_over_from = ['chat.example.net'] }";

    fn record(inviter: &str, route: Route, state: State, reason: Option<Reason>, sent_as: &str) -> Record {
        Record {
            id: 1,
            received: Utc::now(),
            settled: None,
            route,
            room: "tea@rooms.chat.example.org".to_owned(),
            inviter: inviter.to_owned(),
            contact: "bob@example.org".to_owned(),
            state,
            reason,
            sent_as: Some(sent_as.to_owned()),
            parent: None,
        }
    }

    #[test]
    fn hosts_whose_users_are_not_spoken_for_are_counted() {
        use Route::{Addressed, HandedOver};
        use State::{HandedBack, Refused, Relayed};
        let config = Config::from_toml(CONFIG, std::iter::empty()).unwrap();
        let by_relay = r"alice\40example.org@invites.chat.example.org";
        let records = [
            record("alice@example.org", HandedOver, HandedBack, Some(Reason::NotLocal), ""),
            record("alice@example.org", HandedOver, HandedBack, Some(Reason::RateLimited), ""),
            record("alice@example.org", Addressed, Relayed, None, by_relay),
            record("alice@example.org", Addressed, Refused, Some(Reason::Outcast), ""),
            record("dave@elsewhere.example", Addressed, Relayed, None, by_relay),
            // It has a grant now.
            record("carol@granted.example", HandedOver, HandedBack, Some(Reason::NotLocal), ""),
            // The room was the sender.
            record("erin@through.example", Addressed, Relayed, None, "tea@rooms.chat.example.org"),
            record("tea@rooms.chat.example.org/nick", Addressed, Relayed, None, by_relay),
        ];
        let found = invited(&config, &records, |host| host == "granted.example");
        let expected = [
            ("elsewhere.example".to_owned(), Invited { handed_back: 0, by_relay_address: 1 }),
            ("example.org".to_owned(), Invited { handed_back: 1, by_relay_address: 1 }),
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
        for (host, ours) in [
            ("example.org", true),
            ("org", true),
            ("chat.example.net", false),
            ("elsewhere.example", false),
            ("hat.example.org", false),
        ] {
            assert_eq!(is_above_ours(&config, host), ours, "{host}");
        }
    }

    #[test]
    fn what_is_to_be_written_depends_on_what_is_there() {
        let config = Config::from_toml(CONFIG, std::iter::empty()).unwrap();
        let remedies =
            Remedies { setup: Setup::new(&config, false), make: Some(Make::Prosody), version: None };
        let remedy = |host, offers| remedy(&config, host, offers, &remedies);
        let named = "[muc]\nhand_over_from = [\"chat.example.net\", \"example.org\"]";
        assert!(remedy("example.org", true).ends_with(named), "{}", remedy("example.org", true));
        let both = remedy("example.org", false);
        assert!(both.contains(named) && both.contains("VirtualHost \"example.org\""), "{both}");
        let known = remedy("chat.example.net", false);
        assert!(!known.contains("[muc]") && known.contains("VirtualHost \"chat.example.net\""), "{known}");
    }
}
