//! The connection to the server (XEP-0114): handshake, reconnecting, answers to IQs, the ping barrier, back-pressure.
//!
//! One task owns the connection ([`Task::run`]); all other code holds a [`Link`]. Stanzas that are not answers go to
//! [`Incoming`]; while nothing is taken from there, nothing more is read from the socket.
//!
//! Knows nothing of invitations.

mod answer;
mod bare_iq_support;
mod element;
mod end;
mod epoch;
mod failure;
mod framing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod goodbye;
mod handle;
mod handshake;
mod ids;
mod iq_probe;
mod log_throttle;
mod metrics;
mod peer;
mod pending_iqs;
mod ping_barrier;
mod presence;
mod privilege_probe;
mod privileges;
mod quick_ack;
mod reader;
mod reconnect;
mod recorder;
mod renewal;
#[cfg(test)]
pub(crate) mod scripted;
mod session;
mod settings;
mod shared;
mod socket;
mod spellings;
mod stream;
mod suspects;
mod traffic;
mod trouble;
mod writer;

pub use epoch::Epoch;
pub use failure::{AskError, DeliverError, Lost};
pub use handle::{Link, Watch};
pub use handshake::Refused;
pub use peer::{PEER_TIMEOUT, Peer, peer};
pub use privileges::Grants;
pub use reconnect::Task;
pub use settings::Settings;
pub use traffic::{Incoming, Received};
pub use trouble::Trouble;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::ids::Ids;
use self::metrics::{ConnectionState, Metrics};
use self::privileges::Privileges;
use self::spellings::Spellings;
use self::suspects::Suspects;

/// How many stanzas may wait to be sent; with more, the sender waits.
const MAX_OUTGOING_STANZAS: usize = 1024;
/// How many stanzas may wait in [`Incoming`]; with more, nothing is read from the socket.
const MAX_INCOMING_STANZAS: usize = 256;

/// Prepares a link. It does not connect until [`Task::run`] is polled.
#[must_use]
pub fn new(mut settings: Settings) -> (Link, Incoming, Task) {
    let spellings = Spellings::of_settings(&mut settings);
    let (commands, outgoing) = mpsc::channel(MAX_OUTGOING_STANZAS);
    let (incoming, taken) = mpsc::channel(MAX_INCOMING_STANZAS);
    let metrics = Arc::<Metrics>::default();
    let up = ConnectionState::new(Arc::clone(&metrics), settings.services.clone());
    let (wanted, changes) = watch::channel(settings.clone());
    let link = Link {
        commands,
        wanted,
        up: up.watch(),
        bare_iq_support: up.bare_iq_support.clone(),
        trouble: up.trouble.clone(),
        next_attempt: up.next_attempt.clone(),
        privileges: Arc::new(Privileges::new(settings.hosts.clone())),
        component: settings.component.as_str().into(),
        ids: Arc::new(Ids::new()),
        metrics,
    };
    let task = Task {
        settings,
        changes,
        outgoing,
        incoming,
        up,
        link: link.clone(),
        privileges: Arc::clone(&link.privileges),
        spellings,
        suspects: Suspects::new(),
        ids: Arc::clone(&link.ids),
    };
    (link, taken, task)
}
