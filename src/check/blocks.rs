//! Whether something of the server's own is blocked for everybody, which ends invitations without a word. A pure function. Knows
//! nothing of where blocks are stored.

use std::collections::BTreeSet;

use super::finding::{Finding, What};
use crate::config::Config;

/// A finding for each of the server's own domains among these, which are blocked for everybody.
#[must_use]
pub fn blocks(config: &Config, blocked: &BTreeSet<String>) -> Vec<Finding> {
    let own = config.own_hosts().into_iter().filter(|host| blocked.contains(host));
    own.map(|host| {
        let whose = if config.muc.serves(&host) { "to all its rooms" } else { "of all its users" };
        Finding::of(What::Blocks, host.clone()).missing(
            format!("is blocked for everybody: invitations {whose} are not relayed (suppressed, blocked)"),
            format!("muc-invite-relay unblock {host}"),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_servers_own_is_told() {
        let text = "component = { jid = 'invites.example.org', secret = 's' }\n\
                    muc = { services = ['conference.example.org'] }";
        let config = Config::from_toml(text, std::iter::empty()).unwrap();
        let blocked = ["conference.example.org", "evil.example", "example.org", "tea@conference.example.org"];
        let blocked = blocked.map(str::to_owned).into();
        let found = blocks(&config, &blocked);
        let shown: Vec<_> = found.iter().map(|it| (it.of.as_deref(), it.remedy.as_deref())).collect();
        assert_eq!(
            shown,
            [
                (Some("example.org"), Some("muc-invite-relay unblock example.org")),
                (Some("conference.example.org"), Some("muc-invite-relay unblock conference.example.org")),
            ]
        );
    }
}
