//! Which hosts the configuration makes the server's own, and how it spells them. Knows nothing of who is believed.

use super::schema::{Config, Muc};
use crate::model::{address, domain};

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
        own_hosts(&self.component.jid, &self.muc.services, &self.muc.hand_over_from)
    }

    /// A domain in the labels of the configuration (A-labels or U-labels), if it or a domain below it is configured; else
    /// unchanged.
    #[must_use]
    pub fn as_written(&self, domain: &str) -> String {
        let written = std::iter::once(&self.component.written).chain(&self.muc.written).map(String::as_str);
        let mut all = written.clone().chain(written.filter_map(|it| Some(it.split_once('.')?.1)));
        let is_it = |written: &&str| domain::canonical(written).is_ok_and(|canonical| canonical == domain);
        all.find(is_it).unwrap_or(domain).to_owned()
    }
}

fn own_hosts(component: &str, services: &[String], more: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |host: &str| {
        if !host.is_empty() && host != component && !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    };
    for host in std::iter::once(component).chain(services.iter().map(String::as_str)) {
        if let Some((_, parent)) = address::domain_of(host).split_once('.') {
            add(parent);
        }
    }
    for host in services.iter().chain(more) {
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
            &["conference.example.org".into(), "rooms.example.net".into()],
            &["other.example".into()],
        );
        assert_eq!(
            hosts,
            ["example.org", "example.net", "conference.example.org", "rooms.example.net", "other.example"]
        );
    }
}
