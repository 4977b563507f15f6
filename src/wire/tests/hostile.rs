//! What an ordinary user, on this server or any other, can have put on our stream.

use std::fmt::Write as _;

use super::{iq, jid, message};
use crate::wire::muc::{self, Inviter, Malformed};
use crate::wire::privileged;
use crate::wire::stanza::IqPayload;
use crate::wire::top_level::{Stanza, parse};

/// An invitation with whatever is given between its tags and in its start tag.
fn invitation(attributes: &str, before: &str, in_invite: &str) -> String {
    format!(
        r"<message {attributes} to='bob\40example.test@invites.example.test' from='open@conference.example.test'>{before}<x xmlns='http://jabber.org/protocol/muc#user'><invite from='open@conference.example.test/Alice'>{in_invite}</invite></x></message>"
    )
}

#[test]
fn nothing_around_an_invitation_hides_it() {
    let long = "a".repeat(200_000);
    let body = format!("<body>{long}</body>");
    for (attributes, before, in_invite) in [
        ("type='wat'", "", ""),
        ("type='chat' id='' xml:lang='x-y' foo='bar' xmlns:p='urn:p' p:q='r'", "", ""),
        ("", "stray <thread>a</thread> text <thread>b</thread>", "stray<reason>r</reason>text"),
        ("", "<unknown xmlns='urn:u'><x xmlns='jabber:x:conference'/></unknown>", "<unknown/>"),
        ("", body.as_str(), ""),
        ("", "<error/><error type='wat'><wat xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", ""),
        ("", "<x xmlns='http://jabber.org/protocol/muc#user'><status code='wat'/><item/></x>", ""),
        ("", "<x xmlns='http://jabber.org/protocol/muc#user'><password>a</password><password/></x>", ""),
        (
            "",
            "<privilege xmlns='urn:xmpp:privilege:2'><perm/><perm/><forwarded xmlns='urn:xmpp:forward:0'/></privilege>",
            "",
        ),
        ("", "<privilege xmlns='urn:xmpp:privilege:1'/><privilege xmlns='urn:xmpp:privilege:2'/>", ""),
        ("", "<no-store xmlns='urn:xmpp:hints'>text<b/></no-store><wat xmlns='urn:xmpp:hints'/>", ""),
        (
            "",
            "",
            "<reason xml:lang='de'>a<b>c</b></reason><reason>b</reason><continue/><continue thread='t'>x</continue>",
        ),
    ] {
        let found = muc::mediated(&message(&invitation(attributes, before, in_invite)));
        assert_eq!(found.map(|all| all.len()), Ok(1), "{attributes} {before:.80} {in_invite}");
    }
}

/// Everything we know, once.
fn one_of_each() -> Vec<String> {
    let payloads = [
        "<query xmlns='http://jabber.org/protocol/disco#info' node='n'><identity category='c' type='t' name='n'></identity><feature var='v'></feature><x xmlns='jabber:x:data' type='result'><field var='v' type='t'><value>1</value></field></x></query>",
        "<command xmlns='http://jabber.org/protocol/commands' node='n' sessionid='s' action='execute' status='executing'><actions execute='next'><prev></prev><next></next></actions><note type='warn'>n</note><x xmlns='jabber:x:data' type='form'><title>t</title><instructions>i</instructions><field var='v' type='list-single' label='l'><value>1</value><option label='l'><value>1</value></option></field></x></command>",
        "<query xmlns='http://jabber.org/protocol/disco#items' node='n'><item jid='a@b' node='n' name='n'></item></query>",
        "<ping xmlns='urn:xmpp:ping'></ping>",
        "<query xmlns='jabber:iq:version'><name>n</name><version>1</version><os>o</os></query>",
        "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='none' role='none' jid='a@b' nick='n'><reason>r</reason></item></query>",
        "<query xmlns='jabber:iq:roster'><item jid='a@b' subscription='both'></item></query>",
        "<blocklist xmlns='urn:xmpp:blocking'><item jid='a@b'></item></blocklist>",
        "<handover xmlns='urn:x-muc-invite-relay:0' deadline='d'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='i'></message></forwarded></handover>",
        "<handed-over xmlns='urn:x-muc-invite-relay:0' id='i' fate='taken' passed='true'></handed-over>",
        "<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' id='i'></iq></privileged_iq>",
        "<privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' id='i'></iq></forwarded></privilege>",
    ];
    let error = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'></forbidden><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>t</text><bad-action xmlns='http://jabber.org/protocol/commands'></bad-action></error>";
    let in_a_message = "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a' to='b'><reason>r</reason><continue thread='t'></continue></invite><decline from='a' to='b'><reason>r</reason></decline><password>p</password></x><x xmlns='jabber:x:conference' jid='a@b' reason='r' password='p' continue='true' thread='t'></x><no-copy xmlns='urn:xmpp:hints'></no-copy><privilege xmlns='urn:xmpp:privilege:1'><perm access='iq' type='none'><namespace ns='n' type='get'></namespace></perm></privilege>";
    let in_an_iq = |payload: &str| format!("<iq from='f' to='t' id='i' type='set'>{payload}{error}</iq>");
    payloads.into_iter().map(in_an_iq).chain([
        format!("<message from='f' to='t' id='i' type='wat'>{in_a_message}{error}</message>"),
        "<presence from='f' to='t' id='i' type='wat'></presence>".to_owned(),
        "<handshake></handshake>".to_owned(),
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'></reset><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>t</text></stream:error>".to_owned(),
    ]).collect()
}

#[test]
fn noise_in_any_element_changes_nothing() {
    for quiet in one_of_each() {
        let noisy: String = quiet
            .split_inclusive('>')
            .map(|tag| match tag.strip_suffix('>') {
                Some(head) if tag.starts_with('<') && !tag.starts_with("</") => {
                    let noise = "<noise xmlns='urn:noise'>noise<x xmlns='jabber:x:conference'/></noise>";
                    let holds_text = [
                        "<reason",
                        "<password",
                        "<text",
                        "<value",
                        "<name>",
                        "<version",
                        "<os",
                        "<note",
                        "<title",
                        "<instructions",
                    ];
                    let text = if holds_text.iter().any(|name| tag.starts_with(name)) { "" } else { "noise" };
                    let lang_is_read = ["<identity", "<message", "<iq", "<command "]
                        .iter()
                        .any(|name| tag.starts_with(name));
                    let lang = if lang_is_read { "" } else { " xml:lang='en'" };
                    format!("{head} noise='noise'{lang}>{text}{noise}{text}")
                }
                _ => tag.to_owned(),
            })
            .collect();
        let heard = parse(noisy.as_bytes());
        assert_eq!(heard.as_ref().ok(), parse(quiet.as_bytes()).ok().as_ref(), "{heard:?} {noisy}");
        // And all of it was understood: it is written as it was read, but for tags that close themselves.
        let written = String::from_utf8(xso::to_vec(&heard.unwrap()).unwrap()).unwrap();
        let in_stream = [" xmlns='jabber:component:accept'", " xmlns='http://etherx.jabber.org/streams'"];
        let written = in_stream.iter().fold(written, |xml, it| xml.replacen(it, "", 1));
        let only_a_name = ["no-copy", "forbidden", "reset", "prev", "next", "bad-action"];
        let plain = |xml: &str| {
            only_a_name.iter().fold(xml.to_owned(), |xml, name| xml.replace(&format!("></{name}>"), "/>"))
        };
        assert_eq!(plain(&written), plain(&quiet).replace("stream:", ""));
    }
}

#[test]
fn of_what_should_stand_once_the_first_counts() {
    let two = invitation("", "", "<reason>first</reason><reason>second</reason>");
    assert_eq!(muc::mediated(&message(&two)).unwrap()[0].details.reason.as_deref(), Some("first"));
}

#[test]
fn a_device_is_the_resource_of_the_recipient() {
    let xml = invitation("", "", "");
    assert_eq!(muc::mediated(&message(&xml)).unwrap()[0].device, None);
    let xml = xml.replace("@invites.example.test'", "@invites.example.test/my phone/\u{1f4f1}'");
    let [read] = &muc::mediated(&message(&xml)).unwrap()[..] else { panic!() };
    assert_eq!(read.device.as_deref(), Some("my phone/\u{1f4f1}"));
    assert_eq!(read.relay_address, r"bob\40example.test@invites.example.test");
}

#[test]
fn an_emoji_is_a_nickname() {
    let xml = invitation("", "", "").replace("/Alice", "/🤖 /x@y");
    let found = muc::mediated(&message(&xml)).unwrap();
    assert_eq!(found[0].inviter, Inviter::Occupant("🤖 /x@y".to_owned()));
}

#[test]
fn several_invites_in_one_stanza_are_several_and_a_bad_one_spoils_none() {
    let xml = invitation("", "", "").replace(
        "<invite ",
        "<invite/><invite from='carol@example.test/x'><reason>b</reason></invite><invite from='@'/><invite ",
    );
    let inviters: Vec<_> =
        muc::mediated(&message(&xml)).unwrap().into_iter().map(|invitation| invitation.inviter).collect();
    assert_eq!(inviters, [Inviter::Person(jid("carol@example.test")), Inviter::Occupant("Alice".to_owned())]);
}

#[test]
fn what_looks_like_an_invitation_and_is_none() {
    let malformed = |from: &str, to: &str| {
        let xml = invitation("", "", "");
        assert!(xml.contains(from));
        muc::mediated(&message(&xml.replace(from, to))).unwrap_err()
    };
    assert_eq!(malformed("invite from='open@conference.example.test/Alice'", "invite"), Malformed::NoInviter);
    assert_eq!(
        malformed("invite from='open@conference.example.test/Alice'", "invite from=''"),
        Malformed::NoInviter
    );
    assert_eq!(malformed("/Alice", ""), Malformed::NoInviter);
    assert_eq!(malformed("/Alice", "/"), Malformed::NoInviter);
    assert!(matches!(malformed("open@conference.example.test/Alice", "a@@b"), Malformed::Address(_)));
    assert_eq!(malformed(r" to='bob\40example.test@invites.example.test'", ""), Malformed::NoAddressee);
    for from in
        ["", " from='conference.example.test'", " from='a@@b'", " from='open@conference.example.test/x'"]
    {
        assert!(matches!(malformed(" from='open@conference.example.test'", from), Malformed::NotARoom(_)));
    }
}

#[test]
fn an_iq_without_id_or_type_or_anything_known() {
    let bare = iq("<iq><unknown xmlns='urn:u'/>text</iq>");
    assert_eq!((bare.kind(), bare.payload.0), (None, None));
    let odd = iq(
        "<iq type='wat'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='king' role=''/></query><ping xmlns='urn:xmpp:ping'/></iq>",
    );
    let Some(IqPayload::MucAdmin(list)) = odd.payload.0 else { panic!() };
    assert_eq!((list.items[0].affiliation, list.items[0].role), (None, None));
}

#[test]
fn a_presence_with_anything_in_it() {
    let presence =
        parse(b"<presence type='wat'><show>wat</show><priority>high</priority><x xmlns='urn:u'/></presence>");
    assert!(matches!(presence, Ok(Stanza::Presence(_))), "{presence:?}");
}

#[test]
fn a_handshake_with_anything_in_it() {
    // 40 bytes that are no hex digits, not even ASCII.
    let handshake = format!("<handshake>x{}y<z/></handshake>", "é".repeat(19));
    assert_eq!(parse(handshake.as_bytes()).unwrap(), Stanza::Handshake);
}

/// Runs with a stack that no recursion over so many levels would survive.
fn with_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}

fn nested(levels: usize, open: &str, close: &str) -> String {
    open.repeat(levels) + &close.repeat(levels)
}

#[test]
fn depth_costs_no_stack() {
    with_a_small_stack(|| {
        let anything = nested(5_000, "<a>", "</a>");
        let stanzas = nested(
            2_000,
            "<privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>",
            "</message></forwarded></privilege>",
        );
        let found = muc::mediated(&message(&invitation("", &(anything + &stanzas), ""))).unwrap();
        assert_eq!(found.len(), 1);
    });
}

#[test]
fn nested_namespaces_cost_no_stack() {
    with_a_small_stack(|| {
        let namespaces = nested(5_000, "<namespace ns='a' type='get'>", "</namespace>");
        let granted = privileged::advertisement(&message(&format!(
            "<message from='example.test'><privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'>{namespaces}</perm></privilege></message>"
        )));
        assert_eq!(granted.unwrap().iq.len(), 5_000);
    });
}

#[test]
fn a_stanza_within_a_stanza_within_a_stanza_is_not_looked_at() {
    let inner =
        "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='inner'/></forwarded>";
    let xml = format!(
        "<message><privilege xmlns='urn:xmpp:privilege:1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' id='middle'><privilege xmlns='urn:xmpp:privilege:1'>{inner}</privilege><error type='auth'/></message></forwarded></privilege></message>"
    );
    let seen = format!("{:?}", message(&xml));
    assert!(seen.contains("middle") && seen.contains("auth") && !seen.contains("inner\""), "{seen}");
}

#[test]
fn four_thousand_attributes() {
    let mut attributes = String::new();
    for n in 0..4_000 {
        write!(attributes, " a{n}='v'").unwrap();
    }
    assert_eq!(muc::mediated(&message(&invitation(&attributes, "", ""))).unwrap().len(), 1);
}

#[test]
fn no_debug_output_shows_a_password() {
    let xml = invitation("", "<x xmlns='jabber:x:conference' jid='a@b' password='sesame'/>", "")
        .replace("</invite>", "</invite><password>sesame</password>")
        .replacen("<x ", "<body>the password is sesame</body><x ", 1);
    let read = message(&xml);
    let direct = crate::wire::direct::direct(&message(
        "<message><x xmlns='jabber:x:conference' jid='a@b' password='sesame'/></message>",
    ))
    .unwrap()
    .unwrap();
    let all = format!("{read:?} {read:#?} {:?} {direct:?}", muc::mediated(&read).unwrap());
    assert!(!all.contains("sesame"), "{all}");
    assert!(all.contains("password: Some(…)"), "{all}");
}
