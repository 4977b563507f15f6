//! Writes stanzas as the bytes of a stream whose header has been sent. Knows nothing of sockets.
//!
//! Servers read with expat, which since 2.6 tries a tag of which it had n bytes again only when it has 2n (its deferred
//! reparsing). The last tag of a burst would wait for whatever is sent next, if a read of the server's ends inside it. So
//! white space as long as that tag goes behind it ([`Writer::complete`]); RFC 6120 §4.6.1 allows it between stanzas.

use std::borrow::Cow;
use std::io;

use bytes::BytesMut;
use memchr::memchr2_iter;
use rxml::writer::{Encoder, SimpleNamespaces, TrackNamespace};
use rxml::{Namespace, xml_ncname};
use xso::{AsXml, Item};

use crate::wire::{Stanza, compose, ns};

/// The largest stanza that is sent, in bytes: servers end the stream because of larger ones (Prosody's default limit is
/// 512 KiB).
const MAX_STANZA_BYTES: usize = 256 << 10;

/// Turns stanzas into bytes.
pub(super) struct Writer {
    encoder: Encoder<SimpleNamespaces>,
    pub(super) buffer: BytesMut,
    /// How many bytes must still follow for the server to read every tag that was written.
    owed: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { encoder: behind_header(), buffer: BytesMut::new(), owed: 0 }
    }

    /// Appends a stanza.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the stanza has characters that XML forbids, or is larger than [`MAX_STANZA_BYTES`]. Nothing is appended
    /// then, and other stanzas can follow.
    pub(super) fn push(&mut self, stanza: &Stanza) -> io::Result<()> {
        let before = self.buffer.len();
        let result = self.encode(stanza).and_then(|()| match self.buffer.len() - before {
            0..=MAX_STANZA_BYTES => Ok(()),
            length => Err(invalid(format!("{length} bytes are more than servers take"))),
        });
        if result.is_ok() {
            let written = &self.buffer[before..];
            self.owed = self.owed.saturating_sub(written.len()).max(owed_behind(written));
        } else {
            self.buffer.truncate(before);
            self.encoder = behind_header();
        }
        result
    }

    /// Appends the white space behind which the server reads all that was pushed, without waiting for more.
    pub(super) fn complete(&mut self) {
        self.buffer.resize(self.buffer.len() + std::mem::take(&mut self.owed), b' ');
    }

    /// Appends the end of the stream.
    pub(super) fn end(&mut self) {
        self.complete();
        self.buffer.extend_from_slice(b"</stream:stream>");
    }

    fn encode(&mut self, stanza: &Stanza) -> io::Result<()> {
        if let Stanza::Message(message) = stanza
            && compose::message(message, &mut self.buffer).map_err(invalid)?
        {
            return Ok(());
        }
        self.encode_items(stanza)
    }

    fn encode_items(&mut self, stanza: &Stanza) -> io::Result<()> {
        for item in stanza.as_xml_iter().map_err(invalid)? {
            let item = item.map_err(invalid)?;
            self.encoder.encode_into_bytes(item.as_rxml_item(), &mut self.buffer).map_err(invalid)?;
        }
        Ok(())
    }
}

/// How many bytes must follow these stanzas: as many as one of their tags has, less what is behind that tag already. In text and
/// attributes `<` and `>` are escaped.
fn owed_behind(stanzas: &[u8]) -> usize {
    let mut owed = 0;
    let mut begin = 0;
    for at in memchr2_iter(b'<', b'>', stanzas) {
        if stanzas[at] == b'<' {
            begin = at;
        } else {
            owed = owed.max((at + 1 - begin).saturating_sub(stanzas.len() - at - 1));
        }
    }
    owed
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// An encoder inside the stream's root element, with the namespaces that its header has declared.
#[expect(clippy::transmute_ptr_to_ptr, reason = "inside of xml_ncname!")]
fn behind_header() -> Encoder<SimpleNamespaces> {
    let mut encoder = Encoder::new();
    encoder.ns_tracker_mut().declare_fixed(Some(xml_ncname!("stream")), ns::STREAM.into());
    encoder.ns_tracker_mut().declare_fixed(None, ns::COMPONENT.into());
    let mut sent = BytesMut::new();
    for item in [
        Item::ElementHeadStart(Namespace::from(ns::STREAM), Cow::Borrowed(xml_ncname!("stream"))),
        Item::ElementHeadEnd,
    ] {
        // A header without attributes can always be encoded.
        let _ = encoder.encode_into_bytes(item.as_rxml_item(), &mut sent);
    }
    encoder
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use crate::wire::body::Body;
    use crate::wire::conference::Conference;
    use crate::wire::error::StanzaError;
    use crate::wire::hint::Hint;
    use crate::wire::muc_user::MucUser;
    use crate::wire::password::Password;
    use crate::wire::permission::Perm;
    use crate::wire::stanza::{Forwarded, FromVersion1, Inner, Message, Privilege, PrivilegeContent};
    use crate::wire::xml::Translated;
    use crate::wire::{Condition, Iq, IqPayload, IqType};

    fn ping(id: &str) -> Stanza {
        Stanza::Iq(Iq {
            type_: Some(IqType::Get.as_str().to_owned()),
            ..Iq::get("a.test", id, IqPayload::Ping)
        })
    }

    /// The tags in these bytes, as where they begin and end.
    fn tags(bytes: &[u8]) -> Vec<(usize, usize)> {
        let ends = |begin| begin + bytes[begin..].iter().position(|&byte| byte == b'>').unwrap() + 1;
        (0..bytes.len()).filter(|&at| bytes[at] == b'<').map(|begin| (begin, ends(begin))).collect()
    }

    proptest::proptest! {
        /// Wherever a server's read ends inside of a tag, twice of what it has of it comes.
        #[test]
        fn every_tag_is_read_without_waiting_for_more(bursts in proptest::collection::vec(
            proptest::collection::vec((0..3000_usize, 0..200_usize), 1..6), 1..4,
        )) {
            let mut writer = Writer::new();
            for burst in bursts {
                for (id, to) in burst {
                    let answer = Iq::get("a".repeat(to), "i".repeat(id), IqPayload::Ping);
                    writer.push(&Stanza::Iq(answer)).unwrap();
                }
                writer.complete();
                let bytes = writer.buffer.split();
                for (begin, end) in tags(&bytes) {
                    assert!(bytes.len() - begin >= 2 * (end - begin - 1));
                }
            }
        }
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        let special = "<>&'\"\n\r\t ]aä\u{1}\u{1f}\u{7f}\u{ffbe}\u{ffbf}\u{fffd}\u{fffe}\u{ffff}\u{1f600}";
        let characters = prop::sample::select(special.chars().collect::<Vec<_>>());
        option::of(vec(prop_oneof![20 => Just('a'), 1 => characters], 0..12).prop_map(String::from_iter))
    }

    /// A message of the elements that are written straight into the buffer, and seldom of another one.
    fn plain() -> impl Strategy<Value = Message> {
        let conference = (text(), text(), text(), any::<bool>(), text()).prop_map(
            |(jid, reason, password, continue_, thread)| {
                let password = password.and_then(Password::new);
                Conference { jid, reason, password, continue_, thread }
            },
        );
        let others = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
        let head = (text(), text(), text(), text(), text());
        let hints = vec(prop::sample::select(Hint::ALL), 0..3);
        (head, vec(conference, 0..3), text(), hints, others).prop_map(
            |((from, to, id, type_, lang), conference, body, hints, (muc_user, error))| Message {
                from,
                to,
                id,
                type_,
                lang,
                conference,
                body: body.map(|body| Body::new(&body)).into(),
                hints,
                muc_user: if muc_user { vec![MucUser::default()] } else { Vec::new() },
                error: error.then(|| StanzaError::new(Condition::Conflict, None)).into(),
                ..Message::default()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_straight_is_what_the_encoder_writes(
            mut message in plain(),
            inner in option::of(plain()),
            version_1 in any::<bool>(),
            permissions in prop::bool::weighted(0.1),
        ) {
            if let Some(inner) = inner {
                let forwarded = Forwarded { message: Inner::new(inner).into(), ..Forwarded::default() };
                let perms = if permissions { vec![Perm::default()] } else { Vec::new() };
                let content = PrivilegeContent { perms, forwarded: forwarded.into() };
                message.privilege = if version_1 {
                    Privilege::V1(Translated::<_, FromVersion1>::new(content)).into()
                } else {
                    Privilege::V2(content).into()
                };
            }
            let stanza = Stanza::Message(message);
            let (mut straight, mut encoded) = (Writer::new(), Writer::new());
            let (done, expected) = (straight.encode(&stanza), encoded.encode_items(&stanza));
            prop_assert_eq!(done.is_ok(), expected.is_ok());
            if done.is_ok() {
                prop_assert_eq!(straight.buffer, encoded.buffer);
            }
        }
    }

    #[test]
    fn what_cant_be_sent_leaves_no_trace() {
        let mut expected = Writer::new();
        expected.push(&ping("1")).unwrap();
        expected.push(&ping("2")).unwrap();
        let mut writer = Writer::new();
        writer.push(&ping("1")).unwrap();
        assert!(writer.push(&ping("\u{1}")).is_err());
        assert!(writer.push(&ping(&"'".repeat(MAX_STANZA_BYTES / 5))).is_err());
        writer.push(&ping("2")).unwrap();
        assert_eq!(writer.buffer, expected.buffer);
        assert_eq!(
            writer.buffer,
            &b"<iq to='a.test' id='1' type='get'><ping xmlns='urn:xmpp:ping'></ping></iq>\
               <iq to='a.test' id='2' type='get'><ping xmlns='urn:xmpp:ping'></ping></iq>"[..]
        );
    }
}
