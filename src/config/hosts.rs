//! Which hosts the configuration makes the server's own. Knows nothing of what they are believed.

use super::{Config, Muc};
use crate::model::address;

impl Muc {
    /// Whether this domain, in its canonical form, is one of the configured MUC services.
    #[must_use]
    pub fn serves(&self, domain: &str) -> bool {
        self.services.iter().any(|service| service == domain)
    }
}

impl Config {
    /// The hosts that belong to the server at hand: the domains above the component and its MUC services, these services
    /// themselves, and `muc.hand_over_from`.
    #[must_use]
    pub fn own_hosts(&self) -> Vec<String> {
        let services = self.muc.services.iter().map(String::as_str);
        own_hosts(&self.component.jid, services, &self.muc.hand_over_from)
    }
}

fn own_hosts<'a>(component: &str, services: impl Iterator<Item = &'a str>, more: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |host: &str| {
        if !host.is_empty() && host != component && !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    };
    let services: Vec<&str> = services.collect();
    for domain in std::iter::once(component).chain(services.iter().copied()) {
        if let Some((_, parent)) = address::domain_of(domain).split_once('.') {
            add(parent);
        }
    }
    for host in services.into_iter().chain(more.iter().map(String::as_str)) {
        add(host);
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_are_those_of_the_configuration() {
        let hosts = own_hosts(
            "invites.example.org",
            ["conference.example.org", "rooms.example.net"].into_iter(),
            &["other.example".into()],
        );
        assert_eq!(
            hosts,
            ["example.org", "example.net", "conference.example.org", "rooms.example.net", "other.example"]
        );
    }
}
