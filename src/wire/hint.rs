//! XEP-0334: what a server's archive should do with a message. Knows the elements, not which of them a server needs.

use super::ns;
use super::xml::{named_element, words};

words! {
    /// What a server's archive should do with a message (XEP-0334).
    pub enum Hint {
        Store = "store",
        NoStore = "no-store",
        NoPermanentStore = "no-permanent-store",
        NoCopy = "no-copy",
    }
}

named_element!(Hint, ns::HINTS, Hint::from_word);
