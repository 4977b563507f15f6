//! Stanzas as ejabberd 23.01 and 24.12 send and accept them.

use super::{iq, jid, message, written};
use crate::model::address;
use crate::wire::direct;
use crate::wire::muc::{self, Details, Inviter};
use crate::wire::privileged::{self, Access, Version};
use crate::wire::stanza::{IqPayload, IqType};

const MEDIATED: &str = r"<message to='bob\40example.test@invites.example.test' from='open1@conference.example.test'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.test/phone'><reason>Come join us</reason></invite></x><x reason='Come join us' jid='open1@conference.example.test' xmlns='jabber:x:conference'/><body xml:lang='en'>alice@example.test/phone invites you to the room open1@conference.example.test (Come join us) </body></message>";

#[test]
fn a_mediated_invitation_has_no_id_and_names_the_inviter() {
    let message = message(MEDIATED);
    assert_eq!(message.id, None);

    let [invitation] = &muc::mediated(&message).unwrap()[..] else { panic!() };
    assert_eq!(invitation.room, jid("open1@conference.example.test"));
    assert_eq!(invitation.inviter, Inviter::Person(jid("alice@example.test")));
    assert_eq!(invitation.details.reason.as_deref(), Some("Come join us"));
}

#[test]
fn the_invitees_case_is_kept_so_it_is_normalised_here() {
    let xml = MEDIATED.replace(r"bob\40example.test@", r"Bob\40Example.Test@");
    let invitations = muc::mediated(&message(&xml)).unwrap();
    assert_eq!(address::contact_of(&invitations[0].relay_address).unwrap(), jid("bob@example.test"));
}

#[test]
fn a_chat_that_goes_on_with_its_thread() {
    let xml = MEDIATED.replace("</reason>", "</reason><continue thread='t1'/>");
    let details = &muc::mediated(&message(&xml)).unwrap()[0].details;
    assert!(details.continues);
    assert_eq!(details.thread.as_deref(), Some("t1"));
}

#[test]
fn version_1_of_privileges() {
    let granted = privileged::advertisement(&message(
        "<message to='invites.example.test' from='example.test'><privilege xmlns='urn:xmpp:privilege:1'><perm type='outgoing' access='message'/><perm type='get' access='roster'/></privilege></message>",
    ))
    .unwrap();
    assert_eq!(granted.version, Version::V1);
    assert!(granted.outgoing_messages && granted.roster_get);
    assert_eq!(granted.iq, []);

    let room = jid("open1@conference.example.test");
    let invitation =
        direct::compose("alice@example.test", "bob@example.test", "di1", &room, &Details::default(), None);
    let wrapper =
        privileged::wrap_message(granted.version, "invites.example.test", "example.test", "p1", invitation);
    assert_eq!(
        written(&wrapper),
        "<message from='invites.example.test' to='example.test' id='p1'><privilege xmlns='urn:xmpp:privilege:1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@example.test' to='bob@example.test' id='di1' type='normal'><x xmlns='jabber:x:conference' jid='open1@conference.example.test'></x></message></forwarded></privilege></message>"
    );
}

#[test]
fn what_is_advertised_as_none_is_not_granted() {
    let granted = privileged::advertisement(&message(
        "<message from='example.test'><privilege xmlns='urn:xmpp:privilege:1'><perm type='none' access='message'/><perm access='roster'/></privilege></message>",
    ))
    .unwrap();
    assert!(!granted.outgoing_messages && !granted.roster_get);
}

#[test]
fn version_2_of_privileges() {
    let granted = privileged::advertisement(&message(
        "<message to='invites.example.test' from='example.test'><privilege xmlns='urn:xmpp:privilege:2'><perm type='outgoing' access='message'/><perm type='get' access='roster'/><perm access='iq'><namespace type='both' ns='http://jabber.org/protocol/muc#admin'/><namespace type='get' ns='http://jabber.org/protocol/disco#info'/></perm></privilege></message>",
    ))
    .unwrap();
    assert_eq!(granted.version, Version::V2);
    assert_eq!(
        granted.iq,
        [
            ("http://jabber.org/protocol/muc#admin".to_owned(), Access { get: true, set: true }),
            ("http://jabber.org/protocol/disco#info".to_owned(), Access { get: true, set: false }),
        ]
    );
}

#[test]
fn a_privileged_iq_that_failed_without_an_outer_error_element() {
    let answer = iq(
        "<iq from='alice@example.test' to='invites.example.test' id='p3' type='error'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' from='mem@conference.example.test' to='alice@example.test' id='in-p3' type='error'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'/></query><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq></forwarded></privilege></iq>",
    );
    assert_eq!(answer.error.0, None);
    let inner = privileged::unwrap_iq(&answer).unwrap();
    assert_eq!(inner.kind(), Some(IqType::Error));
    assert_eq!(inner.error.0.unwrap().condition.unwrap().as_str(), "forbidden");
}

#[test]
fn the_occupants_of_a_room_by_their_nicks() {
    let answer = iq(
        "<iq from='open1@conference.example.test' type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#items'><item jid='open1@conference.example.test/Alice' name='Alice'/></query></iq>",
    );
    let Some(IqPayload::DiscoItems(items)) = answer.payload.0 else { panic!() };
    assert_eq!(items.items[0].name.as_deref(), Some("Alice"));
}

#[test]
fn what_a_room_says_of_itself() {
    let answer = iq(
        "<iq from='open1@conference.example.test' type='result' id='d1'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='Open'/><feature var='muc_membersonly'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roominfo</value></field><field var='muc#roomconfig_allowinvites' type='boolean' label='Allow'><value>1</value></field></x></query></iq>",
    );
    let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { panic!() };
    assert_eq!(info.identities[0].category.as_deref(), Some("conference"));
    assert!(info.has("muc_membersonly") && !info.has("muc_open"));
    assert_eq!(info.field("muc#roomconfig_allowinvites"), Some("1"));
    assert_eq!(info.field("muc#roominfo_occupants"), None);
}
