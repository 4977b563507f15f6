//! Whether the server passes on ordinary IQs of the component. Knows nothing of how that is found out.

/// Whether IQs in the component's own name get an answer from bare addresses, such as rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BareIqSupport {
    /// Not found out yet.
    Unknown,
    /// It was tried, and nothing can be said: no service answers at all, or another connection has the answers.
    Unclear,
    /// They are answered.
    Passes,
    /// The server drops them without an answer.
    Swallowed,
}
