//! Reads stanzas from the bytes of a stream. Each top-level element is parsed on its own, by a parser that has read the
//! stream header, which declares namespaces. An error in one element costs that element and nothing else.
//!
//! An ordinary user can make the server pass on XML that no namespace-aware parser accepts (`design/02-hostile-input.md`).
//! Knows nothing of sockets, nor of what a stanza means.

use std::io;
use std::ops::Range;

use bytes::BytesMut;
use rxml::parser::Options;
use rxml::{Event, Parse, Parser, WithOptions};

use super::answer::LongAnswer;
use super::element::parse;
use super::framing::{Frame, Framer};
use crate::wire::{Iq, IqType, Stanza, ns};

/// The longest name or attribute value that the shared parser accepts; it reserves that much memory. An element that is
/// longer as a whole gets a parser of its own.
const MAX_TOKEN_BYTES: usize = 8192;

/// An answer to an IQ that is longer than this is left to the caller that waits for it: see [`super::answer`].
const MAX_ANSWER_BYTES: usize = 32 << 10;

/// The next item of the stream.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are stanzas, and each is handed on at once")]
pub(super) enum Read {
    /// A stanza.
    Stanza(Stanza),
    /// An answer that is to be read piece by piece.
    LongAnswer(Box<LongAnswer>),
    /// Something that can't be read as a stanza.
    LeftOut {
        why: String,
        /// The head of an answer: the caller that waits for it is told.
        answer: Option<Box<Iq>>,
    },
    /// The server closed the stream.
    Footer,
}

/// Turns bytes, which come in pieces, into stanzas.
pub(super) struct Reader {
    framer: Framer,
    /// The stream header, which every new parser reads first.
    header: Vec<u8>,
    /// The shared parser; between two elements whenever [`Self::next`] is not running.
    parser: Parser,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { framer: Framer::new(), header: Vec::new(), parser: Parser::new() }
    }

    /// The buffer to which further bytes of the stream are appended.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        self.framer.buffer()
    }

    /// Whether the stream stands between two elements.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_between(&self) -> bool {
        self.framer.is_between()
    }

    /// The next stanza; `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// `InvalidData`: the server does not send an XML stream. Nothing more can be read from it.
    pub(super) fn next(&mut self) -> io::Result<Option<Read>> {
        let broken = |e| io::Error::new(io::ErrorKind::InvalidData, e);
        loop {
            let Some(frame) = self.framer.next().map_err(broken)? else { return Ok(None) };
            return Ok(Some(match frame {
                Frame::Header(header) => {
                    self.header = self.framer.bytes(&header).to_vec();
                    self.parser = self.fresh_parser(MAX_TOKEN_BYTES)?;
                    continue;
                }
                Frame::Element(element) => match self.long_answer(&element)? {
                    Some(answer) => Read::LongAnswer(answer.into()),
                    None => match self.element(&element)? {
                        Ok(stanza) => Read::Stanza(stanza),
                        Err(why) => self.left_out(why),
                    },
                },
                Frame::LeftOut(why) => self.left_out(why.to_string()),
                Frame::Footer => Read::Footer,
            }));
        }
    }

    fn element(&mut self, element: &Range<usize>) -> io::Result<Result<Stanza, String>> {
        let bytes = self.framer.bytes(element);
        if bytes.len() > MAX_TOKEN_BYTES {
            let mut parser = self.fresh_parser(bytes.len())?;
            return Ok(parse(&mut parser, bytes));
        }
        let result = parse(&mut self.parser, bytes);
        if result.is_err() {
            self.parser = self.fresh_parser(MAX_TOKEN_BYTES)?;
        }
        Ok(result)
    }

    fn long_answer(&self, element: &Range<usize>) -> io::Result<Option<LongAnswer>> {
        if element.len() <= MAX_ANSWER_BYTES {
            return Ok(None);
        }
        let Some(head) = self.head_of_an_answer() else { return Ok(None) };
        let bytes = self.framer.bytes(element).to_vec();
        let parser = self.fresh_parser(bytes.len())?;
        Ok(Some(LongAnswer { head, bytes, parser }))
    }

    fn left_out(&self, why: String) -> Read {
        Read::LeftOut { why, answer: self.head_of_an_answer().map(Box::new) }
    }

    /// Sender, id and type of the last element, if it is the answer to an IQ and its start tag can be read.
    fn head_of_an_answer(&self) -> Option<Iq> {
        let head = self.framer.head();
        if head.is_empty() {
            return None;
        }
        let mut parser = self.fresh_parser(MAX_TOKEN_BYTES).ok()?;
        let Ok(Some(Event::StartElement(_, (namespace, name), mut attributes))) =
            parser.parse(&mut &*head, false)
        else {
            return None;
        };
        let mut attribute = |name| attributes.remove(rxml::Namespace::none(), name);
        let iq =
            Iq { from: attribute("from"), id: attribute("id"), type_: attribute("type"), ..Iq::default() };
        let answers = matches!(iq.kind(), Some(IqType::Result | IqType::Error));
        (namespace == ns::COMPONENT && name.as_str() == "iq" && answers).then_some(iq)
    }

    /// A parser that has read the stream header.
    fn fresh_parser(&self, max_token_length: usize) -> io::Result<Parser> {
        let mut parser = Parser::with_options(Options { max_token_length, ..Options::default() });
        match parser.parse(&mut &self.header[..], false) {
            Ok(Some(Event::StartElement(..))) => Ok(parser),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the stream's header can't be read")),
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The bytes of stanzas may hold passwords.
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::link::answer::Answer;
    use crate::wire::{IqPayload, Message};

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                          xmlns='jabber:component:accept' xmlns:server='urn:declared' id='1'>";

    /// What a stream that comes in these pieces gives; `None` for what is left out.
    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Option<Stanza>> {
        let mut reader = Reader::new();
        let mut all = Vec::new();
        for piece in pieces {
            reader.buffer().extend_from_slice(piece);
            while let Some(read) = reader.next().unwrap() {
                all.push(match read {
                    Read::Stanza(stanza) => Some(stanza),
                    Read::LongAnswer(long) => block_on(Answer::Long(long).read()).ok().map(Stanza::Iq),
                    Read::LeftOut { .. } | Read::Footer => None,
                });
            }
        }
        assert!(reader.is_between());
        all
    }

    fn message(id: &str) -> Stanza {
        crate::wire::top_level::parse(format!("<message id='{id}'/>").as_bytes()).unwrap()
    }

    /// What a server may pass on and no namespace-aware parser accepts, or what is no stanza.
    const BAD: &[&str] = &[
        "<message><a xmlns='urn:a' xml:other='1' xml:other='2'/></message>",
        "<message><xmlns:a/></message>",
        "<message><t:a/></message>",
        "<message><a xmlns='urn:a' t:x='1'/></message>",
        "<message><a xmlns:xml='urn:a'/></message>",
        "<message><a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/></message>",
        "<message><a xmlns:t=''><t:b/></a></message>",
        "<message><a xmlns:t='http://www.w3.org/XML/1998/namespace'/></message>",
        "<message><a xmlns:t='urn:a' xmlns:u='urn:a' t:x='1' u:x='2'/></message>",
        "<message><a x='1' x='2'/></message>",
        "<message><a:b:c/></message>",
        "<message><:a/></message>",
        "<message><a:/></message>",
        "<message>&undefined;</message>",
        "<message>&#0;</message>",
        "<message>&#xffff;</message>",
        "<message>&#99999999999999;</message>",
        "<message>&</message>",
        "<message a='<'/>",
        "<message a=b/>",
        "<message a/>",
        "<message a='1'b='2'/>",
        "<message>]]></message>",
        "<message>\u{1}</message>",
        "<message>\u{fffe}</message>",
        "<message><!-- a --></message>",
        "<message><?a b?></message>",
        "<message><!DOCTYPE a></message>",
        "<message><!ENTITY a 'b'></message>",
        "<message></a>",
        "<message><a></message></a>",
        "<message><a></b></message>",
        "<message <iq/>",
        "<unknown xmlns='urn:unknown'/>",
        "<message xmlns='jabber:client'/>",
    ];

    #[test]
    fn each_bad_element_costs_itself_and_nothing_else() {
        for bad in BAD {
            let stream = format!("{HEADER}<message id='1'/>{bad}<message id='2'/>");
            assert_eq!(read([stream.as_bytes()]), [Some(message("1")), None, Some(message("2"))], "{bad}");
        }
        let invalid_utf8 = [HEADER.as_bytes(), b"<message>\xff\xc0\x80</message><message id='2'/>"].concat();
        assert_eq!(read([&invalid_utf8[..]]), [None, Some(message("2"))]);
    }

    #[test]
    fn what_is_only_odd_or_long_is_read() {
        let long = "\u{1f600}".repeat(20_000);
        for odd in [
            format!("<a xmlns='urn:a' b='{long}'/>"),
            format!("<a xmlns='{long}'/>"),
            format!("<{name} xmlns='urn:a' {name}='1'/>", name = "n".repeat(100_000)),
            format!("<subject>{long}</subject>"),
            format!(
                "<a xmlns='urn:a' {}/>",
                (0..4000).map(|n| format!(" a{n}='1'")).collect::<Vec<_>>().concat()
            ),
            "<server:a server:b='1'/>".to_owned(),
            "<xml:a xml:other='1'/>".to_owned(),
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>".to_owned(),
            "<a xmlns='urn:a' xml:lang='en'/>".to_owned(),
            "<a xmlns:a='urn:a' a:b='1'><![CDATA[<>&]]>&#x1f600;</a>".to_owned(),
        ] {
            let stream = format!("{HEADER}<message id='1'>{odd}</message><message id='2'/>");
            assert_eq!(read([stream.as_bytes()]), [Some(message("1")), Some(message("2"))], "{odd:.100}");
        }
    }

    #[test]
    fn one_element_says_nothing_about_the_next() {
        let stream = format!(
            "{HEADER}<message xmlns:t='urn:t'><t:a/></message><message><t:a/></message><message id='2'/>"
        );
        assert_eq!(read([stream.as_bytes()])[1..], [None, Some(message("2"))]);
    }

    #[test]
    fn an_answer_that_is_left_out_is_known_by_its_head() {
        let long = "x".repeat(super::super::framing::MAX_ELEMENT_BYTES);
        let deep = ["<a>".repeat(100), "</a>".repeat(100)].concat();
        let answer = |type_: &str| Iq {
            from: Some("bob@example.org".into()),
            id: Some("q'1".into()),
            type_: Some(type_.into()),
            ..Iq::default()
        };
        let head = |type_| format!("<iq type='{type_}' from='bob@example.org' to='c' id='q&apos;1'>");
        for (element, expected) in [
            (format!("{}<a b='{long}'/></iq>", head("result")), Some(answer("result"))),
            (format!("{}{deep}</iq>", head("error")), Some(answer("error"))),
            (format!("{}<t:a/></iq>", head("result")), Some(answer("result"))),
            (format!("{}<t:a/></iq>", head("get")), None),
            (head("result").replace("/>", ">").replace("<iq", "<iq t:a='1'") + "</iq>", None),
            (head("result").replace("<iq", "<iq xmlns='jabber:client'") + "</iq>", None),
            (format!("<iq type='result' id='{}'><t:a/></iq>", &long[..9000]), None),
            ("<message type='error'><t:a/></message>".to_owned(), None),
            ("<!-- a -->".to_owned(), None),
        ] {
            let mut reader = Reader::new();
            let stream = format!("{HEADER}<iq type='result' id='before'/>{element}<message id='2'/>");
            let mut found = Vec::new();
            for piece in stream.as_bytes().chunks(1 << 16) {
                reader.buffer().extend_from_slice(piece);
                while let Some(read) = reader.next().unwrap() {
                    found.push(read);
                }
            }
            assert_eq!(found.len(), 3, "{element:.100}");
            let Read::LeftOut { answer, .. } = &found[1] else { panic!("{element:.100}") };
            assert_eq!(answer.as_deref(), expected.as_ref(), "{element:.100}");
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_read_by_the_one_who_waits_for_it() {
        let item = |n: usize| format!("<item affiliation='member' jid='member-number-{n}@EXAMPLE.org'/>");
        let list = |count| {
            let items: String = (0..count).map(item).collect();
            let query = format!("<query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query>");
            format!("<iq type='result' from='tea@c' to='r' id='q'>{query}</iq>")
        };
        let mut reader = Reader::new();
        let broken = list(1000).replace("<item affiliation='member' jid='member-number-999@", "<item jid='");
        let stream =
            [HEADER, &list(10), &list(1000), "<message/>", &broken.replace("'member'", "member")].concat();
        reader.buffer().extend_from_slice(stream.as_bytes());
        assert!(matches!(reader.next(), Ok(Some(Read::Stanza(Stanza::Iq(_))))), "it is short");
        let Ok(Some(Read::LongAnswer(answer))) = reader.next() else { panic!("it is long") };
        assert_eq!(answer.head.id.as_deref(), Some("q"));
        assert!(matches!(reader.next(), Ok(Some(Read::Stanza(Stanza::Message(_))))));

        let others_ran = std::cell::Cell::new(0);
        let others = async {
            loop {
                others_ran.set(others_ran.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        let read = tokio::select! {
            biased;
            read = Answer::Long(answer).read() => read.unwrap(),
            () = others => unreachable!(),
        };
        let Some(IqPayload::MucAdmin(list)) = read.payload.0 else { panic!("no list") };
        assert_eq!(list.items.len(), 1000);
        assert_eq!(list.items[999].jid.as_deref(), Some("member-number-999@example.org"));
        assert!(others_ran.get() > 5, "others ran {} times", others_ran.get());

        let Ok(Some(Read::LongAnswer(answer))) = reader.next() else { panic!("it is an answer") };
        assert!(Answer::Long(answer).read().await.is_err());
        assert!(reader.is_between());
    }

    #[test]
    fn a_footer_is_the_end_and_a_second_header_no_stream() {
        let mut reader = Reader::new();
        reader.buffer().extend_from_slice(format!("{HEADER}<message/></stream:stream>").as_bytes());
        assert!(matches!(reader.next(), Ok(Some(Read::Stanza(_)))));
        assert!(matches!(reader.next(), Ok(Some(Read::Footer))));
        let mut reader = Reader::new();
        reader.buffer().extend_from_slice(format!("{HEADER}<message/>{HEADER}").as_bytes());
        assert!(matches!(reader.next(), Ok(Some(Read::Stanza(_)))));
        assert_eq!(
            reader.next().unwrap_err().to_string(),
            "the server sent what is no XML stream: a second XML declaration"
        );
    }

    /// An element, and what it is read as.
    fn element() -> impl Strategy<Value = (String, Option<Stanza>)> {
        let plain = || Some(Stanza::Message(Message::default()));
        prop_oneof![
            2 => "[a-z<>&'\" ]{0,20}".prop_map(|text| {
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
                let escaped = escaped.replace('>', "&gt;");
                let message = Message { id: Some(text), ..Message::default() };
                let element =
                    format!("<message id='{escaped}'><subject>{escaped}</subject><x><![CDATA[{escaped}]]></x></message>");
                (element, Some(Stanza::Message(message)))
            }),
            1 => (1..60_usize).prop_map(move |n| {
                (format!("<message>{}{}</message>", "<a>".repeat(n), "</a>".repeat(n)), plain())
            }),
            1 => (8000..20_000_usize).prop_map(move |n| {
                (format!("<message><x a='{}'/></message>", "v".repeat(n)), plain())
            }),
            3 => prop::sample::select(BAD).prop_map(|bad| (bad.to_owned(), None)),
            1 => (66..500_usize).prop_map(|n| (format!("{}{}", "<a b='c'>".repeat(n), "</a>".repeat(n)), None)),
        ]
    }

    proptest! {
        #[test]
        fn exactly_the_good_ones_come_out_wherever_the_stream_is_cut(
            elements in prop::collection::vec(element(), 0..20),
            cuts in prop::collection::vec(any::<usize>(), 0..40),
        ) {
            let mut stream = HEADER.to_owned();
            for (element, _) in &elements {
                stream.push_str(element);
            }
            let expected: Vec<_> = elements.into_iter().map(|(_, expected)| expected).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let read = read(cuts.windows(2).map(|piece| &stream.as_bytes()[piece[0]..piece[1]]));
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"<>/'\"![]?-a:= "[..])], 0..400),
            cut in 1..50_usize,
        ) {
            let stream = [HEADER.as_bytes(), &bytes].concat();
            let mut reader = Reader::new();
            for piece in stream.chunks(cut) {
                reader.buffer().extend_from_slice(piece);
                while let Ok(Some(_)) = reader.next() {}
            }
        }
    }
}
