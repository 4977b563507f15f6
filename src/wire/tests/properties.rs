//! What holds whatever comes: what we write reads back as it was, and nothing that is well-formed is unreadable.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{jid, reread};
use crate::model::address::{
    contact_of, escape_localpart, relay_address, relay_address_of_occupant, unescape_localpart,
};
use crate::wire::command::{Action, Actions, Command, Note, NoteKind, Status};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::direct;
use crate::wire::error::{Refusal, StanzaError};
use crate::wire::fate::{Fate, HandOverFate};
use crate::wire::handover::{HandedOver, hand_over};
use crate::wire::hint::Hint;
use crate::wire::muc::{self, Affiliation, Details, Inviter, Mediated, Password, Role};
use crate::wire::muc_user::{Continue, Invite, MucUser};
use crate::wire::ns;
use crate::wire::privileged::{self, Version};
use crate::wire::stanza::{Forwarded, HandOver, Iq, IqPayload, IqType, Message, PrivilegeContent};
use crate::wire::top_level::{Stanza, parse};
use crate::wire::xml::{is_xml_text, non_blank, strip_forbidden};

/// Text that XML can carry, with many of the characters that mean something to it.
fn text() -> impl Strategy<Value = String> {
    let special =
        proptest::sample::select(vec!['<', '>', '&', '\'', '"', '\n', '\r', '\t', ' ', ']', '🤖', '\u{301}']);
    let character = prop_oneof![any::<char>(), special];
    vec(character, 0..20).prop_map(|characters| {
        let mut text = String::from_iter(characters);
        strip_forbidden(&mut text);
        text
    })
}

fn non_empty_text() -> impl Strategy<Value = String> {
    text().prop_filter("not empty", |text| !text.is_empty())
}

fn person() -> impl Strategy<Value = jid::BareJid> {
    r"[a-z0-9\\._%+äß-]{1,12}@[a-z]{1,8}\.example"
        .prop_filter_map("a JID", |text| jid::BareJid::new(&text).ok())
}

fn details() -> impl Strategy<Value = Details> {
    let reason = non_empty_text().prop_filter("not blank", |text| non_blank(Some(text.clone())).is_some());
    (option::of(reason), option::of(non_empty_text()), option::of(text()), any::<bool>()).prop_map(
        |(reason, password, thread, continues)| Details {
            reason,
            password: password.and_then(Password::new),
            thread,
            continues,
            ..Details::default()
        },
    )
}

fn hint() -> impl Strategy<Value = Option<Hint>> {
    option::of(proptest::sample::select(Hint::ALL))
}

/// A mediated invitation as a room would write it.
fn as_a_room_says(mediated: &Mediated) -> Message {
    let from = match &mediated.inviter {
        Inviter::Person(person) => format!("{person}/phone"),
        Inviter::Occupant(nick) => format!("{}/{nick}", mediated.room),
    };
    let details = mediated.details.clone();
    let invite = Invite {
        from: Some(from),
        reason: details.reason.into(),
        continues: details.continues.then_some(Continue { thread: details.thread }).into(),
        ..Invite::default()
    };
    Message {
        from: Some(mediated.room.to_string()),
        to: Some(match &mediated.device {
            Some(device) => format!("{}/{device}", mediated.relay_address),
            None => mediated.relay_address.clone(),
        }),
        muc_user: vec![MucUser {
            invites: vec![invite],
            password: details.password.into(),
            ..MucUser::default()
        }],
        ..Message::default()
    }
}

fn mediated() -> impl Strategy<Value = Mediated> {
    let inviter =
        prop_oneof![person().prop_map(Inviter::Person), non_empty_text().prop_map(Inviter::Occupant),];
    let device = option::of(non_empty_text());
    (person(), person(), device, inviter, details()).prop_map(
        |(room, contact, device, inviter, mut details)| {
            if !details.continues {
                details.thread = None;
            }
            Mediated { room, relay_address: contact.to_string(), device, inviter, details }
        },
    )
}

fn message_of(stanza: Stanza) -> Message {
    match stanza {
        Stanza::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn iq_of(stanza: Stanza) -> Iq {
    match stanza {
        Stanza::Iq(iq) => iq,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn escaping_is_undone_by_unescaping(text in any::<String>()) {
        let escaped = escape_localpart(&text);
        prop_assert!(!escaped.contains([' ', '"', '&', '\'', '/', ':', '<', '>', '@']));
        prop_assert_eq!(unescape_localpart(&escaped), text);
    }

    #[test]
    fn escaping_is_undone_where_backslashes_abound(text in r"[\\@ 02345acef/]{0,12}") {
        prop_assert_eq!(unescape_localpart(&escape_localpart(&text)), text);
    }

    #[test]
    fn a_relay_address_names_its_contact(person in person()) {
        let address = relay_address(&person, "invites.example").unwrap();
        prop_assert_eq!(contact_of(address.as_str()).unwrap(), person);
    }

    #[test]
    fn an_occupant_always_has_a_relay_address(room in person(), nick in any::<String>()) {
        let address = relay_address_of_occupant(&room, &nick, "invites.example");
        prop_assert!(address.is_ok(), "{:?}", address);
    }

    #[test]
    fn unescaping_takes_anything(text in any::<String>()) {
        let _ = unescape_localpart(&text);
        let _ = contact_of(&text);
        let _ = contact_of(&format!("{text}@invites.example"));
    }

    #[test]
    fn what_is_left_after_stripping_can_be_written(mut text in any::<String>()) {
        let was_clean = is_xml_text(&text);
        let before = text.clone();
        strip_forbidden(&mut text);
        prop_assert!(is_xml_text(&text));
        prop_assert_eq!(was_clean, text == before);
        let decline = muc::decline("a@b", &jid("room@conference.example"), "c@d", &text, "i");
        prop_assert_eq!(message_of(reread(&decline)), decline);
    }

    #[test]
    fn a_direct_invitation(room in person(), details in details(), hint in hint()) {
        let sent = direct::compose("alice@example.org", "bob@example.org", "i1", &room, &details, hint);
        let read = message_of(reread(&sent));
        prop_assert_eq!(&read, &sent);
        let invitation = direct::direct(&read).unwrap().unwrap();
        prop_assert_eq!((invitation.room, invitation.details), (room, details));
    }

    #[test]
    fn a_mediated_invitation(mediated in mediated()) {
        let read = message_of(reread(&as_a_room_says(&mediated)));
        prop_assert_eq!(muc::mediated(&read).unwrap(), vec![mediated]);
    }

    #[test]
    fn a_decline(room in person(), nick in text(), reason in text()) {
        let sent = muc::decline("bob@invites.example", &room, &format!("{room}/{nick}"), &reason, "i1");
        prop_assert_eq!(message_of(reread(&sent)), sent);
    }

    #[test]
    fn muc_admin(
        person in person(),
        affiliation in proptest::sample::select(Affiliation::ALL),
        role in proptest::sample::select(Role::ALL),
        reason in option::of(text()),
    ) {
        for payload in [
            muc::list_affiliation(affiliation),
            muc::list_role(role),
            muc::set_affiliation(&person, affiliation, reason.as_deref()),
        ] {
            let sent = Iq::set("room@conference.example", "a1", payload);
            prop_assert_eq!(iq_of(reread(&sent)), sent);
        }
    }

    #[test]
    fn a_message_in_somebodys_name(room in person(), details in details(), hint in hint()) {
        let inner = direct::compose("alice@example.org", "bob@example.org", "i1", &room, &details, hint);
        for version in [Version::V1, Version::V2] {
            let sent = privileged::wrap_message(version, "invites.example", "example.org", "w1", inner.clone());
            let read = message_of(reread(&sent));
            prop_assert_eq!(&read, &sent);
            prop_assert_eq!(privileged::advertisement(&read), None);
        }
    }

    #[test]
    fn an_iq_in_somebodys_name(person in person(), room in person()) {
        let payload = || muc::set_affiliation(&person, Affiliation::Member, None);
        let sent = privileged::wrap_iq(&person, "p1", "in-p1", IqType::Set, room.as_str(), payload());
        prop_assert_eq!(iq_of(reread(&sent)), sent);

        let inner = Iq::set(room.to_string(), "in-p1", payload());
        let content = PrivilegeContent { forwarded: Forwarded::from(inner.clone()).into(), ..PrivilegeContent::default() };
        let reply = Iq { payload: IqPayload::PrivilegeReply(content).into(), ..Iq::default() };
        prop_assert_eq!(privileged::unwrap_iq(&iq_of(reread(&reply))), Some(inner));
    }

    #[test]
    fn a_hand_over(
        mediated in mediated(),
        inviter in person(),
        deadline in text(),
        said in proptest::option::of(proptest::sample::select(&["true", "1", "false"])),
        now in proptest::option::of(text()),
    ) {
        let mediated = Mediated { inviter: Inviter::Person(inviter.clone()), ..mediated };
        let payload = HandOver {
            deadline: Some(deadline.clone()),
            made_member: said.map(str::to_owned),
            now: now.clone(),
            forwarded: Forwarded::from(as_a_room_says(&mediated)).into(),
            ..HandOver::default()
        };
        let sent = Iq::set("invites.example", "h1", IqPayload::HandOver(payload));
        let read = iq_of(reread(&sent));
        prop_assert_eq!(&read, &sent);
        let Mediated { room, relay_address, device, details, .. } = mediated;
        let (contact, made_member) = (jid(&relay_address), matches!(said, Some("true" | "1")));
        let id = None;
        let expected = HandedOver { id, deadline, room, contact, device, inviter, made_member, now, details };
        prop_assert_eq!(hand_over(&read).unwrap().unwrap(), expected);
    }

    #[test]
    fn the_node_of_a_module(node in option::of(prop_oneof![text(), "[a-zäß@]{100,300}"])) {
        let answer = HandOver { node: node.clone(), ..HandOver::default() };
        let sent = Iq::set("invites.example", "h1", IqPayload::HandOver(answer));
        let Some(IqPayload::HandOver(read)) = iq_of(reread(&sent)).payload.0 else { panic!() };
        let name = node.filter(|node| !node.is_empty() && node.len() < 256 && !node.contains(char::is_control));
        prop_assert_eq!(read.node(), name.as_deref());
    }

    #[test]
    fn a_question_for_the_fate_of_a_hand_over(
        id in text(),
        said in proptest::sample::select(&["taken", "delivered", "unknown", "elsewhere"]),
        passed in proptest::option::of(proptest::sample::select(&["true", "1", "false"])),
    ) {
        let asked = Iq::get("room.example/muc-invite-relay", "q1", IqPayload::HandOverFate(HandOverFate::question(&id)));
        prop_assert_eq!(&iq_of(reread(&asked)), &asked);

        let answer = HandOverFate { id: Some(id), fate: Some(said.to_owned()), passed: passed.map(str::to_owned) };
        let fate = answer.fate();
        let answered = Iq { payload: IqPayload::HandOverFate(answer).into(), ..Iq::default() };
        let Some(IqPayload::HandOverFate(read)) = iq_of(reread(&answered)).payload.0 else { panic!() };
        prop_assert_eq!(read.fate(), fate);
        let expected = match (said, passed) {
            ("taken", Some("true" | "1")) => Fate::Passed,
            ("taken", _) => Fate::Taken,
            ("delivered", _) => Fate::Delivered,
            _ => Fate::Unknown,
        };
        prop_assert_eq!(fate, expected);
    }

    #[test]
    fn a_command(
        node in text(),
        words in vec(text(), 4),
        values in vec(text(), 0..4),
        action in proptest::sample::select(Action::ALL),
        status in proptest::sample::select(Status::ALL),
        kind in proptest::sample::select(NoteKind::ALL),
        refusal in proptest::sample::select(Refusal::ALL),
    ) {
        let mut fields = Field::each_line("b", &words[2], values.clone());
        fields.extend([
            Field::line("a", &words[0], &words[1]),
            Field::choice("c", &words[3], values.iter().map(|it| Choice::new(it, &words[0])).collect(), None),
        ]);
        let payload = Command {
            node: Some(node),
            sessionid: Some(words[1].clone()),
            lang: Some("de".to_owned()),
            action: Some(action.as_str().to_owned()),
            status: Some(status),
            actions: Actions { execute: Some(action), allowed: vec![action] }.into(),
            notes: vec![Note::new(kind, &words[2])],
            form: Form::to_fill_in(&words[3], &words[0], fields).into(),
        };
        let sent = Iq::set("invites.example", "c1", IqPayload::Command(payload));
        let read = iq_of(reread(&sent));
        prop_assert_eq!(&read, &sent);
        let read = read.command().unwrap();
        prop_assert_eq!(read.action(), Some(action));
        let first: Vec<_> = read.form.as_ref().unwrap().values("b").collect();
        prop_assert_eq!(first, values.iter().take(1).collect::<Vec<_>>());

        let refused = Iq::error_with(&sent, StanzaError::from(refusal));
        prop_assert_eq!(iq_of(reread(&refused)), refused);
    }

    #[test]
    fn bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn scraps_of_xml_never_panic(scraps in vec(proptest::sample::select(SCRAPS), 0..40)) {
        let _ = parse(scraps.concat().as_bytes());
    }

    #[test]
    fn every_well_formed_stanza_is_readable(name in proptest::sample::select(STANZAS), tree in tree()) {
        let xml = format!("<{name}{tree}</{name}>");
        let read = parse(xml.as_bytes());
        prop_assert!(read.is_ok(), "{xml}: {read:?}");
        let read = read.unwrap();
        match &read {
            Stanza::Message(message) => {
                let _ = muc::mediated(message);
                let _ = direct::direct(message);
                let _ = privileged::advertisement(message);
            }
            Stanza::Iq(iq) => {
                let _ = privileged::unwrap_iq(iq);
                let _ = hand_over(iq);
                let _ = iq.command().map(|it| (it.action(), it.filled_in()));
            }
            _ => {}
        }
        // Reading may drop things; what is left can be written, and stays the same from then on.
        let once = reread(&read);
        prop_assert_eq!(reread(&once), once);
    }
}

const STANZAS: &[&str] = &["message", "iq", "presence", "handshake", "stream:error"];

const SCRAPS: &[&str] = &[
    "<message",
    "<iq",
    " from='",
    " to='",
    "type=",
    "'",
    "\"",
    ">",
    "/>",
    "</",
    "message>",
    "iq>",
    "<x xmlns='",
    ns::MUC_USER,
    ns::CONFERENCE,
    ns::PRIVILEGE_1,
    ns::FORWARD,
    ns::CLIENT,
    "<invite",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&#1;",
    "&",
    "<!--",
    "<?",
    "\u{1}",
    "é",
    "stream:error",
    "xmlns:a='b'",
    "a:",
    " ",
];

/// The elements we know, and some we don't.
const ELEMENTS: &[(&str, &str)] = &[
    ("x", ns::MUC_USER),
    ("invite", ns::MUC_USER),
    ("decline", ns::MUC_USER),
    ("reason", ns::MUC_USER),
    ("continue", ns::MUC_USER),
    ("password", ns::MUC_USER),
    ("x", ns::CONFERENCE),
    ("invitation", ns::CONFERENCE),
    ("store", ns::HINTS),
    ("error", ns::COMPONENT),
    ("forbidden", ns::STANZA_ERRORS),
    ("text", ns::STANZA_ERRORS),
    ("not-authorized", ns::STREAM_ERRORS),
    ("text", ns::STREAM_ERRORS),
    ("privilege", ns::PRIVILEGE_1),
    ("perm", ns::PRIVILEGE_1),
    ("namespace", ns::PRIVILEGE_1),
    ("privilege", ns::PRIVILEGE_2),
    ("perm", ns::PRIVILEGE_2),
    ("namespace", ns::PRIVILEGE_2),
    ("privileged_iq", ns::PRIVILEGE_2),
    ("forwarded", ns::FORWARD),
    ("message", ns::CLIENT),
    ("iq", ns::CLIENT),
    ("handover", ns::HAND_OVER),
    ("came-back", ns::HAND_OVER),
    ("handed-over", ns::HAND_OVER),
    ("query", ns::MUC_ADMIN),
    ("item", ns::MUC_ADMIN),
    ("query", ns::DISCO_INFO),
    ("identity", ns::DISCO_INFO),
    ("feature", ns::DISCO_INFO),
    ("x", ns::DATA_FORMS),
    ("field", ns::DATA_FORMS),
    ("value", ns::DATA_FORMS),
    ("option", ns::DATA_FORMS),
    ("title", ns::DATA_FORMS),
    ("command", ns::COMMANDS),
    ("actions", ns::COMMANDS),
    ("complete", ns::COMMANDS),
    ("note", ns::COMMANDS),
    ("bad-payload", ns::COMMANDS),
    ("query", ns::DISCO_ITEMS),
    ("item", ns::DISCO_ITEMS),
    ("ping", ns::PING),
    ("query", ns::VERSION),
    ("name", ns::VERSION),
    ("query", ns::ROSTER),
    ("item", ns::ROSTER),
    ("blocklist", ns::BLOCKING),
    ("item", ns::BLOCKING),
    ("body", ns::COMPONENT),
    ("message", ns::COMPONENT),
    ("unknown", "urn:unknown"),
];

const ATTRIBUTES: &[&str] = &[
    "from",
    "to",
    "id",
    "type",
    "jid",
    "reason",
    "password",
    "continue",
    "thread",
    "affiliation",
    "role",
    "nick",
    "access",
    "ns",
    "deadline",
    "var",
    "node",
    "name",
    "category",
    "action",
    "status",
    "sessionid",
    "execute",
    "subscription",
    "unknown",
];

const VALUES: &[&str] = &[
    "",
    "error",
    "result",
    "set",
    "get",
    "submit",
    "execute",
    "executing",
    "both",
    "outgoing",
    "iq",
    "wat",
    "true",
    "room@conference.example",
    "room@conference.example/🤖",
    "alice@example.org",
    "a@@b",
    "example.org",
    "member",
    "2026-01-02T03:04:05Z",
];

/// Everything of an element behind its name and in front of its end tag.
fn tree() -> impl Strategy<Value = String> {
    let attributes = || {
        let names = proptest::sample::subsequence(ATTRIBUTES, 0..4);
        (names, vec(proptest::sample::select(VALUES), 4)).prop_map(|(names, values)| {
            let each = names.iter().zip(values).map(|(name, value)| format!(" {name}='{value}'"));
            each.collect::<String>()
        })
    };
    let leaf = (attributes(), text()).prop_map(|(attributes, text)| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("{attributes}>{text}")
    });
    leaf.prop_recursive(6, 40, 5, move |inside| {
        let element = (proptest::sample::select(ELEMENTS), inside)
            .prop_map(|((name, namespace), tree)| format!("<{name} xmlns='{namespace}'{tree}</{name}>"));
        (attributes(), vec(element, 0..5))
            .prop_map(|(attributes, children)| format!("{attributes}>{}", children.concat()))
    })
}
