//! What the scripted server sends, as bytes: invitations of rooms, and answers to the component's questions. Knows nothing of
//! sockets, nor of time.

/// The component under test.
pub const COMPONENT: &str = "invites.example.org";
/// Its secret.
pub const SECRET: &str = "bench";
/// The room of single invitations; open, not anonymous.
pub const ROOM: &str = "open@conference.example.org";

/// The large room, with many members; open, not anonymous.
pub const LARGE_ROOM: &str = "crowd@conference.example.org";

/// Begins the localpart of each of its members; their number follows.
const MEMBER_PREFIX: &str = "f";

const USERS_HOST: &str = "example.org";
const MUC_SERVICE: &str = "conference.example.org";

/// Begins the localpart of each contact; their number follows.
const CONTACT_PREFIX: u8 = b'c';

/// The stream header, and the answer to the handshake, which is not checked.
pub const STREAM_HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                          xmlns='jabber:component:accept' id='bench' from='invites.example.org'>";
pub const HANDSHAKE: &str = "<handshake/>";

/// XEP-0356: the component may send messages in the name of users.
pub const PRIVILEGE: &str = "<message to='invites.example.org' from='example.org'><privilege \
                             xmlns='urn:xmpp:privilege:2'><perm access='message' type='outgoing'/></privilege></message>";

/// A mediated invitation as Prosody 0.12 sends it when the inviter's address is not hidden.
pub fn invitation(number: usize, into: &mut Vec<u8>) {
    let number = number.to_string();
    for part in [
        "<message to='c",
        &number,
        "\\40example.org@invites.example.org' id='i",
        &number,
        "' xml:lang='en' from='open@conference.example.org'><x xmlns='http://jabber.org/protocol/muc#user'><invite \
         from='alice@example.org/phone'><reason>Come &amp; talk</reason></invite></x><x xmlns='jabber:x:conference' \
         jid='open@conference.example.org'>Come &amp; talk</x><body>alice@example.org/phone invited you to the room \
         open@conference.example.org (Come &amp; talk)</body></message>",
    ] {
        into.extend_from_slice(part.as_bytes());
    }
}

/// One invitation for all members of the large room.
pub fn invitation_of_all(into: &mut Vec<u8>) {
    into.extend_from_slice(
        b"<message to='members@invites.example.org' id='all' from='crowd@conference.example.org'><x \
          xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.org/phone'><reason>All of you\
          </reason></invite></x></message>",
    );
}

/// Whether a message of the component invites to the large room.
pub fn is_to_a_member(message: &[u8]) -> bool {
    let room = LARGE_ROOM.as_bytes();
    let invites = message.windows(18).any(|window| window == b"jabber:x:conferenc");
    invites && message.windows(room.len()).any(|window| window == room)
}

/// Whether a message of the component is the summary for the inviter.
pub fn is_summary(message: &[u8]) -> bool {
    let address = b"members@invites.example.org";
    message.windows(address.len()).any(|window| window == address)
}

/// The length of the first whole element and of what stands before it; `None` if it is not whole yet.
pub fn element(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        at += find(&bytes[at..], b'<')?;
        let closes = *bytes.get(at + 1)? == b'/';
        at += end_of_tag(&bytes[at..])?;
        let empty = bytes[at - 2] == b'/';
        if closes {
            depth = depth.saturating_sub(1);
        } else if !empty {
            depth += 1;
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The index after the `>` of a tag; one inside quotes doesn't count.
fn end_of_tag(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (byte, quote) {
            (b'>', None) => return Some(at + 1),
            (b'\'' | b'"', None) => quote = Some(byte),
            (_, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|&b| b == byte)
}

/// The number of the contact in a message of the component, direct or inside a privileged one; `None` if it is to nobody of
/// them.
pub fn contact(message: &[u8]) -> Option<usize> {
    message.windows(5).enumerate().filter(|(_, window)| window.starts_with(b" to=")).find_map(|(at, _)| {
        let value = message.get(at + 5..)?;
        let (first, rest) = value.split_first()?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = std::str::from_utf8(&rest[..digits]).ok()?;
        if *first == CONTACT_PREFIX && rest.get(digits) == Some(&b'@') { number.parse().ok() } else { None }
    })
}

/// The answer to an IQ.
pub fn answer(iq: &[u8], members: usize, into: &mut Vec<u8>) {
    let iq = String::from_utf8_lossy(iq);
    let head = iq.split('>').next().unwrap_or_default();
    let (to, id) = (attribute(head, "to"), attribute(head, "id"));
    let result = if iq.contains("urn:xmpp:ping") {
        Some(String::new())
    } else if iq.contains("disco#info") {
        Some(disco_info(to))
    } else if iq.contains("jabber:iq:version") {
        Some(
            "<query xmlns='jabber:iq:version'><name>Prosody</name><version>0.12.3</version></query>"
                .to_owned(),
        )
    } else if iq.contains("muc#admin") && to == ROOM {
        Some(list(&iq))
    } else if iq.contains("muc#admin") && to == LARGE_ROOM {
        Some(large_room_list(&iq, members))
    } else {
        None
    };
    let answer = match result {
        Some(payload) => format!("<iq type='result' from='{to}' to='{COMPONENT}' id='{id}'>{payload}</iq>"),
        None => format!(
            "<iq type='error' from='{to}' to='{COMPONENT}' id='{id}'><error type='cancel'><service-unavailable \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ),
    };
    into.extend_from_slice(answer.as_bytes());
}

fn attribute<'a>(head: &'a str, name: &str) -> &'a str {
    ["'", "\""]
        .iter()
        .find_map(|quote| {
            let (_, value) = head.split_once(&format!(" {name}={quote}"))?;
            value.split(quote).next()
        })
        .unwrap_or_default()
}

fn disco_info(to: &str) -> String {
    let (identity, features): (&str, &[&str]) = match to {
        ROOM | LARGE_ROOM => (
            "category='conference' type='text'",
            &[
                "muc_open",
                "muc_public",
                "muc_nonanonymous",
                "muc_unsecured",
                "http://jabber.org/protocol/muc",
            ],
        ),
        USERS_HOST => ("category='server' type='im'", &["msgoffline", "urn:xmpp:ping", "jabber:iq:version"]),
        MUC_SERVICE => ("category='conference' type='text'", &["http://jabber.org/protocol/muc"]),
        _ => ("category='client' type='pc'", &[]),
    };
    let features: Vec<_> = features.iter().map(|feature| format!("<feature var='{feature}'/>")).collect();
    let features = features.concat();
    format!("<query xmlns='http://jabber.org/protocol/disco#info'><identity {identity}/>{features}</query>")
}

/// The large room's lists: the inviter is the owner, there are many members, nobody is banned, nobody is inside.
fn large_room_list(iq: &str, members: usize) -> String {
    let items = if iq.contains("owner") {
        "<item affiliation='owner' jid='alice@example.org'/>".to_owned()
    } else if iq.contains("affiliation='member'") || iq.contains("affiliation=\"member\"") {
        let item = |n| format!("<item affiliation='member' jid='{MEMBER_PREFIX}{n}@example.org'/>");
        (0..members).map(item).collect()
    } else {
        String::new()
    };
    format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query>")
}

/// The other room's lists: nobody is banned, and only the inviter is inside.
fn list(iq: &str) -> String {
    let inviter = if iq.contains("moderator") {
        "<item affiliation='owner' role='moderator' nick='Alice' jid='alice@example.org/phone'/>"
    } else {
        ""
    };
    format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{inviter}</query>")
}
