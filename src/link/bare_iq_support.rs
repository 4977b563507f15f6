//! Whether the server lets ordinary IQs of the component through. Knows nothing of how that is found out.

/// Whether ordinary IQs get through on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BareIqSupport {
    Unknown,
    Passes,
    Swallowed,
}
