//! Cuts the bytes of a stream into its top-level elements (RFC 6120 §4.1). Knows tags, quotes, CDATA, comments and depth, and
//! nothing else of XML. The parser, which gets exactly the bytes of one element, decides whether it is well-formed; so one
//! element can't affect another.
//!
//! Longer than most files: the states of one machine can't be read apart, and a third of the file are its tests. Knows
//! nothing of stanzas or sockets.

use std::fmt;
use std::ops::Range;

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr3, memmem};

/// The greatest depth of elements in a stanza that is read. The relay needs 7; the cost of parsing grows with the square of
/// the depth.
pub(super) const MAX_DEPTH: usize = 64;

/// The largest top-level element that is read, in bytes: the member list of a room with 100,000 members is smaller.
pub(super) const MAX_ELEMENT_BYTES: usize = 16 << 20;

/// A buffer that has grown beyond this for one element is freed.
const MAX_KEPT_BUFFER_BYTES: usize = 256 << 10;

/// The longest start tag that is kept for [`Framer::head`], in bytes: those of answers are short.
const MAX_HEAD_BYTES: usize = 8192;

/// The longest end tag of the stream, in bytes.
const MAX_ROOT_NAME_BYTES: usize = 1024;

/// How many bytes are kept of an element that is left out: the longest delimiter (`<![CDATA[`) may be cut in two.
const MAX_MARK_BYTES: usize = 9;

/// Why an element is left out before it reaches the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// Nested deeper than [`MAX_DEPTH`].
    Deep,
    /// Larger than [`MAX_ELEMENT_BYTES`].
    Large,
    /// A comment, an instruction or text between elements, where XMPP has none (RFC 6120 §11.1).
    BetweenElements,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deep => write!(f, "elements nested more than {MAX_DEPTH} deep"),
            Self::Large => write!(
                f,
                "more than {} MB: a room's list that is too long, or an attempt to use up memory",
                MAX_ELEMENT_BYTES >> 20
            ),
            Self::BetweenElements => f.write_str("no element: text, a comment or an instruction"),
        }
    }
}

/// The bytes can't be cut into elements any more, because of what the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent what is no XML stream: {0}")]
pub(super) struct Broken(&'static str);

/// The next item of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// The stream header, without its XML declaration; see [`Framer::bytes`].
    Header(Range<usize>),
    /// A complete top-level element; see [`Framer::bytes`].
    Element(Range<usize>),
    /// Something that is not passed to the parser.
    LeftOut(LeftOut),
    /// The end of the stream.
    Footer,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Inside a start tag, outside of quotes.
    Tag,
    /// Inside an attribute value.
    Value {
        quote: u8,
    },
    EndTag,
    Comment,
    /// `<?…?>`
    Instruction,
    CData,
    /// Any other `<!…>`, which the parser refuses.
    Declaration,
}

/// Turns bytes, which come in pieces, into elements.
#[derive(Debug)]
pub(super) struct Framer {
    at: At,
    /// Open elements; 1 between stanzas.
    depth: usize,
    buffer: BytesMut,
    /// How many bytes of the buffer have been examined.
    position: usize,
    /// Where the current element, or the item between two elements, begins.
    start: usize,
    /// Why the current element is left out, if it is.
    dropping: Option<LeftOut>,
    /// How many bytes of the current element have been dropped.
    dropped: usize,
    /// The start tag of the element under way, or of the last one; empty if it is too long.
    head: Vec<u8>,
    /// The name of the stream's root element.
    root: Vec<u8>,
}

impl Framer {
    pub(super) fn new() -> Self {
        Self {
            at: At::Text,
            depth: 0,
            buffer: BytesMut::new(),
            position: 0,
            start: 0,
            dropping: None,
            dropped: 0,
            head: Vec::new(),
            root: Vec::new(),
        }
    }

    /// The buffer to which further bytes are appended. Ranges of earlier frames are invalid after that.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.is_empty() && self.buffer.capacity() > MAX_KEPT_BUFFER_BYTES {
            self.buffer = BytesMut::new();
        }
        &mut self.buffer
    }

    /// The bytes of the frame that [`Self::next`] returned last.
    pub(super) fn bytes(&self, frame: &Range<usize>) -> &[u8] {
        &self.buffer[frame.clone()]
    }

    /// The start tag of the element that [`Self::next`] returned or left out last; empty if it is too long, or there was
    /// none.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether the stream stands between two elements.
    #[cfg(any(test, fuzzing))]
    pub(super) fn is_between(&self) -> bool {
        self.depth == 1
            && self.at == At::Text
            && self.buffer[self.start..].iter().all(u8::is_ascii_whitespace)
    }

    /// The next complete frame; `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the bytes can't be cut into elements. This must not be called again.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Broken> {
        self.discard(self.start);
        loop {
            let before = (self.position, self.at);
            if let Some(frame) = self.step()? {
                return Ok(Some(frame));
            }
            if self.inside() && self.dropped + self.position - self.start > MAX_ELEMENT_BYTES {
                if self.depth == 0 {
                    return Err(Broken("a stream header without an end"));
                }
                self.dropping.get_or_insert(LeftOut::Large);
            }
            if before == (self.position, self.at) {
                if self.dropping.is_some() {
                    let from = self.position.saturating_sub(MAX_MARK_BYTES).max(self.start);
                    self.dropped += from - self.start;
                    self.start = from;
                    self.discard(from);
                }
                return Ok(None);
            }
        }
    }

    fn discard(&mut self, amount: usize) {
        self.buffer.advance(amount);
        self.position -= amount;
        self.start -= amount;
    }

    /// Whether the position is inside a top-level element, or inside an item between two elements.
    fn inside(&self) -> bool {
        self.depth > 1 || self.at != At::Text
    }

    /// Examines some bytes. If more bytes are needed, neither the position nor the state changes.
    fn step(&mut self) -> Result<Option<Frame>, Broken> {
        let rest = &self.buffer[self.position..];
        match self.at {
            At::Text => return self.text(),
            At::Tag => {
                let Some(found) = memchr3(b'>', b'"', b'\'', rest) else {
                    self.position = self.buffer.len();
                    return Ok(None);
                };
                let (quote, at) = (rest[found], self.position + found);
                self.position = at + 1;
                if quote != b'>' {
                    self.at = At::Value { quote };
                    return Ok(None);
                }
                self.at = At::Text;
                return self.start_tag(self.buffer[at - 1] == b'/');
            }
            At::Value { quote } => match memchr(quote, rest) {
                Some(found) => {
                    self.position += found + 1;
                    self.at = At::Tag;
                }
                None => self.position = self.buffer.len(),
            },
            At::EndTag => match memchr(b'>', rest) {
                Some(found) => {
                    let name = self.position..self.position + found;
                    self.position = name.end + 1;
                    self.at = At::Text;
                    return self.end_tag(name);
                }
                None if self.depth > 1 => self.position = self.buffer.len(),
                // It can only be the end tag of the stream.
                None if rest.len() > MAX_ROOT_NAME_BYTES => return Err(Broken("an end tag without an end")),
                None => {}
            },
            At::Comment => return self.mark(b"-->"),
            At::Instruction => return self.mark(b"?>"),
            At::CData => return self.mark(b"]]>"),
            At::Declaration => return self.mark(b">"),
        }
        Ok(None)
    }

    fn text(&mut self) -> Result<Option<Frame>, Broken> {
        const COMMENT: &[u8] = b"<!--";
        const CDATA: &[u8] = b"<![CDATA[";
        let rest = &self.buffer[self.position..];
        let found = memchr(b'<', rest).unwrap_or(rest.len());
        let between = self.depth <= 1;
        let stray = between && !rest[..found].iter().all(u8::is_ascii_whitespace);
        let mark = &rest[found..];
        self.position += found;
        if between {
            self.start = self.position;
        }
        if stray {
            if self.depth == 0 {
                return Err(Broken("text before the stream's header"));
            }
            self.head.clear();
            return Ok(Some(Frame::LeftOut(LeftOut::BetweenElements)));
        }
        // Nothing is decided before the delimiter is complete.
        let Some(second) = mark.get(1) else { return Ok(None) };
        let (at, length) = match second {
            b'/' => (At::EndTag, 2),
            b'?' => (At::Instruction, 2),
            b'!' if mark.starts_with(COMMENT) => (At::Comment, COMMENT.len()),
            b'!' if mark.starts_with(CDATA) && !between => (At::CData, CDATA.len()),
            b'!' if COMMENT.starts_with(mark) || (CDATA.starts_with(mark) && !between) => return Ok(None),
            b'!' if !between => (At::Declaration, 2),
            b'!' => return Err(Broken("a declaration outside of any stanza")),
            // The parser knows which names XML allows; this is enough to recognise a tag.
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b':' | 0x80.. => (At::Tag, 1),
            _ => return Err(Broken("a tag without a name")),
        };
        self.at = at;
        self.position += length;
        Ok(None)
    }

    fn start_tag(&mut self, closed: bool) -> Result<Option<Frame>, Broken> {
        let tag = self.start..self.position;
        if self.depth == 1 {
            self.head.clear();
            if self.dropped == 0 && tag.len() <= MAX_HEAD_BYTES {
                self.head.extend_from_slice(&self.buffer[tag.clone()]);
            }
        }
        match (self.depth, closed) {
            (0, true) => return Err(Broken("a stream that ends with its header")),
            (0, false) => {
                name_of(&self.buffer[tag.clone()]).clone_into(&mut self.root);
                self.depth = 1;
                self.start = self.position;
                return Ok(Some(Frame::Header(tag)));
            }
            (1, true) => return Ok(Some(self.complete())),
            (1, false) if self.dropped == 0 && local_name(name_of(&self.buffer[tag])) == b"stream" => {
                return Err(Broken("a second stream header"));
            }
            (_, true) => {}
            (_, false) => {
                self.depth += 1;
                // The stream header is one level, the stanza's own element another.
                if self.depth > MAX_DEPTH + 1 {
                    self.dropping.get_or_insert(LeftOut::Deep);
                }
            }
        }
        Ok(None)
    }

    fn end_tag(&mut self, name: Range<usize>) -> Result<Option<Frame>, Broken> {
        match self.depth {
            0 => Err(Broken("an end before the stream's header")),
            1 if self.buffer[name].trim_ascii_end() == self.root => {
                self.start = self.position;
                Ok(Some(Frame::Footer))
            }
            1 => Err(Broken("an end tag without a start tag")),
            2 => {
                self.depth = 1;
                Ok(Some(self.complete()))
            }
            _ => {
                self.depth -= 1;
                Ok(None)
            }
        }
    }

    fn complete(&mut self) -> Frame {
        let element = self.start..self.position;
        self.start = self.position;
        self.dropped = 0;
        match self.dropping.take() {
            Some(why) => Frame::LeftOut(why),
            None => Frame::Element(element),
        }
    }

    /// Skips to `end`, inside a comment, an instruction, CDATA or a declaration.
    fn mark(&mut self, end: &'static [u8]) -> Result<Option<Frame>, Broken> {
        let Some(found) = memmem::find(&self.buffer[self.position..], end) else {
            // The end may be cut in two.
            self.position = self.position.max((self.buffer.len() + 1).saturating_sub(end.len()));
            return Ok(None);
        };
        self.position += found + end.len();
        let instruction = self.at == At::Instruction;
        self.at = At::Text;
        if self.depth != 1 {
            return Ok(None);
        }
        let mark = &self.buffer[self.start..self.position];
        if instruction && mark.starts_with(b"<?xml") && mark[5].is_ascii_whitespace() {
            return Err(Broken("a second XML declaration"));
        }
        self.complete();
        self.head.clear();
        Ok(Some(Frame::LeftOut(LeftOut::BetweenElements)))
    }
}

/// The name in a start tag.
fn name_of(tag: &[u8]) -> &[u8] {
    let tag = &tag[memchr(b'<', tag).map_or(0, |at| at + 1)..];
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    &tag[..end.unwrap_or(tag.len())]
}

fn local_name(name: &[u8]) -> &[u8] {
    &name[memchr(b':', name).map_or(0, |at| at + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                          xmlns='jabber:component:accept' id='1'>";

    /// The elements of a stream, or why they are left out; and how the stream ends.
    fn cut(input: &str, piece: usize) -> (Vec<Result<String, LeftOut>>, Result<bool, Broken>) {
        let mut framer = Framer::new();
        let mut found = Vec::new();
        for piece in input.as_bytes().chunks(piece) {
            framer.buffer().extend_from_slice(piece);
            loop {
                match framer.next() {
                    Ok(Some(Frame::Element(element))) => {
                        found.push(Ok(String::from_utf8(framer.bytes(&element).to_vec()).unwrap()));
                    }
                    Ok(Some(Frame::LeftOut(why))) => found.push(Err(why)),
                    Ok(Some(Frame::Header(header))) => {
                        assert!(HEADER.ends_with(std::str::from_utf8(framer.bytes(&header)).unwrap()));
                    }
                    Ok(Some(Frame::Footer)) => return (found, Ok(true)),
                    Ok(None) => break,
                    Err(e) => return (found, Err(e)),
                }
            }
        }
        (found, Ok(false))
    }

    /// Every way to cut the input gives the same.
    fn all(input: &str) -> (Vec<Result<String, LeftOut>>, Result<bool, Broken>) {
        let input = format!("{HEADER}{input}");
        let whole = cut(&input, input.len());
        for piece in [1, 2, 3, 7, 64] {
            assert_eq!(cut(&input, piece), whole, "{input} in pieces of {piece}");
        }
        whole
    }

    #[test]
    fn elements_are_cut_where_they_end() {
        for element in [
            "<iq/>",
            "<message a='>' b=\"/>\" c='\"'><body/></message>",
            "<message><body><![CDATA[</message> <a> ]] > ]]]></body></message>",
            "<message><a/><b /><c x='1'/>text</message >",
            // Not well-formed, or not allowed: the parser says so, of this element alone.
            "<message><!-- </message> <a> -- --><?a </message> ?><!DOCTYPE b></message>",
            "<message></a>",
            "<xml:a t:b='1' t:b='2'>&undefined;</c>",
            "<message <iq/>",
        ] {
            let (found, end) = all(&format!(" <iq id='1'/>\n{element}<iq id='2'/></stream:stream >"));
            let expected = ["<iq id='1'/>", element, "<iq id='2'/>"];
            assert_eq!(found, expected.map(|element| Ok(element.to_owned())));
            assert_eq!(end, Ok(true));
        }
    }

    #[test]
    fn what_is_too_deep_or_too_large_is_left_out_and_nothing_else() {
        let deep = format!("<a>{}{}</a>", "<b>".repeat(70_000), "</b>".repeat(70_000));
        let large = "b".repeat(MAX_ELEMENT_BYTES + 10);
        for (element, why) in [
            (deep, LeftOut::Deep),
            (format!("<message><body>{large}</body></message>"), LeftOut::Large),
            (format!("<message a='{large}'/>"), LeftOut::Large),
            (format!("<{large}><stream/></{large}>"), LeftOut::Large),
            (format!("<a><!--{large}--></a>"), LeftOut::Large),
        ] {
            let input = format!("{HEADER}<iq id='1'/>{element}<iq id='2'/>");
            for piece in [input.len(), 65_536, 1001] {
                let (found, end) = cut(&input, piece);
                assert_eq!(found, [Ok("<iq id='1'/>".to_owned()), Err(why), Ok("<iq id='2'/>".to_owned())]);
                assert_eq!(end, Ok(false));
            }
        }
    }

    #[test]
    fn a_large_element_takes_no_more_memory_than_the_bound() {
        let mut framer = Framer::new();
        framer.buffer().extend_from_slice(HEADER.as_bytes());
        framer.next().unwrap();
        framer.buffer().extend_from_slice(b"<a>");
        let piece = vec![b'b'; 65_536];
        for _ in 0..3 * MAX_ELEMENT_BYTES / 65_536 {
            framer.buffer().extend_from_slice(&piece);
            assert_eq!(framer.next(), Ok(None));
            assert!(framer.buffer.len() <= MAX_ELEMENT_BYTES + 65_536);
        }
        framer.buffer().extend_from_slice(b"</a>");
        assert_eq!(framer.next(), Ok(Some(Frame::LeftOut(LeftOut::Large))));
        framer.next().unwrap();
        assert!(framer.buffer().capacity() <= MAX_KEPT_BUFFER_BYTES);
    }

    #[test]
    fn what_stands_between_elements_is_left_out() {
        for (stray, times) in [("<!-- a <iq/> -->", 1), ("<?a <iq/> ?>", 1)] {
            let (found, end) = all(&format!("<iq/> {stray} <iq/>"));
            let iq = Ok("<iq/>".to_owned());
            let mut expected = vec![Err(LeftOut::BetweenElements); times];
            expected.insert(0, iq.clone());
            expected.push(iq);
            assert_eq!((found, end), (expected, Ok(false)));
        }
        let (found, end) = cut(&format!("{HEADER}<iq/> text <iq/>"), 1000);
        assert_eq!((found.len(), found[2].is_ok(), end), (3, true, Ok(false)));
    }

    #[test]
    fn what_can_t_be_cut_ends_the_stream_at_once() {
        for broken in [
            "<>",
            "< iq/>",
            "<message><></message>",
            "<1/>",
            "<?xml version='1.0'?>",
            "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='2'>",
            "<stream xmlns='http://etherx.jabber.org/streams'>",
            "</message>",
            "</>",
            "<!DOCTYPE a>",
            "<![CDATA[a]]>",
        ] {
            let (found, end) = all(&format!("<iq/>{broken}"));
            assert_eq!(found, [Ok("<iq/>".to_owned())]);
            assert!(end.is_err(), "{broken}");
        }
    }

    #[test]
    fn the_buffer_of_whitespace_does_not_grow() {
        let mut framer = Framer::new();
        framer.buffer().extend_from_slice(HEADER.as_bytes());
        framer.next().unwrap();
        for _ in 0..1000 {
            framer.buffer().extend_from_slice(b" \n");
            assert_eq!(framer.next(), Ok(None));
            assert!(framer.buffer.len() <= 4);
        }
    }
}
