//! Direct invitations as clients write and read them.

use rstest::rstest;

use super::{iq, jid, message, written};
use crate::wire::IqPayload;
use crate::wire::direct::{compose, direct};
use crate::wire::muc::{Details, Malformed, Password};

#[test]
fn the_one_shape_that_all_clients_accept() {
    let details = Details {
        reason: Some("Come \u{1}& 'talk'\n\u{fffe}now".to_owned()),
        password: Password::new("pw\u{b}1".to_owned()),
        thread: Some("t1\0".to_owned()),
        continues: true,
        ..Details::default()
    };
    let room = jid("open@conference.example.test");
    let invitation = compose("alice@example.test", "bob@example.test", "i1", &room, &details, None);
    assert_eq!(
        written(&invitation),
        "<message from='alice@example.test' to='bob@example.test' id='i1' type='normal'><x xmlns='jabber:x:conference' jid='open@conference.example.test' reason='Come &amp; &#39;talk&#39;&#xa;now' password='pw1' continue='true' thread='t1'></x></message>"
    );
}

#[rstest]
#[case("true", true)]
#[case("1", true)]
#[case("false", false)]
#[case("0", false)]
#[case("wat", false)]
#[case("", false)]
fn the_spellings_of_a_boolean(#[case] spelling: &str, #[case] continues: bool) {
    let invitation = message(&format!(
        "<message from='alice@example.test/phone'><x xmlns='jabber:x:conference' jid='open@conference.example.test' continue='{spelling}' thread='t1' reason='Come' password='pw'/></message>"
    ));
    let invitation = direct(&invitation).unwrap().unwrap();
    let details = Details {
        reason: Some("Come".to_owned()),
        password: Password::new("pw".to_owned()),
        thread: Some("t1".to_owned()),
        continues,
        ..Details::default()
    };
    assert_eq!((invitation.room, invitation.details), (jid("open@conference.example.test"), details));
}

#[test]
fn the_early_drafts_element_and_text_inside() {
    let draft = message(
        "<message><invitation xmlns='jabber:x:conference' jid='open@conference.example.test' reason='Come'>Come<b/></invitation></message>",
    );
    assert_eq!(direct(&draft).unwrap().unwrap().details.reason.as_deref(), Some("Come"));
    // Another element in the same namespace is none.
    let other =
        message("<message><y xmlns='jabber:x:conference' jid='open@conference.example.test'/></message>");
    assert_eq!(direct(&other), Ok(None));
}

#[rstest]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test'>Come</x>", Some("Come"))]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test'>Come <b>not this</b>in</x>", Some("Come in"))]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test' reason=' '>Come</x>", Some("Come"))]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test' reason='this'>Come</x>", Some("this"))]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test'> &#xa; </x>", None)]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test' reason='&#x200b;'>&#xfeff;&#xa0;</x>", None)]
#[case("<x xmlns='jabber:x:conference' jid='a@c.test'>Co<![CDATA[m<]]>e</x>", Some("Com<e"))]
fn a_reason_as_text(#[case] x: &str, #[case] reason: Option<&str>) {
    let invitation = direct(&message(&format!("<message>{x}</message>"))).unwrap().unwrap();
    assert_eq!(invitation.details.reason.as_deref(), reason);
}

#[rstest]
#[case("tea@conference.example.test/alice")]
#[case("xmpp:tea@conference.example.test?join")]
#[case("XMPP:tea@conference.example.test?join;password=x")]
#[case("xmpp://tea@conference.example.test?join")]
#[case(" tea@conference.example.test&#xa;")]
#[case("Tea@Conference.Example.test.")]
#[case("tea@conference.example.test?join")]
#[case("xmpp:t%65a@conference.example.test#x")]
#[case("xmpp:tea%40conference.example.test?join")]
#[case("tea%40conference.example.test")]
#[case("xmpp://me@example.test/tea@conference.example.test/alice?join")]
#[case("xmpp://tea@conference.example.test/alice")]
#[case("xmpp:tea@conference.example.test/a%20b?join")]
#[case("\u{200b}tea@conference.example.test\u{feff}\u{a0}")]
#[case("xmpp:tea@conference.example.test/#room?join")]
fn a_room_that_is_plain_to_see(#[case] named: &str) {
    let invitation =
        direct(&message(&format!("<message><x xmlns='jabber:x:conference' jid='{named}'/></message>")));
    assert_eq!(invitation.unwrap().unwrap().room, jid("tea@conference.example.test"));
}

#[rstest]
#[case("xmpp:tea@conference.example.test?join;password=s%20e%26c", None, Some("s e&c"))]
#[case("xmpp:tea@conference.example.test?password=x;join", None, Some("x"))]
#[case("xmpp:tea@conference.example.test?join;password=", None, None)]
#[case("xmpp:tea@conference.example.test?join;password=x", Some("y"), Some("y"))]
#[case("tea@conference.example.test?join;password=x", None, None)]
fn a_password_in_a_link(#[case] jid: &str, #[case] attribute: Option<&str>, #[case] password: Option<&str>) {
    let attribute = attribute.map(|it| format!(" password='{it}'")).unwrap_or_default();
    let x = format!("<message><x xmlns='jabber:x:conference' jid='{jid}'{attribute}/></message>");
    let details = direct(&message(&x)).unwrap().unwrap().details;
    assert_eq!(details.password.as_ref().map(Password::expose), password);
}

#[test]
fn of_several_the_first_that_names_a_room() {
    let x = |jid: &str| format!("<x xmlns='jabber:x:conference' jid='{jid}'/>");
    let read =
        |inside: &str| direct(&message(&format!("<message from='alice@example.test/a'>{inside}</message>")));
    let several = [x("nowhere"), x("a@c.test"), x("b@c.test")].concat();
    assert_eq!(read(&several).unwrap().unwrap().room, jid("a@c.test"));
    assert_eq!(read(&[x("first"), x("second")].concat()), Err(Malformed::NotARoom("first".to_owned())));
    let mediated = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='bob@example.test'/></x>";
    let both = [mediated, &x("a@c.test")].concat();
    assert_eq!(read(&both).unwrap().unwrap().room, jid("a@c.test"), "a person sends no mediated one");
    let of_a_room = message(&format!("<message from='b@c.test'>{both}</message>"));
    assert_eq!(direct(&of_a_room), Ok(None));
}

#[rstest]
#[case("")]
#[case("conference.example.test")]
#[case("xmpp:conference.example.test?join")]
#[case("tea@")]
#[case("tea@@conference.example.test")]
#[case("xmpp:t%zza@conference.example.test")]
#[case("t ea@conference.example.test")]
#[case("ᵗea@conference.example.test")]
#[case("https://conference.example.test/tea")]
fn no_room(#[case] named: &str) {
    let invitation =
        direct(&message(&format!("<message><x xmlns='jabber:x:conference' jid='{named}'/></message>")));
    assert!(invitation.is_err(), "{invitation:?}");
}

#[test]
fn empty_attributes_are_none() {
    let empty = message(
        "<message><x xmlns='jabber:x:conference' jid='open@conference.example.test' reason='' password=''/></message>",
    );
    assert_eq!(direct(&empty).unwrap().unwrap().details, Details::default());
}

#[rstest]
#[case("<x xmlns='jabber:x:conference'/>")]
#[case("<x xmlns='jabber:x:conference' jid=''/>")]
#[case("<x xmlns='jabber:x:conference' jid='conference.example.test'/>")]
#[case("<x xmlns='jabber:x:conference' jid='open@@conference.example.test'/>")]
fn a_direct_invitation_to_no_room(#[case] x: &str) {
    let invitation = message(&format!("<message>{x}</message>"));
    assert!(matches!(direct(&invitation), Err(Malformed::NotARoom(_))), "{x}");
}

#[test]
fn an_error_is_not_an_invitation() {
    let bounce = message(
        "<message type='error'><x xmlns='jabber:x:conference' jid='open@conference.example.test'/></message>",
    );
    assert_eq!(direct(&bounce), Ok(None));
}

#[rstest]
#[case("subscription='both'", true)]
#[case("subscription='to'", true)]
#[case("subscription='from' ask='subscribe'", true)]
#[case("subscription='none' ask='subscribe'", false)]
#[case("", false)]
#[case("subscription='remove'", false)]
fn who_is_in_a_roster_and_who_only_stands_in_it(#[case] attributes: &str, #[case] subscribed: bool) {
    let roster = iq(&format!(
        "<iq type='result'><query xmlns='jabber:iq:roster' ver='7'><item jid='a@b' {attributes}><group>g</group></item></query></iq>"
    ));
    let Some(IqPayload::Roster(roster)) = roster.payload.0 else { panic!("no roster") };
    assert_eq!(roster.items[0].is_subscribed(), subscribed);
}
