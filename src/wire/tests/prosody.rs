//! Stanzas as Prosody 0.12 and 13.0 send and accept them.

use super::{iq, jid, message, written};
use crate::model::address;
use crate::wire::Condition;
use crate::wire::direct;
use crate::wire::fate::Fate;
use crate::wire::handover::{came_back, hand_over};
use crate::wire::hint::Hint;
use crate::wire::muc::{self, Affiliation, Details, Inviter, Malformed, Password, Role};
use crate::wire::privileged::{self, Access, Version};
use crate::wire::stanza::{Iq, IqPayload, IqType};

const MEDIATED: &str = r"<message to='bob\40example.test@invites.example.test' id='i1a' xml:lang='en' from='open@conference.example.test'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='open@conference.example.test/Alice'><reason>Come &amp; talk</reason></invite></x><x xmlns='jabber:x:conference' jid='open@conference.example.test'>Come &amp; talk</x><body>open@conference.example.test/Alice invited you to the room open@conference.example.test (Come &amp; talk)</body></message>";

#[test]
fn a_mediated_invitation_by_an_occupant_of_a_semi_anonymous_room() {
    let message = message(MEDIATED);
    assert_eq!(message.id.as_deref(), Some("i1a"));

    let [invitation] = &muc::mediated(&message).unwrap()[..] else { panic!() };
    assert_eq!(invitation.room, jid("open@conference.example.test"));
    assert_eq!(invitation.relay_address, r"bob\40example.test@invites.example.test");
    assert_eq!(address::contact_of(&invitation.relay_address).unwrap(), jid("bob@example.test"));
    assert_eq!(invitation.inviter, Inviter::Occupant("Alice".to_owned()));
    let reason = Some("Come & talk".to_owned());
    assert_eq!(invitation.details, Details { reason, ..Details::default() });
}

#[test]
fn a_mediated_invitation_into_a_non_anonymous_room_names_the_inviter() {
    let xml = MEDIATED.replace(
        "invite from='open@conference.example.test/Alice'",
        "invite from='alice@example.test/phone'",
    );
    let invitations = muc::mediated(&message(&xml)).unwrap();
    assert_eq!(invitations[0].inviter, Inviter::Person(jid("alice@example.test")));
}

#[test]
fn the_password_that_the_server_puts_in() {
    let xml = MEDIATED.replace("</invite>", "</invite><password>pw1</password>");
    let invitations = muc::mediated(&message(&xml)).unwrap();
    assert_eq!(invitations[0].details.password, Password::new("pw1".to_owned()));
}

#[test]
fn an_empty_reason_is_none() {
    let xml = MEDIATED.replace("<reason>Come &amp; talk</reason>", "<reason/>");
    assert_eq!(muc::mediated(&message(&xml)).unwrap()[0].details.reason, None);
}

#[test]
fn a_clients_own_conference_element_in_front_misleads_nobody() {
    let xml = MEDIATED.replacen(
        "<x xmlns='http://jabber.org",
        "<x xmlns='jabber:x:conference' jid='somewhere-else@conference.example.test'/><x xmlns='http://jabber.org",
        1,
    );
    let message = message(&xml);
    assert_eq!(message.conference.len(), 2);
    assert_eq!(muc::mediated(&message).unwrap()[0].room, jid("open@conference.example.test"));
    assert_eq!(direct::direct(&message).unwrap(), None, "a direct one beside a mediated one counts as well");
}

#[test]
fn a_groupchat_message_with_an_invite_is_no_invitation() {
    for type_ in ["groupchat", "error"] {
        let xml = MEDIATED.replacen("<message", &format!("<message type='{type_}'"), 1);
        assert_eq!(muc::mediated(&message(&xml)), Ok(vec![]), "{type_}");
    }
}

#[test]
fn an_occupants_private_message_is_no_invitation() {
    let xml = MEDIATED
        .replace(" from='open@conference.example.test'>", " from='open@conference.example.test/Mallory'>");
    assert!(matches!(muc::mediated(&message(&xml)), Err(Malformed::NotARoom(_))));
}

#[test]
fn a_decline_goes_to_the_room() {
    let decline = muc::decline(
        r"bob\40example.test@invites.example.test",
        &jid("den@conference.example.test"),
        "den@conference.example.test/Alice",
        "no such\u{1} user",
        "dec2",
    );
    assert_eq!(
        written(&decline),
        r"<message from='bob\40example.test@invites.example.test' to='den@conference.example.test' id='dec2'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='den@conference.example.test/Alice'><reason>no such user</reason></decline></x></message>"
    );
}

#[test]
fn affiliation_and_role_lists() {
    let question = Iq::get("den@conference.example.test", "a1", muc::list_affiliation(Affiliation::Owner));
    assert_eq!(
        written(&question),
        "<iq to='den@conference.example.test' id='a1' type='get'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='owner'></item></query></iq>"
    );
    let question = Iq::get("den@conference.example.test", "a2", muc::list_role(Role::Moderator));
    assert_eq!(
        written(&question),
        "<iq to='den@conference.example.test' id='a2' type='get'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'></item></query></iq>"
    );
    let answer = iq(
        "<iq type='result' from='den@conference.example.test' id='a2'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator' affiliation='owner' nick='Alice' jid='alice@example.test/phone'><reason>founder</reason></item></query></iq>",
    );
    let Some(IqPayload::MucAdmin(list)) = answer.payload.as_ref() else { panic!() };
    assert_eq!(list.items[0].role, Some(Role::Moderator));
    assert_eq!(list.items[0].affiliation, Some(Affiliation::Owner));
    assert_eq!(list.items[0].nick.as_deref(), Some("Alice"));
    assert_eq!(list.items[0].jid.as_deref(), Some("alice@example.test/phone"));
    assert_eq!(list.items[0].reason.as_deref(), Some("founder"));
}

#[test]
fn a_membership_has_one_item_and_a_bare_jid() {
    let set = muc::set_affiliation(&jid("bob@example.test"), Affiliation::Member, Some("invited"));
    assert_eq!(
        written(&Iq::set("den@conference.example.test", "m1", set)),
        "<iq to='den@conference.example.test' id='m1' type='set'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='bob@example.test'><reason>invited</reason></item></query></iq>"
    );
}

#[test]
fn an_advertisement_with_nested_namespaces() {
    let granted = privileged::advertisement(&message(
        "<message to='invites.example.test' from='example.test'><privilege xmlns='urn:xmpp:privilege:2'><perm type='get' access='roster'/><perm type='outgoing' access='message'/><perm access='iq'><namespace type='both' ns='a'><namespace type='get' ns='b'><namespace type='set' ns='c'/></namespace></namespace><namespace type='none' ns='d'/></perm></privilege></message>",
    ))
    .unwrap();
    assert_eq!(granted.version, Version::V2);
    assert!(granted.outgoing_messages && granted.roster_get);
    assert_eq!(granted.access("a"), Access { get: true, set: true });
    assert_eq!(granted.access("b"), Access { get: true, set: false });
    assert_eq!(granted.access("c"), Access { get: false, set: true });
    assert_eq!(granted.access("d"), Access { get: false, set: false });
    assert_eq!(granted.access("e"), Access { get: false, set: false });
}

#[test]
fn an_empty_privilege_is_no_advertisement() {
    let empty = message("<message from='example.test'><privilege xmlns='urn:xmpp:privilege:2'/></message>");
    assert_eq!(privileged::advertisement(&empty), None);
}

#[test]
fn only_a_server_advertises() {
    for from in ["mallory@example.test", "example.test/mallory", "room@conference.example.test"] {
        let forged = message(&format!(
            "<message from='{from}'><privilege xmlns='urn:xmpp:privilege:2'><perm type='outgoing' access='message'/></privilege></message>"
        ));
        assert_eq!(privileged::advertisement(&forged), None, "{from}");
    }
}

#[test]
fn a_message_in_the_inviters_name() {
    let room = jid("open@conference.example.test");
    let details = Details {
        reason: Some("Come & talk".to_owned()),
        password: Password::new("pw1".to_owned()),
        ..Details::default()
    };
    let invitation = direct::compose(
        "alice@example.test",
        "bob@example.test",
        "di1",
        &room,
        &details,
        Some(Hint::NoStore),
    );
    let wrapper =
        privileged::wrap_message(Version::V2, "invites.example.test", "example.test", "p1", invitation);
    assert_eq!(
        written(&wrapper),
        "<message from='invites.example.test' to='example.test' id='p1'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@example.test' to='bob@example.test' id='di1' type='normal'><x xmlns='jabber:x:conference' jid='open@conference.example.test' reason='Come &amp; talk' password='pw1'></x><no-store xmlns='urn:xmpp:hints'/></message></forwarded></privilege></message>"
    );
}

#[test]
fn a_refused_wrapper() {
    let error = message(
        "<message type='error' from='example.test' id='p1' to='invites.example.test'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></message>",
    );
    assert_eq!(error.id.as_deref(), Some("p1"));
    let error = error.error.0.unwrap();
    assert_eq!(*error.condition, Some(Condition::Forbidden));
    assert_eq!(error.type_.as_deref(), Some("auth"));
    assert_eq!(error.text.as_deref(), Some("no"));
}

#[test]
fn a_privileged_iq_and_its_answer() {
    let question = privileged::wrap_iq(
        &jid("alice@example.test"),
        "p3",
        "in-p3",
        IqType::Get,
        "mem@conference.example.test",
        muc::list_affiliation(Affiliation::Member),
    );
    assert_eq!(
        written(&question),
        "<iq to='alice@example.test' id='p3' type='get'><privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' to='mem@conference.example.test' id='in-p3' type='get'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'></item></query></iq></privileged_iq></iq>"
    );

    let answer = iq(
        "<iq to='invites.example.test' from='alice@example.test' id='p3' type='result'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><iq to='alice@example.test' from='mem@conference.example.test' xmlns='jabber:client' id='in-p3' type='result'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='bob@example.test'/></query></iq></forwarded></privilege></iq>",
    );
    let inner = privileged::unwrap_iq(&answer).unwrap();
    assert_eq!(inner.kind(), Some(IqType::Result));
    assert_eq!(inner.id.as_deref(), Some("in-p3"));
    let Some(IqPayload::MucAdmin(list)) = inner.payload.0 else { panic!() };
    assert_eq!(list.items[0].jid.as_deref(), Some("bob@example.test"));
}

#[test]
fn an_inner_error_in_an_outer_result() {
    let answer = iq(
        "<iq from='alice@example.test' id='p3' type='result'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' id='in-p3' type='error'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq></forwarded></privilege></iq>",
    );
    let inner = privileged::unwrap_iq(&answer).unwrap();
    assert_eq!(inner.kind(), Some(IqType::Error));
    assert_eq!(*inner.error.0.unwrap().condition, Some(Condition::Forbidden));
}

const HAND_OVER: &str = "<iq type='set' id='h1' from='conference.example.test/muc-invite-relay' to='invites.example.test'><handover xmlns='urn:x-muc-invite-relay:0' deadline='2026-01-02T03:04:05Z'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='den@conference.example.test' to='bob@example.test' id='i1'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.test/phone'><reason>Come</reason></invite><password>pw1</password></x><x xmlns='jabber:x:conference' jid='den@conference.example.test'/></message></forwarded></handover></iq>";

#[test]
fn a_hand_over() {
    let invitation = hand_over(&iq(HAND_OVER)).unwrap().unwrap();
    assert_eq!(invitation.deadline, "2026-01-02T03:04:05Z");
    assert_eq!(invitation.room, jid("den@conference.example.test"));
    assert_eq!(invitation.contact, jid("bob@example.test"));
    assert_eq!(invitation.inviter, jid("alice@example.test"));
    assert_eq!(invitation.details.reason.as_deref(), Some("Come"));
    assert_eq!(invitation.details.password, Password::new("pw1".to_owned()));
}

#[test]
fn a_hand_over_of_somebody_whom_the_room_has_made_a_member() {
    let made_member = |said: &str| {
        let xml = HAND_OVER.replace(" deadline=", &format!(" {said} deadline="));
        hand_over(&iq(&xml)).unwrap().unwrap().made_member
    };
    assert!(made_member("made-member='true'"));
    assert!(!made_member("made-member='no'") && !made_member(""));
}

#[test]
fn an_error_that_went_to_an_inviter() {
    let told = "<iq type='set' id='error-1' from='example.test/muc-invite-relay' to='invites.example.test'><came-back xmlns='urn:x-muc-invite-relay:0' id='0123abcd-42' from='bob@b.test' to='alice@example.test'/></iq>";
    let question = iq(told);
    let read = came_back(&question).unwrap();
    assert_eq!(read.id.as_deref(), Some("0123abcd-42"));
    assert_eq!(read.from.as_deref(), Some("bob@b.test"));
    assert_eq!(read.to.as_deref(), Some("alice@example.test"));
    assert_eq!(came_back(&iq(&told.replace("type='set'", "type='result'"))), None);
    assert_eq!(came_back(&iq(HAND_OVER)), None);
}

#[test]
fn which_modules_tell_of_errors() {
    let tells = |version: &str| {
        let answer = format!("<iq type='result'><handover {version} xmlns='urn:x-muc-invite-relay:0'/></iq>");
        let Some(IqPayload::HandOver(about)) = iq(&answer).payload.0 else { panic!() };
        about.tells_of_errors()
    };
    assert!(tells("version='2'") && tells("version='3'"));
    assert!(!tells("") && !tells("version='1'") && !tells("version='two'"));
}

#[test]
fn the_node_on_which_a_module_answers() {
    let node = |attributes: &str| {
        let answer =
            format!("<iq type='result'><handover {attributes} xmlns='urn:x-muc-invite-relay:0'/></iq>");
        let Some(IqPayload::HandOver(about)) = iq(&answer).payload.0 else { panic!() };
        assert_eq!(about.version.as_deref(), Some("2"));
        about.node().map(str::to_owned)
    };
    assert_eq!(node("version='2' node='ejabberd@localhost'").as_deref(), Some("ejabberd@localhost"));
    assert_eq!(node("version='2'"), None);
    // What modules to come may say is ignored.
    assert_eq!(node("version='2' zone='b'"), None);
}

#[test]
fn a_hand_over_that_cannot_be_taken() {
    let refused = |from: &str, to: &str| {
        assert!(HAND_OVER.contains(from));
        hand_over(&iq(&HAND_OVER.replace(from, to))).unwrap().unwrap_err()
    };
    assert_eq!(refused(" deadline='2026-01-02T03:04:05Z'", ""), Malformed::NoDeadline);
    assert_eq!(refused("alice@example.test/phone", "den@conference.example.test/Alice"), Malformed::Masked);
    assert_eq!(refused("message", "presence"), Malformed::Empty);
    assert_eq!(refused("<invite ", "<invite from='eve@example.test'/><invite "), Malformed::Several);
    assert_eq!(refused(" to='bob@example.test'", ""), Malformed::NoAddressee);
    assert_eq!(hand_over(&iq(&HAND_OVER.replace("type='set'", "type='result'"))), None);
}

#[test]
fn a_refused_connection() {
    let refused = crate::wire::top_level::parse(b"<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>Given token does not match calculated token</text></stream:error>");
    let Ok(crate::wire::Stanza::StreamError(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.condition(), "not-authorized");
    assert_eq!(error.text.as_deref(), Some("Given token does not match calculated token"));
}

#[test]
fn what_became_of_a_hand_over() {
    let fate = |attributes: &str| {
        let answer = format!(
            "<iq to='invites.example.test' from='conference.example.test/muc-invite-relay' id='q1' type='result'><handed-over {attributes} id='h1' xmlns='urn:x-muc-invite-relay:0'/></iq>"
        );
        let Some(IqPayload::HandOverFate(answer)) = iq(&answer).payload.0 else { panic!() };
        assert_eq!(answer.id.as_deref(), Some("h1"));
        answer.fate()
    };
    assert_eq!(fate("fate='taken'"), Fate::Taken);
    assert_eq!(fate("fate='taken' passed='true'"), Fate::Passed);
    assert_eq!(fate("fate='delivered'"), Fate::Delivered);
    assert_eq!(fate("fate='delivered' passed='true'"), Fate::Delivered);
    assert_eq!(fate("fate='unknown'"), Fate::Unknown);
    assert_eq!(fate("fate='TAKEN'"), Fate::Unknown);
    assert_eq!(fate(""), Fate::Unknown);
}
