//! What the journal is asked before an invitation of alice's is sent.

use muc_invite_relay::journal::{Ask, RoomPassword, Wanted};

/// The room of these tests.
pub const ROOM: &str = "room@conference.example.org";

/// For this contact, with nothing out of the ordinary.
pub fn ask(contact: &str) -> Ask<'_> {
    Ask {
        contact,
        room: ROOM,
        inviter: "alice@example.org",
        direct: false,
        password: RoomPassword::None,
        wanted: Wanted::Yes,
        adding: false,
        instead_of: None,
        anew: None,
    }
}
