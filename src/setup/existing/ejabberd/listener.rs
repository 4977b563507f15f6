//! Compares the listener for the relay with those that are there. Knows nothing of modules and rules.

use std::net::IpAddr;

use secrecy::ExposeSecret;

use super::comparison::Comparison;
use crate::setup::existing::tree::{Node, same};
use crate::setup::existing::written::Entry;

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

impl Comparison<'_> {
    pub(super) fn listener(&mut self) {
        let component = &self.setup.component;
        let Some(wanted) = self.wanted.get("listen").and_then(|listen| listen.items().first()) else {
            return;
        };
        let listeners = self.section("listen").map(Node::items).unwrap_or_default();
        let services = || {
            listeners.iter().filter(|it| text(it, "module").is_some_and(|it| same(&it, "ejabberd_service")))
        };
        let ours = services().find(|it| it.get("hosts").is_some_and(|hosts| hosts.get(component).is_some()));
        if let Some(ours) = ours {
            self.our_listener(wanted, ours);
            return;
        }
        if let Some(there) = listeners.iter().find(|it| overlaps(it, wanted)) {
            self.port_is_taken(wanted, there);
            return;
        }
        for open in services().filter(|it| it.get("hosts").is_none() && it.get("password").is_some()) {
            self.unseen.push(format!(
                "{}: a listener without `hosts`, which takes any component that knows its password",
                open.place
            ));
        }
        let Some(listen) = self.wanted.get("listen") else { return };
        let Some(item) = Entry::first_item(listen) else { return };
        match self.section("listen") {
            Some(there) => self.add_item(there, "`listen:`", item),
            None => self.add_to_section("listen", item),
        }
    }

    /// The listener that has the component already.
    fn our_listener(&mut self, wanted: &Node, ours: &Node) {
        let component = &self.setup.component;
        let place = &ours.place;
        let port = text(wanted, "port").unwrap_or_default();
        if let Some(there) = text(ours, "port").filter(|there| *there != port) {
            self.say(
                format!(
                    "{place}, in `listen:`: {component} is on port {there}, and component.server of the relay's configuration \
                     names {port}: make them equal"
                ),
                String::new(),
            );
        } else if let (Some(there), Some(address)) = (text(ours, "ip"), text(wanted, "ip"))
            && address.parse::<IpAddr>().is_ok()
            && !covers(&there, &address)
        {
            self.say(
                format!(
                    "{place}, in `listen:`: {component} is on {there}, and component.server of the relay's configuration names \
                     {address}: make them equal"
                ),
                String::new(),
            );
        }
        let hosts = ours.get("hosts");
        let host = hosts.and_then(|hosts| hosts.get(component));
        let password = host.and_then(|host| host.get("password"));
        if let Some(unseen) = password.filter(|it| it.is_unseen()) {
            self.unseen
                .push(format!("{}: the password of {component}, which is defined elsewhere", unseen.place));
        } else if password.and_then(Node::text) != Some(self.setup.secret.expose_secret()) {
            self.say(
                format!(
                    "{place}, in `listen:`: the password of {component} is not component.secret of the relay's configuration: \
                     make them equal"
                ),
                String::new(),
            );
        }
        if hosts.is_some_and(|hosts| hosts.keys().len() > 1) {
            self.routes_of_its_own(wanted, ours);
        }
    }

    /// Another listener is where the relay connects to: only one can be there.
    fn port_is_taken(&mut self, wanted: &Node, there: &Node) {
        let component = &self.setup.component;
        let (place, module) = (&there.place, text(there, "module").unwrap_or_default());
        let port = text(wanted, "port").unwrap_or_default();
        let elsewhere =
            "or name a port that is free in component.server of the relay's configuration, and compare again";
        if module != "ejabberd_service" {
            self.say(
                format!("{place}, in `listen:`: the listener {module} has port {port}: give it another one, {elsewhere}"),
                String::new(),
            );
            return;
        }
        let Some(hosts) = there.get("hosts") else {
            // It takes any component that knows its password.
            let password = there.get("password");
            if password
                .is_some_and(|it| it.is_unseen() || it.text() == Some(self.setup.secret.expose_secret()))
            {
                self.unseen.push(format!(
                    "{place}: a listener without `hosts`, which takes any component that knows its password, {component} as well"
                ));
            } else {
                self.say(
                    format!(
                        "{place}, in `listen:`: the listener on port {port} has no `hosts`, and its password is not \
                         component.secret of the relay's configuration: make them equal, {elsewhere}"
                    ),
                    String::new(),
                );
            }
            return;
        };
        let section = format!("`listen:`, `hosts:` of the listener on port {port}");
        let printed = wanted.get("hosts").and_then(|hosts| hosts.keys().first());
        if let Some((name, node)) = printed {
            self.add(hosts, &section, Entry::printed(name, node));
        }
        self.routes_of_its_own(wanted, there);
    }

    /// With several components on one listener, each one has to get its own stanzas only.
    fn routes_of_its_own(&mut self, wanted: &Node, there: &Node) {
        let section = "`listen:`, the listener with several components under `hosts`";
        match (there.get("global_routes"), wanted.get("global_routes")) {
            (Some(found), _) if matches!(found.text(), Some("false" | "no" | "off")) => {}
            (Some(found), _) => self.replace(found, section, "false"),
            (None, Some(printed)) => self.add(there, section, Entry::printed("global_routes", printed)),
            (None, None) => {}
        }
    }
}

/// Whether a listener is where the wanted one would be.
fn overlaps(there: &Node, wanted: &Node) -> bool {
    let (one, other) = (text(there, "ip"), text(wanted, "ip"));
    text(there, "port") == text(wanted, "port")
        && text(there, "transport").is_none_or(|it| it == "tcp")
        && match (one, other) {
            (Some(one), Some(other)) => covers(&one, &other) || covers(&other, &one),
            _ => true,
        }
}

/// Whether a listener on one address takes what comes for the other one.
fn covers(there: &str, address: &str) -> bool {
    match (there.parse::<IpAddr>(), address.parse::<IpAddr>()) {
        (Ok(there), Ok(address)) => there == address || there.is_unspecified(),
        _ => there == address,
    }
}
