//! The byte machine of the guard: knows tags, quotes, CDATA and depth, and which top-level elements are harmless.
//!
//! It holds an element back until it is complete and leaves it out if it is past a bound; what passes is the very same
//! bytes. Knows nothing of stanzas or sockets. What is not well-formed passes, the parser will say so.

/// The longest attribute value, name or namespace in bytes; the parser ends the stream above 8192.
const MAX_TOKEN: usize = 8000;

/// The deepest element inside a stanza; the deepest one that means anything to us is at 7.
const MAX_DEPTH: usize = 64;

/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 256;

/// The largest top-level element in bytes: the member list of a room with 100,000 members passes.
const MAX_STANZA: usize = 16 << 20;

/// A buffer that grew larger than this for one stanza is given back.
const KEPT_BUFFER: usize = 256 << 10;

/// Why an element was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hostile {
    LongToken,
    Deep,
    ManyAttributes,
    Large,
}

impl Hostile {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::LongToken => {
                "an attribute, name or namespace of more than 8000 bytes: somebody tries to break the connection"
            }
            Self::Deep => "elements nested more than 64 deep: somebody tries to break the connection",
            Self::ManyAttributes => {
                "an element with more than 256 attributes: somebody tries to break the connection"
            }
            Self::Large => {
                "more than 16 MB: a room's list that is too long, or somebody tries to break the connection"
            }
        }
    }
}

/// Where in the markup the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Behind `<`.
    TagStart,
    /// Inside a start tag, outside of quotes; `slash` is true right behind a `/`.
    Tag {
        slash: bool,
    },
    /// Inside an attribute value.
    Value {
        quote: u8,
    },
    EndTag,
    /// `<?…?>`; `question` is true right behind a `?`.
    Instruction {
        question: bool,
    },
    /// `<!…`: how much of `<![CDATA[` has been seen.
    Declaration {
        matched: usize,
    },
    /// Inside CDATA; the number of `]` just seen, two at most.
    CData {
        brackets: u8,
    },
    /// Not XML as XMPP allows it: everything passes, the parser ends the stream.
    Lost,
}

/// The byte machine: takes chunks, keeps what may pass.
#[derive(Debug)]
pub(super) struct Filter {
    at: At,
    depth: usize,
    /// Bytes since the current name, value or tag began.
    token: usize,
    attributes: usize,
    /// The element under way is being left out.
    dropping: Option<Hostile>,
    /// Bytes of the element under way.
    size: usize,
    /// What passes (up to `passed`), then what is held back until its element is complete.
    buffer: Vec<u8>,
    passed: usize,
    taken: usize,
}

impl Filter {
    pub(super) fn new() -> Self {
        Self {
            at: At::Text,
            depth: 0,
            token: 0,
            attributes: 0,
            dropping: None,
            size: 0,
            buffer: Vec::new(),
            passed: 0,
            taken: 0,
        }
    }

    /// What may be read now.
    pub(super) fn output(&self) -> &[u8] {
        &self.buffer[self.taken..self.passed]
    }

    pub(super) fn consume(&mut self, amount: usize) {
        self.taken = (self.taken + amount).min(self.passed);
        if self.taken == self.passed {
            self.buffer.drain(..self.passed);
            self.taken = 0;
            self.passed = 0;
            if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BUFFER {
                self.buffer = Vec::new();
            }
        }
    }

    /// Takes a chunk of the stream, cut anywhere. Returns why an element was left out, if one ended in this chunk.
    pub(super) fn feed(&mut self, mut chunk: &[u8]) -> Option<Hostile> {
        let mut left_out = None;
        while !chunk.is_empty() {
            let (used, complete) = self.advance(chunk);
            let (now, rest) = chunk.split_at(used);
            self.keep(now);
            if complete && let Some(hostile) = self.complete() {
                left_out = Some(hostile);
            }
            chunk = rest;
        }
        left_out
    }

    /// Inside a top-level element (or a tag that may begin one).
    fn inside(&self) -> bool {
        self.depth > 1 || (self.depth == 1 && self.at != At::Text)
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.size += bytes.len();
        if self.size > MAX_STANZA {
            self.hostile(Hostile::Large);
        }
        if self.dropping.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
        // Outside of stanzas (stream header, whitespace between) nothing is held back.
        if self.depth == 0 || !self.inside() || self.at == At::Lost {
            if self.dropping.is_none() {
                self.passed = self.buffer.len();
            }
            self.size = 0;
        }
    }

    fn hostile(&mut self, why: Hostile) {
        // The stream's own header and end are the server's words, not a user's.
        if self.depth >= 1 && self.dropping.is_none() {
            self.dropping = Some(why);
            self.buffer.truncate(self.passed);
        }
    }

    fn complete(&mut self) -> Option<Hostile> {
        self.size = 0;
        match self.dropping.take() {
            None => {
                self.passed = self.buffer.len();
                None
            }
            hostile => hostile,
        }
    }

    /// Moves the machine over some bytes: how many, and whether a top-level element is complete behind them.
    fn advance(&mut self, chunk: &[u8]) -> (usize, bool) {
        let first = chunk[0];
        match self.at {
            At::Lost => return (chunk.len(), false),
            At::Text => match chunk.iter().position(|&b| b == b'<') {
                Some(0) => self.at = At::TagStart,
                Some(length) => return (length, false),
                None => return (chunk.len(), false),
            },
            At::TagStart => {
                self.token = 0;
                self.attributes = 0;
                self.at = match first {
                    b'/' => At::EndTag,
                    b'?' => At::Instruction { question: false },
                    b'!' => At::Declaration { matched: 0 },
                    _ => At::Tag { slash: false },
                };
            }
            At::Tag { slash } => {
                if !matches!(first, b'>' | b'/' | b'"' | b'\'') {
                    let length = chunk.iter().position(|b| matches!(b, b'>' | b'/' | b'"' | b'\''));
                    let length = length.unwrap_or(chunk.len());
                    self.at = At::Tag { slash: false };
                    self.count(length);
                    return (length, false);
                }
                match first {
                    b'>' if slash => {
                        self.at = At::Text;
                        return (1, self.depth == 1);
                    }
                    b'>' => {
                        self.at = At::Text;
                        self.depth += 1;
                        // The stream's header is one level, the stanza's own element another.
                        if self.depth > MAX_DEPTH + 1 {
                            self.hostile(Hostile::Deep);
                        }
                    }
                    b'/' => self.at = At::Tag { slash: true },
                    quote => {
                        self.attributes += 1;
                        if self.attributes > MAX_ATTRIBUTES {
                            self.hostile(Hostile::ManyAttributes);
                        }
                        self.token = 0;
                        self.at = At::Value { quote };
                    }
                }
            }
            At::Value { quote } => {
                let length = chunk.iter().position(|&b| b == quote);
                if length == Some(0) {
                    self.token = 0;
                    self.at = At::Tag { slash: false };
                } else {
                    let length = length.unwrap_or(chunk.len());
                    self.count(length);
                    return (length, false);
                }
            }
            At::EndTag => {
                let length = chunk.iter().position(|&b| b == b'>');
                if length == Some(0) {
                    self.at = At::Text;
                    self.depth = self.depth.saturating_sub(1);
                    return (1, self.depth == 1);
                }
                let length = length.unwrap_or(chunk.len());
                self.count(length);
                return (length, false);
            }
            At::Instruction { question } => match first {
                b'>' if question => self.at = if self.depth == 0 { At::Text } else { At::Lost },
                _ => self.at = At::Instruction { question: first == b'?' },
            },
            At::Declaration { matched } => {
                const CDATA: &[u8] = b"[CDATA[";
                self.at = if CDATA.get(matched) != Some(&first) || self.depth < 2 {
                    At::Lost
                } else if matched + 1 == CDATA.len() {
                    At::CData { brackets: 0 }
                } else {
                    At::Declaration { matched: matched + 1 }
                };
            }
            At::CData { brackets } => match first {
                b']' => self.at = At::CData { brackets: (brackets + 1).min(2) },
                b'>' if brackets == 2 => self.at = At::Text,
                _ => {
                    let length = chunk.iter().position(|&b| b == b']').unwrap_or(chunk.len());
                    self.at = At::CData { brackets: 0 };
                    return (length.max(1), false);
                }
            },
        }
        (1, false)
    }

    fn count(&mut self, length: usize) {
        self.token += length;
        if self.token > MAX_TOKEN {
            self.hostile(Hostile::LongToken);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                          xmlns='jabber:component:accept' id='1'>";

    /// Feeds `input` in pieces that end at `cuts`; reads all the time as the parser would.
    fn run(input: &[u8], cuts: &[usize]) -> (Vec<u8>, Vec<Hostile>) {
        let mut filter = Filter::new();
        let (mut output, mut hostile) = (Vec::new(), Vec::new());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        for piece in cuts.windows(2) {
            hostile.extend(filter.feed(&input[piece[0]..piece[1]]));
            output.extend_from_slice(filter.output());
            filter.consume(filter.output().len());
        }
        (output, hostile)
    }

    #[test]
    fn the_stream_header_and_whitespace_pass_at_once() {
        let mut filter = Filter::new();
        filter.feed(HEADER.as_bytes());
        assert_eq!(filter.output(), HEADER.as_bytes());
        filter.consume(HEADER.len());
        filter.feed(b" ");
        assert_eq!(filter.output(), b" ");
        filter.consume(1);
        filter.feed(b"<message><body>half");
        assert_eq!(filter.output(), b"");
        filter.feed(b"</body></message>");
        assert_eq!(filter.output(), b"<message><body>half</body></message>");
    }

    #[test]
    fn hostile_elements_are_left_out_and_nothing_else() {
        let cases = [
            (format!("<message><x a='{}'/></message>", "v".repeat(9000)), Hostile::LongToken),
            (format!("<message><x xmlns=\"{}\"/></message>", "v".repeat(200_000)), Hostile::LongToken),
            (format!("<message><{}/></message>", "n".repeat(9000)), Hostile::LongToken),
            (format!("<message {}='1'/>", "n".repeat(9000)), Hostile::LongToken),
            (format!("<message>{}{}</message>", "<a>".repeat(70_000), "</a>".repeat(70_000)), Hostile::Deep),
            (
                format!(
                    "<message><x {}/></message>",
                    (0..4000).map(|n| format!("a{n}='1'")).collect::<Vec<_>>().join(" ")
                ),
                Hostile::ManyAttributes,
            ),
            (format!("<message><body>{}</body></message>", "b".repeat(MAX_STANZA)), Hostile::Large),
        ];
        for (stanza, why) in cases {
            let input = format!("{HEADER}<iq id='1'/>{stanza} <iq id='2'/></stream:stream>");
            let (output, hostile) = run(input.as_bytes(), &[100, 5000, 90_000]);
            let expected = format!("{HEADER}<iq id='1'/> <iq id='2'/></stream:stream>");
            assert_eq!(String::from_utf8(output).unwrap(), expected);
            assert_eq!(hostile, [why]);
        }
    }

    #[test]
    fn what_looks_like_markup_but_is_not_passes() {
        for stanza in [
            "<message a='>' b=\"/>\" c='\"'><body/></message>",
            "<message><body><![CDATA[</message> <a> ]] > ]]]></body></message>",
            "<message><a/><b /><c x='1'/></message>",
            "<message><body>500 kB</body></message>",
        ] {
            let input = format!("{HEADER}{stanza}<iq/>");
            let (output, hostile) = run(input.as_bytes(), &[]);
            assert_eq!(String::from_utf8(output).unwrap(), input);
            assert_eq!(hostile, []);
        }
    }

    #[test]
    fn what_is_no_xmpp_reaches_the_parser() {
        for broken in ["<!-- comment --><iq/>", "<message><?pi ?></message>", "<!DOCTYPE a>"] {
            let input = format!("{HEADER}<iq/>{broken}");
            let (output, _) = run(input.as_bytes(), &[]);
            assert_eq!(String::from_utf8(output).unwrap(), input);
        }
    }

    /// Well-formed elements, harmless ones and hostile ones.
    fn element() -> impl Strategy<Value = (String, bool)> {
        let harmless = prop_oneof![
            Just("<message/>".to_owned()),
            "[a-z<>&'\" ]{0,20}".prop_map(|text| {
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
                format!("<message a='{text}'><body>{text}</body><x><![CDATA[{text}]]></x></message>")
            }),
            (1..MAX_DEPTH).prop_map(|n| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n))),
        ];
        let hostile = prop_oneof![
            (MAX_DEPTH + 2..500).prop_map(|n| format!("{}{}", "<a b='c'>".repeat(n), "</a>".repeat(n))),
            (MAX_TOKEN + 1..20_000).prop_map(|n| format!("<iq><x a='{}'/></iq>", "v".repeat(n))),
            (MAX_ATTRIBUTES + 1..2000).prop_map(|n| format!("<iq {}/>", "a='b' ".repeat(n))),
        ];
        prop_oneof![4 => harmless.prop_map(|e| (e, false)), 1 => hostile.prop_map(|e| (e, true))]
    }

    proptest! {
        #[test]
        fn wherever_the_stream_is_cut(
            elements in prop::collection::vec(element(), 0..12),
            cuts in prop::collection::vec(any::<usize>(), 0..40),
        ) {
            let mut input = HEADER.to_owned();
            let mut expected = HEADER.to_owned();
            for (element, hostile) in &elements {
                input.push_str(element);
                if !hostile {
                    expected.push_str(element);
                }
            }
            let (output, hostile) = run(input.as_bytes(), &cuts);
            prop_assert_eq!(String::from_utf8(output).unwrap(), expected);
            prop_assert!(hostile.len() <= elements.iter().filter(|(_, hostile)| *hostile).count());
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"<>/'\"![]?-a "[..])], 0..400),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
        ) {
            run(&bytes, &cuts);
        }
    }
}
