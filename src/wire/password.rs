//! A room's password, as it stands in invitations. Keeps it out of `Debug`; knows nothing of rooms.

use std::borrow::Cow;
use std::fmt;

use xso::error::Error;
use xso::{AsXmlText, FromXmlText};

/// A room's password. Its `Debug` shows none of it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password, or nothing if it is empty (XEP-0249: the same as none).
    #[must_use]
    pub fn new(password: String) -> Option<Self> {
        (!password.is_empty()).then_some(Self(password))
    }

    /// The password itself, for the stanza or the journal.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl FromXmlText for Password {
    fn from_xml_text(text: String) -> Result<Self, Error> {
        Ok(Self(text))
    }
}

impl AsXmlText for Password {
    fn as_xml_text(&self) -> Result<Cow<'_, str>, Error> {
        Ok(Cow::Borrowed(&self.0))
    }
}
