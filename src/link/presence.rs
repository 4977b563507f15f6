//! Which clients of local users are online, according to hosts that send presences (XEP-0356). Forgotten when the
//! connection ends. Knows nothing of what clients support.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::address;
use crate::wire::caps::Caps;
use crate::wire::stanza::Presence;

/// How many people are remembered; of others it is unknown whether they are online.
const MAX_ONLINE_PEOPLE: usize = 50_000;

/// How many clients of one person are remembered; with more, the list is incomplete.
const MAX_CLIENTS_PER_PERSON: usize = 8;

/// The longest value in entity capabilities (XEP-0115) that is kept.
const MAX_CAPS_WORD_BYTES: usize = 256;

/// A client that is online: its resource and its entity capabilities.
pub(super) type Client = (String, Option<Caps>);

/// The clients that are online, by the bare JIDs of their users.
#[derive(Debug, Default)]
pub(super) struct OnlineClients(Mutex<HashMap<String, Vec<Client>>>);

impl OnlineClients {
    /// Notes a presence of a user whose host sends presences.
    pub(super) fn seen(&self, presence: &Presence) {
        let (person, resource) = address::split_resource(presence.from.as_deref().unwrap_or_default());
        let Some(resource) = resource else { return };
        // Some servers write the capitals with which somebody has logged in.
        let Ok(person) = address::own(person) else { return };
        let person = person.as_str();
        let mut people = self.people();
        match presence.type_.as_deref() {
            None => {
                if people.len() >= MAX_ONLINE_PEOPLE && !people.contains_key(person) {
                    return;
                }
                let clients = people.entry(person.to_owned()).or_default();
                let caps = presence.caps.as_ref().filter(|caps| is_short(caps)).cloned();
                if let Some((_, known)) = clients.iter_mut().find(|(known, _)| known == resource) {
                    *known = caps;
                } else if clients.len() <= MAX_CLIENTS_PER_PERSON {
                    // One more than the limit marks the list as incomplete.
                    clients.push((resource.to_owned(), caps));
                }
            }
            Some("unavailable") => {
                if let Some(clients) = people.get_mut(person) {
                    clients.retain(|(known, _)| known != resource);
                    if clients.is_empty() {
                        people.remove(person);
                    }
                }
            }
            Some(_) => {}
        }
    }

    /// All clients of a person that are online; empty if they are unknown or the list is incomplete.
    pub(super) fn of(&self, person: &str) -> Vec<Client> {
        let clients = self.people().get(person).cloned().unwrap_or_default();
        if clients.len() > MAX_CLIENTS_PER_PERSON { Vec::new() } else { clients }
    }

    /// Forgets everything: the connection has ended.
    pub(super) fn clear(&self) {
        self.people().clear();
    }

    fn people(&self) -> MutexGuard<'_, HashMap<String, Vec<Client>>> {
        // No code that holds the lock can panic in the middle of a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_short(caps: &Caps) -> bool {
    [&caps.hash, &caps.node, &caps.ver].into_iter().flatten().all(|word| word.len() <= MAX_CAPS_WORD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(from: &str, kind: Option<&str>) -> Presence {
        Presence { from: Some(from.into()), type_: kind.map(Into::into), ..Presence::default() }
    }

    #[test]
    fn clients_come_and_go() {
        let online = OnlineClients::default();
        let resources = || online.of("bob@example.org").into_iter().map(|(it, _)| it).collect::<Vec<_>>();
        online.seen(&presence("bob@example.org/desk", None));
        online.seen(&presence("bob@example.org/phone", None));
        online.seen(&presence("bob@example.org/desk", None));
        for nothing in ["error", "subscribe", "probe"] {
            online.seen(&presence("bob@example.org/other", Some(nothing)));
        }
        online.seen(&presence("bob@example.org", None));
        assert_eq!(resources(), ["desk", "phone"]);
        online.seen(&presence("Bob@example.org/Tablet", None));
        assert_eq!(resources(), ["desk", "phone", "Tablet"], "logged in in capitals");
        online.seen(&presence("Bob@example.org/Tablet", Some("unavailable")));
        online.seen(&presence("bob@example.org/desk", Some("unavailable")));
        assert_eq!(resources(), ["phone"]);
        online.clear();
        assert_eq!(resources(), [""; 0]);
    }

    #[test]
    fn it_remembers_no_more_than_so_many() {
        let online = OnlineClients::default();
        for n in 0..MAX_CLIENTS_PER_PERSON {
            online.seen(&presence(&format!("bob@example.org/{n}"), None));
        }
        assert_eq!(online.of("bob@example.org").len(), MAX_CLIENTS_PER_PERSON);
        for n in 0..1000 {
            online.seen(&presence(&format!("bob@example.org/more{n}"), None));
        }
        assert_eq!(online.of("bob@example.org"), [], "not all of them are known");
        assert!(online.people()["bob@example.org"].len() <= MAX_CLIENTS_PER_PERSON + 1);
        for n in 0..MAX_ONLINE_PEOPLE + 10 {
            online.seen(&presence(&format!("user{n}@example.org/x"), None));
        }
        assert_eq!(online.people().len(), MAX_ONLINE_PEOPLE);
        let caps = Caps { ver: Some("x".repeat(MAX_CAPS_WORD_BYTES + 1)), ..Caps::default() };
        online.seen(&Presence { caps: caps.into(), ..presence("user1@example.org/x", None) });
        assert_eq!(online.of("user1@example.org"), [("x".to_owned(), None)]);
    }
}
