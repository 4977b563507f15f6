//! Why a connection ended, with texts for the log. Knows nothing of what follows.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::wire::StreamError;

/// Why the connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The relay closed it, because it stops.
    Closed,
    /// The server sent a stream error.
    Stream(StreamError),
    /// The socket failed, or the stream can't be read.
    Lost(io::Error),
    /// The server closed the stream.
    Footer,
    /// A ping had no answer for this time.
    Hung(Duration),
    /// The relay closed it, to connect again.
    Renewed,
}

impl End {
    /// Another connection took the place of this one.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Stream(error) if error.condition() == "conflict")
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed | Self::Renewed => f.write_str("closed"),
            Self::Stream(error) => write!(f, "the server ended the stream: {error}"),
            Self::Lost(e) => write!(f, "{e}"),
            Self::Footer => f.write_str("the server closed the stream"),
            Self::Hung(timeout) => write!(f, "no answer to a ping for {} s", timeout.as_secs()),
        }
    }
}
