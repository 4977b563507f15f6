//! Where the journal is: a file, or a database server with the key that seals what is secret there. Knows nothing of how either is
//! used.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};

/// How long the lead over other relays with the same journal holds, unless the configuration says otherwise.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(5);

/// Where the journal is.
#[derive(Debug, Clone)]
pub enum JournalPlace {
    /// A file of `SQLite`.
    File(PathBuf),
    /// A database of `PostgreSQL`.
    Server(JournalServer),
}

/// A database of `PostgreSQL`.
#[derive(Debug, Clone)]
pub struct JournalServer {
    /// Its URLs: the first whose server takes writes is used. They may have passwords in them.
    pub urls: Vec<SecretString>,
    /// The same without passwords: for people to read.
    pub shown: String,
    /// The key that payloads are sealed with.
    pub key: JournalKey,
    /// The file that the key was read from.
    pub key_file: PathBuf,
    /// The file in which one of the URLs has a password; `None` if none has, or it came from the environment.
    pub password_in: Option<PathBuf>,
    /// What other relays with this journal call this one; the same after a restart.
    pub relay: String,
    /// How long the lead over the others holds unless it is renewed.
    pub lease: Duration,
}

/// What other relays with the same journal call the one with this control socket, unless it is given a name: its machine, and the
/// socket.
#[must_use]
pub fn relay_name(socket: &Path) -> String {
    let system = rustix::system::uname();
    format!("{}:{}", system.nodename().to_string_lossy(), socket.display())
}

/// The key that payloads are sealed with; no `Debug` shows it.
#[derive(Debug, Clone)]
pub struct JournalKey(Arc<SecretBox<[u8; Self::BYTES]>>);

impl JournalKey {
    /// How many bytes a key has.
    pub const BYTES: usize = 32;

    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// Reads a key as it is written in its file: 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
            let [high, low] =
                [0, 1].map(|at| digits.get(at).and_then(|digit| char::from(*digit).to_digit(16)));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Self(Arc::new(SecretBox::init_with_mut(|kept: &mut [u8; Self::BYTES]| *kept = *bytes))))
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; Self::BYTES] {
        self.0.expose_secret()
    }
}

impl JournalPlace {
    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Server(_) => None,
        }
    }
}

/// The key of the configuration and its value, without passwords.
impl fmt::Display for JournalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "journal.path = {}", path.display()),
            Self::Server(server) => write!(f, "journal.url = {}", server.shown),
        }
    }
}

impl From<&Path> for JournalPlace {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for JournalPlace {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&JournalPlace> for JournalPlace {
    fn from(place: &JournalPlace) -> Self {
        place.clone()
    }
}

impl From<JournalServer> for JournalPlace {
    fn from(server: JournalServer) -> Self {
        Self::Server(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits_and_is_not_shown() {
        let key = JournalKey::from_hex(&format!("{}\n", "0aF1".repeat(16))).unwrap();
        assert_eq!(key.bytes()[..3], [0x0a, 0xf1, 0x0a]);
        assert!(!format!("{key:?}").contains("10"), "{key:?}");
        for wrong in ["", "0a", &"0g".repeat(32), &"é".repeat(32), &"00".repeat(33)] {
            assert!(JournalKey::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
