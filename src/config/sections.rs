//! The sections and their keys: the type and default of each, which are required, and which must agree with each other.
//! Knows nothing of how a value is written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jid::BareJid;
use secrecy::{ExposeSecret, SecretString};

use super::document::{Document, Source};
use super::error::ConfigError;
use super::journal_values;
use super::place::{DEFAULT_LEASE, JournalPlace, JournalServer, relay_name};
use super::schema::{
    Admins, Archive, Component, Config, Journal, Limits, Log, LogFormat, Membership, Metrics, Muc, Passwords,
    Rate, Relay, Server,
};
use super::values::{self, Domain, Wrong};
use crate::model::group::{self, Entry, Nesting};

/// To how many nodes of a cluster the relay connects at most.
const MAX_NODES: usize = 16;

const ONE_MINUTE: Duration = Duration::from_secs(60);
const ONE_HOUR: Duration = Duration::from_secs(60 * 60);
const ONE_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads everything.
///
/// # Errors
/// [`ConfigError::Invalid`] with everything that is wrong, not only the first.
pub(super) fn read(
    files: Vec<Source>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut document = Document::new(files, env)?;
    let files = document.files();
    let doc = &mut document;
    let component = component(doc);
    // Where the component's domain is missing, no other domain equals the empty text.
    let jid = component.as_ref().map_or("", |component| &component.jid).to_owned();
    let muc = muc(doc, &jid);
    let (relay, limits, journal) = (relay(doc), limits(doc), journal(doc));
    let (groups, admins, log, metrics) = (groups(doc, &jid), admins(doc), log(doc), metrics(doc));
    let (complaints, set) = document.finish();
    match (component, muc) {
        (Some(component), Some(muc)) if complaints.is_empty() => {
            Ok(Config { component, muc, relay, limits, journal, groups, admins, log, metrics, files, set })
        }
        _ => Err(ConfigError::Invalid(complaints)),
    }
}

/// All keys that reading asks for.
pub(super) fn keys() -> Vec<String> {
    let mut document = Document::default();
    let doc = &mut document;
    let _ = (component(doc), muc(doc, ""), relay(doc), limits(doc), journal(doc));
    let _ = (groups(doc, ""), admins(doc), log(doc), metrics(doc));
    document.asked()
}

fn component(doc: &mut Document) -> Option<Component> {
    let jid = doc.read("component", "jid", values::domain);
    if jid.is_none() {
        doc.missing("component", "jid", "set it to the component's domain, such as invites.example.org");
    }
    let secret = secret(doc);
    let cleartext = doc.read("component", "allow_remote_cleartext", values::boolean).unwrap_or(false);
    let mut servers = servers(doc, cleartext).into_iter();
    let server = servers.next().unwrap_or_else(|| Server::Tcp("127.0.0.1:5347".to_owned()));
    let other_nodes = servers.collect();
    let Domain { canonical, written } = jid?;
    let (secret, secret_in) = secret?;
    Some(Component { jid: canonical, written, secret, secret_in, server, other_nodes })
}

/// The address of each node; empty if none is written.
fn servers(doc: &mut Document, cleartext: bool) -> Vec<Server> {
    const SERVER_KEYS: [&str; 2] = ["server", "servers"];
    let near = |server: Server| {
        if server.is_on_this_machine() || cleartext { Ok(server) } else { Err(remote(&server)) }
    };
    doc.prefer_later("component", SERVER_KEYS);
    let alone = doc.has("component", "server");
    let server = doc.read("component", "server", |value| values::server(value).and_then(near));
    let servers = doc.read("component", "servers", |value| {
        if alone {
            return Err(Wrong::new("set beside component.server", "keep only one of the two"));
        }
        let servers = values::list(|value| values::server(value).and_then(near))(value)?;
        if servers.len() > MAX_NODES {
            let shown = format!("a list of {} addresses", servers.len());
            return Err(Wrong::new(shown, format!("name {MAX_NODES} nodes of one cluster at most")));
        }
        values::not_empty(servers, "name one address for each node of the server's cluster")
    });
    servers.unwrap_or_else(|| server.into_iter().collect())
}

fn remote(server: &Server) -> Wrong {
    Wrong::new(
        format!("\"{server}\", which is not on this machine, and the connection is clear text (XEP-0114)"),
        "put a tunnel such as stunnel, WireGuard or ssh -L between and write its end on this machine, or, where the \
         network between is as safe as this machine, set component.allow_remote_cleartext = true",
    )
}

/// The secret, and the file that it was read from.
fn secret(doc: &mut Document) -> Option<(SecretString, Option<PathBuf>)> {
    const SECRET_KEYS: [&str; 2] = ["secret", "secret_file"];
    doc.prefer_later("component", SECRET_KEYS);
    let [here, elsewhere] = SECRET_KEYS.map(|key| doc.has("component", key));
    let file = doc.file_of("component", "secret");
    let secret = doc.read("component", "secret", values::secret).map(|secret| (secret, file));
    let from_file = doc.read("component", "secret_file", |value| {
        if here {
            return Err(Wrong::new("set beside component.secret", "keep only one of the two"));
        }
        values::secret_file(value)
    });
    if !here && !elsewhere {
        let remedy = "set it to the secret of the component on your server, or use secret_file";
        doc.missing("component", "secret", remedy);
    }
    secret.or(from_file.map(|(secret, path)| (secret, Some(path))))
}

fn muc(doc: &mut Document, component: &str) -> Option<Muc> {
    let remedy = "name the MUC services whose rooms are believed, such as [\"conference.example.org\"]";
    let others = |hosts: Vec<Domain>| {
        if hosts.iter().any(|host| host.canonical == component) {
            let remedy = "the relay believes servers, not itself: leave it out";
            return Err(Wrong::new(format!("a list with the component's own {component}"), remedy));
        }
        Ok(hosts)
    };
    let domains = values::list(values::domain);
    let services =
        doc.read("muc", "services", |value| values::not_empty(domains(value)?, remedy).and_then(others));
    if services.is_none() {
        doc.missing("muc", "services", remedy);
    }
    let membership = doc.read("muc", "membership", values::word).unwrap_or(Membership::Add);
    let hand_over_from =
        doc.read("muc", "hand_over_from", |value| domains(value).and_then(others)).unwrap_or_default();
    let services = services?;
    let written = services.iter().chain(&hand_over_from).map(|host| host.written.clone()).collect();
    let canonical = |hosts: Vec<Domain>| hosts.into_iter().map(|host| host.canonical).collect();
    Some(Muc {
        services: canonical(services),
        membership,
        hand_over_from: canonical(hand_over_from),
        written,
    })
}

fn relay(doc: &mut Document) -> Relay {
    Relay {
        window: doc.read("relay", "window", values::duration).unwrap_or(10 * ONE_MINUTE),
        expiry: doc.read("relay", "expiry", values::duration).unwrap_or(ONE_HOUR),
        strangers: doc.read("relay", "strangers", values::word).unwrap_or_default(),
        mimicry: doc.read("relay", "mimicry", values::word).unwrap_or_default(),
        support: doc.read("relay", "support", values::word).unwrap_or_default(),
        max_reason: doc.read("relay", "max_reason", values::number(0..=10_000)).unwrap_or(500),
        passwords: doc.read("relay", "passwords", values::word).unwrap_or(Passwords::Relay),
        archive: doc.read("relay", "archive", values::word).unwrap_or(Archive::Auto),
    }
}

fn limits(doc: &mut Document) -> Limits {
    let mut rate = |key, count, per| doc.read("limits", key, values::rate).unwrap_or(Rate { count, per });
    Limits {
        per_inviter: rate("per_inviter", 30, 10 * ONE_MINUTE),
        per_domain: rate("per_domain", 1000, 10 * ONE_MINUTE),
        per_contact: rate("per_contact", 20, ONE_HOUR),
        per_room: rate("per_room", 200, ONE_HOUR),
        max_recipients: doc.read("limits", "max_recipients", values::number(1..=100_000)).unwrap_or(200),
    }
}

fn journal(doc: &mut Document) -> Journal {
    const PLACE_KEYS: [&str; 2] = ["path", "url"];
    doc.prefer_later("journal", PLACE_KEYS);
    let [in_file, on_server] = PLACE_KEYS.map(|key| doc.has("journal", key));
    let path = doc
        .read("journal", "path", values::path)
        .unwrap_or_else(|| PathBuf::from("/var/lib/muc-invite-relay/journal.db"));
    let only_beside_url =
        || Wrong::new("set without journal.url", "leave it out: it is for a journal on a server");
    let url_in = doc.file_of("journal", "url");
    let urls = doc.read("journal", "url", |value| {
        if in_file {
            return Err(Wrong::new("set beside journal.path", "keep only one of the two"));
        }
        journal_values::postgres_urls(value)
    });
    let key = doc.read("journal", "key_file", |value| {
        if on_server { journal_values::key_file(value) } else { Err(only_beside_url()) }
    });
    if on_server && key.is_none() {
        let remedy = "make one with `(umask 077; openssl rand -hex 32 > FILE)`, give it to the relay's user, and name it";
        doc.missing("journal", "key_file", remedy);
    }
    let socket =
        doc.read(
            "journal",
            "socket",
            |value| {
                if on_server { values::path(value) } else { Err(only_beside_url()) }
            },
        );
    let name =
        doc.read(
            "journal",
            "name",
            |value| {
                if on_server { values::text(value) } else { Err(only_beside_url()) }
            },
        );
    let lease = doc.read("journal", "lease", |value| {
        if on_server { journal_values::lease(value) } else { Err(only_beside_url()) }
    });
    let retention = doc.read("journal", "retention", values::duration).unwrap_or(90 * ONE_DAY);
    if let (Some((urls, shown)), Some((key, key_file))) = (urls, key) {
        let socket = socket.unwrap_or_else(|| PathBuf::from("/var/lib/muc-invite-relay/relay.sock"));
        let relay = name.unwrap_or_else(|| relay_name(&socket));
        let lease = lease.unwrap_or(DEFAULT_LEASE);
        let has_password = urls.iter().any(|url| journal_values::has_password(url.expose_secret()));
        let password_in = url_in.filter(|_| has_password);
        let server = JournalServer { urls, shown, key, key_file, password_in, relay, lease };
        return Journal { place: server.into(), socket, retention };
    }
    let mut socket = path.clone().into_os_string();
    socket.push(".sock");
    Journal { place: JournalPlace::File(path), socket: socket.into(), retention }
}

fn groups(doc: &mut Document, component: &str) -> BTreeMap<String, Vec<BareJid>> {
    let entries = values::list(values::group_entry);
    let group = |name: &str, value| {
        let name = values::group_name(name)?;
        let entries = values::not_empty(entries(value)?, "name who is meant, such as [\"bob@example.org\"]")?;
        let ours = |entry: &&Entry| matches!(entry, Entry::Person(jid) if jid.domain().as_str() == component);
        match entries.iter().find(ours) {
            Some(entry) => {
                let remedy = "name people, not relay addresses; another group is named \"@\" and its name";
                Err(Wrong::new(format!("a list with {entry}"), remedy))
            }
            None => Ok((name, entries)),
        }
    };
    let read = doc.read_all("groups", group);
    let written: BTreeMap<String, Vec<Entry>> = read.iter().map(|(.., group)| group.clone()).collect();
    let mut groups = BTreeMap::new();
    for (place, key, (name, _)) in read {
        match group::people(&name, &written) {
            Ok(people) => drop(groups.insert(name, people)),
            Err(e) => {
                let remedy = match e {
                    Nesting::Unknown(_) => "write the name of a group in this section behind the @",
                    Nesting::Circle(_) | Nesting::TooDeep => "leave one of them out of the other",
                };
                let wrong = Wrong::new(format!("a list with groups: {e}"), remedy);
                doc.wrong(place, "groups", &key, &wrong);
            }
        }
    }
    groups
}

fn admins(doc: &mut Document) -> Admins {
    Admins { jids: doc.read("admins", "jids", values::list(values::bare_jid)).unwrap_or_default() }
}

fn log(doc: &mut Document) -> Log {
    Log {
        level: doc.read("log", "level", values::log_level).unwrap_or_else(|| "info".to_owned()),
        format: doc.read("log", "format", values::word).unwrap_or(LogFormat::Text),
    }
}

fn metrics(doc: &mut Document) -> Metrics {
    Metrics {
        listen: doc.read("metrics", "listen", values::address),
        show_people: doc.read("metrics", "show_people", values::boolean).unwrap_or(false),
    }
}
