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
        let mut hosts: Vec<String> = Vec::new();
        for host in self.each_own_host() {
            if !hosts.iter().any(|known| known == host) {
                hosts.push(host.to_owned());
            }
        }
        hosts
    }

    /// Whether a domain, in its canonical form, is one of [`Self::own_hosts`].
    #[must_use]
    pub fn is_own_host(&self, domain: &str) -> bool {
        self.each_own_host().any(|host| host == domain)
    }

    /// The domain of an address in its canonical form, if it is neither one of [`Self::own_hosts`] nor the component's.
    #[must_use]
    pub fn domain_elsewhere<'a>(&self, jid: &'a str) -> Option<&'a str> {
        let domain = address::domain_of(jid);
        (!self.is_own_host(domain) && domain != self.component.jid).then_some(domain)
    }

    fn each_own_host(&self) -> impl Iterator<Item = &str> {
        each_own_host(&self.component.jid, &self.muc.services, &self.muc.hand_over_from)
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

/// Some may come twice.
fn each_own_host<'a>(
    component: &'a str,
    services: &'a [String],
    more: &'a [String],
) -> impl Iterator<Item = &'a str> {
    let of_server = std::iter::once(component).chain(services.iter().map(String::as_str));
    let parents = of_server.filter_map(|host| Some(address::domain_of(host).split_once('.')?.1));
    let named = services.iter().chain(more).map(String::as_str);
    parents.chain(named).filter(move |host| !host.is_empty() && *host != component)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_hosts_are_those_of_the_configuration() {
        let services = ["conference.example.org".into(), "rooms.example.net".into()];
        let more = ["other.example".into()];
        let hosts = each_own_host("invites.example.org", &services, &more);
        assert_eq!(
            hosts.collect::<BTreeSet<_>>(),
            BTreeSet::from([
                "example.org",
                "example.net",
                "conference.example.org",
                "rooms.example.net",
                "other.example"
            ])
        );
    }
}
