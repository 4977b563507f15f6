//! Warnings about settings that are valid but unsafe. Knows nothing of where they are shown.

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
        let path = &self.journal.path;
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
        cleartext.into_iter().chain(open).chain(relative).chain(long).collect()
    }
}
