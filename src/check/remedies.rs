//! Remedies for the server in use: the part of what `setup` prints, and the file where it belongs. Knows nothing of how things
//! are found out.

use crate::setup::{Make, Part, Setup, Version};

/// Where no connection comes about.
pub(super) const CHECK_SETUP: &str = "`muc-invite-relay setup prosody --show-secret` (or ejabberd) prints the server's side; \
                                      docs/troubleshooting.md explains the message";

/// What is known of the server, on which remedies depend.
pub(super) struct Remedies {
    /// The texts for this configuration.
    pub(super) setup: Setup,
    /// `None`: unknown.
    pub(super) make: Option<Make>,
    /// `None`: unknown; then remedies are for the newest version.
    pub(super) version: Option<Version>,
}

impl Remedies {
    /// The lines to paste; for both makes if the make is unknown.
    pub(super) fn paste(&self, part: Part) -> String {
        match self.make {
            Some(make) => self.lines(make, part),
            None => self.lines(Make::Prosody, part) + "\n\n" + &self.lines(Make::Ejabberd, part),
        }
    }

    fn lines(&self, make: Make, part: Part) -> String {
        let hand_over = matches!(part, Part::HandOver(_));
        let place = match make {
            Make::Prosody if hand_over => {
                "-- In Prosody's configuration, after mod_muc_invite_relay.lua was copied to a directory of \
                 plugin_paths (docs/prosody.md). Then restart Prosody."
            }
            Make::Prosody => "-- In Prosody's configuration. Then restart Prosody.",
            Make::Ejabberd if hand_over => {
                "# In ejabberd.yml, after `ejabberdctl module_install mod_muc_invite_relay` (docs/ejabberd.md). Then \
                 restart ejabberd."
            }
            Make::Ejabberd => "# In ejabberd.yml. Then restart ejabberd.",
        };
        format!("{place}\n{}", self.setup.part(make, self.version, part)).trim_end().to_owned()
    }
}
