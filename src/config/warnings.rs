//! Warnings about settings that are valid but unsafe. Knows nothing of where they are shown.

use std::net::IpAddr;
use std::path::Path;

use super::place::{JournalPlace, JournalServer};
use super::schema::Config;

/// The longest path of a journal beside which there can be a socket: its name has `.sock` at the end (unix(7)).
const MAX_JOURNAL_PATH_BYTES: usize = 107 - ".sock".len();

impl Config {
    /// Settings that are valid but unsafe, each in a sentence for the log.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let key =
            if self.component.other_nodes.is_empty() { "component.server" } else { "component.servers" };
        let cleartext = self.component.addresses().into_iter().find(|server| !server.is_on_this_machine()).map(|server| {
            format!(
                "{key} = \"{server}\" is not on this machine: everybody who can listen between the two reads the \
                 rooms' passwords and can take the relay's place"
            )
        });
        let open = self.metrics.listen.filter(|listen| !listen.ip().to_canonical().is_loopback()).map(|listen| {
            let seen = if self.metrics.show_people { "who invites whom" } else { "the metrics and the page" };
            format!(
                "metrics.listen = \"{listen}\" is not a loopback address: everybody who reaches it sees {seen}, without a \
                 password. Let a firewall or a proxy keep others away"
            )
        });
        let path = self.journal.place.file().unwrap_or(Path::new("/"));
        let relative = path.is_relative().then(|| {
            format!(
                "journal.path = \"{}\" is relative: each command looks for it below the folder that it is run in, and may find \
                 no relay, or another journal. Write the whole path",
                path.display()
            )
        });
        let bytes = path.as_os_str().len();
        let long = (bytes > MAX_JOURNAL_PATH_BYTES).then(|| {
            format!(
                "journal.path has {bytes} bytes: the socket beside it can't be made with more than {MAX_JOURNAL_PATH_BYTES}, and \
                 no command can ask the relay that runs (healthy, check, invite, groups). Write a shorter one"
            )
        });
        let server = match &self.journal.place {
            JournalPlace::File(_) => None,
            JournalPlace::Server(server) => Some(server),
        };
        let on_the_way = server.filter(|server| !is_on_this_machine(server)).map(|server| {
            format!(
                "journal.url = {} is not on this machine, and the connection is clear text: everybody who can listen between the \
                 two reads who invites whom, and who can change what passes can take the relay's place there. Reasons and the rooms' \
                 passwords are sealed. Put a tunnel between",
                server.shown
            )
        });
        cleartext.into_iter().chain(open).chain(relative).chain(long).chain(on_the_way).collect()
    }
}

/// Whether all servers are: each is `localhost`, a loopback address or the folder of a socket.
fn is_on_this_machine(server: &JournalServer) -> bool {
    server.shown.split(", ").all(|shown| {
        if shown.starts_with('/') {
            return true;
        }
        let host = shown.split('/').next().unwrap_or_default();
        let host = host.strip_prefix('[').map_or_else(
            || host.split(':').next().unwrap_or_default(),
            |address| address.split(']').next().unwrap_or_default(),
        );
        let is_folder = host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"));
        is_folder
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    })
}
