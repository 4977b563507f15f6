//! Whatever holds a room's password does not show it to who prints it for a closer look.

use super::{iq, message};
use crate::wire::direct;
use crate::wire::handover::hand_over;
use crate::wire::muc;

const PASSWORD: &str = "planted-password";

#[test]
fn no_stanza_shows_a_password() {
    let x = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.org'/>\
             <password>planted-password</password></x>";
    let conference =
        "<x xmlns='jabber:x:conference' jid='tea@conference.example.org' password='planted-password'/>";
    let room = "tea@conference.example.org";
    let mediated = message(&format!("<message from='{room}' to='bob@example.org'>{x}{conference}</message>"));
    let invitation = &muc::mediated(&mediated).unwrap()[0];
    let direct_one = message(&format!("<message from='alice@example.org'>{conference}</message>"));
    let details = direct::direct(&direct_one).unwrap().unwrap().details;
    let handed_over = iq(&format!(
        "<iq type='set' id='1'><handover xmlns='urn:x-muc-invite-relay:0' deadline='2026-11-21T12:00:00Z'>\
         <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{room}' \
         to='bob@example.org'>{x}</message></forwarded></handover></iq>"
    ));
    let taken = hand_over(&handed_over).unwrap().unwrap();

    let password = |details: &muc::Details| details.password.as_ref().map(|it| it.expose().to_owned());
    for details in [&invitation.details, &details, &taken.details] {
        assert_eq!(password(details).as_deref(), Some(PASSWORD), "nothing to hide");
    }
    let shown = format!(
        "{mediated:?} {invitation:?} {direct_one:?} {details:?} {handed_over:?} {taken:?} {taken:#?}"
    );
    assert!(!shown.contains(PASSWORD), "{shown}");
}
