"""Stanzas that break connections, processes or patience elsewhere: what a user's client may write byte by byte.

The stream header of who sends them declares the prefix `t` (HEADER). What a server refuses of this, it may; all the
rest it passes on in its own way.
"""

from collections.abc import Callable

from support.stanzas import CONFERENCE, MUC_USER

KB = 1000
XML = "http://www.w3.org/XML/1998/namespace"
XMLNS = "http://www.w3.org/2000/xmlns/"
HEADER = "xmlns:t='urn:t' xmlns:c='jabber:client'"
"""What the sender's stream header declares."""


def message(to: str, inside: str = "", attributes: str = "") -> str:
    return f"<message to='{to}'{attributes}>{inside}</message>"


def _nested(depth: int) -> str:
    return "<a>" * depth + "</a>" * depth


def _invitation(inviter: str, reason: str = "trust me") -> str:
    return f"<x xmlns='{MUC_USER}'><invite from='{inviter}'><reason>{reason}</reason></invite></x>"


def _attributes(count: int) -> str:
    return "".join(f" a{n}='v'" for n in range(count))


def _namespaces(count: int) -> str:
    return "".join(f" xmlns:p{n}='urn:{n}'" for n in range(count))


Case = Callable[[str], str | bytes]
"""What is written, for a relay address."""


def _inside(payloads: dict[str, str]) -> dict[str, Case]:
    """Each as the payload of a message."""
    return {name: lambda to, payload=payload: message(to, payload) for name, payload in payloads.items()}


ODD: dict[str, Case] = {
    "a message of an unknown type": lambda to: message(to, "<body>x</body>", " type='wat'"),
    "a message with an empty type": lambda to: message(to, "<body>x</body>", " type=''"),
    "a presence that shows nonsense": lambda to: f"<presence to='{to}'><show>nonsense</show></presence>",
    "a presence of an unknown type": lambda to: f"<presence to='{to}' type='wat'/>",
    "a priority that is no number": lambda to: f"<presence to='{to}'><priority>high</priority></presence>",
    "an iq without a payload": lambda to: f"<iq type='get' id='i1' to='{to}'/>",
    "an iq with two payloads": lambda to: f"<iq type='get' id='i1' to='{to}'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>",
    "an iq without an id": lambda to: f"<iq type='get' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>",
    "an iq with an empty id": lambda to: f"<iq type='get' id='' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>",
    "an iq of an unknown type": lambda to: f"<iq type='wat' id='i3' to='{to}'/>",
    "an iq without a type": lambda to: f"<iq id='i4' to='{to}'/>",
    "an answer to nothing": lambda to: f"<iq type='result' id='i2' to='{to}'/>",
    "an error without a condition": lambda to: f"<iq type='error' id='i2' to='{to}'><error/></iq>",
    "an error that is a message": lambda to: message(to, "<error type='wat'><a/><b/></error>", " type='error' id='e'"),
    "two threads": lambda to: message(to, "<thread>1</thread><thread>2</thread>"),
    "stray text": lambda to: message(to, f"stray<x xmlns='{MUC_USER}'>text</x>text"),
    "an emoji for a nick": lambda to: message(to, _invitation("tea@conference.example.test/\U0001f916")),
    "an inviter that is no address": lambda to: message(to, _invitation("a@@b")),
    "an inviter of two dots": lambda to: message(to, _invitation("a@b..c")),
    "a very long inviter": lambda to: message(to, _invitation("a" * 5 * KB + "@example.test")),
    "many invitations in one": lambda to: message(to, _invitation("alice@example.test") * 500),
    "invitations within invitations": lambda to: message(to, f"<x xmlns='{MUC_USER}'>" * 20 + "</x>" * 20),
    "an unknown attribute": lambda to: message(to, "", " unheard-of='yes'"),
    "an early draft's invitation": lambda to: message(to, f"<invitation xmlns='{CONFERENCE}' jid='a@@b'/>"),
    "an empty addressee": lambda to: "<message to=''/>",
    "a message without an addressee": lambda to: "<message><body>x</body></message>",
    "a resource of 1023 quotes": lambda to: message(f"{to}/{'&quot;' * 1023}", "<body>x</body>"),
    "a resource of emoji": lambda to: message(f"{to}/{chr(0x1F916) * 255}", "<body>x</body>"),
    "the language of nobody": lambda to: message(to, "<body xml:lang='&lt;&quot;&apos;'>x</body>", " xml:lang=''"),
}
"""Wrong in what they say, not in how they are written."""

LARGE: dict[str, Case] = {
    "an attribute of 9 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 9 * KB}'/>"),
    "an attribute of 100 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 100 * KB}'/>"),
    "an attribute of 200 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 200 * KB}'/>"),
    "an attribute of 40 kB of references": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'&quot;' * 40 * KB}'/>"),
    "an attribute of 4000 emoji": lambda to: message(to, f"<a xmlns='urn:a' b='{chr(0x1F916) * 4 * KB}'/>"),
    "an attribute of line ends": lambda to: message(to, f"<a xmlns='urn:a' b='{'&#10;' * 3 * KB}'/>"),
    "an id of 9 kB": lambda to: message(to, "<body>x</body>", f" id='{'v' * 9 * KB}'"),
    "a namespace of 9 kB": lambda to: message(to, f"<x xmlns='urn:{'v' * 9 * KB}'/>"),
    "a name of 9 kB": lambda to: message(to, f"<{'n' * 9 * KB}/>"),
    "a name of 9 kB for an attribute": lambda to: message(to, f"<a {'n' * 9 * KB}='1'/>"),
    "a prefix of 9 kB": lambda to: message(to, f"<{'p' * 9 * KB}:a xmlns:{'p' * 9 * KB}='urn:p'/>"),
    "nesting of 2000": lambda to: message(to, _nested(2000)),
    "4000 attributes": lambda to: message(to, f"<x{_attributes(4000)}/>"),
    "4000 namespaces": lambda to: message(to, f"<x{_namespaces(4000)}/>"),
    "a body of 200 kB": lambda to: message(to, f"<body>{'b' * 200 * KB}</body>"),
    "a body of 50 kB of references": lambda to: message(to, f"<body>{'&#x1f916;' * 6 * KB}</body>"),
    "a body of 100 kB of CDATA": lambda to: message(to, f"<body><![CDATA[{'<' * 25 * KB}]]></body>"),
    "a thousand pieces of CDATA": lambda to: message(to, f"<body>{'<![CDATA[]]>' * KB}</body>"),
    "a reason of 100 kB": lambda to: message(to, _invitation("alice@example.test", "r" * 100 * KB)),
    "a password of 9 kB in an attribute": lambda to: message(
        to, f"<x xmlns='{CONFERENCE}' jid='tea@conference.example.test' password='{'p' * 9 * KB}'/>"
    ),
    "5000 empty elements": lambda to: message(to, "<a/>" * 5 * KB),
    "5000 line ends in a tag": lambda to: f"<message to='{to}'{chr(10) * 5 * KB}/>",
}

DEEP: dict[str, Case] = {
    "nesting of 5000": lambda to: message(to, _nested(5000)),
    "nesting of 30000": lambda to: message(to, _nested(30_000)),
}
"""What not every server survives itself."""

NAMESPACES: dict[str, Case] = _inside(
    {
        "an element of the prefix xml": "<xml:a/>",
        "elements of the prefix xml in each other": "<xml:a><xml:b/><c/></xml:a>",
        "an attribute of the prefix xml": "<a xmlns='urn:a' xml:other='1'/>",
        "attributes of the prefix xml that exist": "<a xmlns='urn:a' xml:lang='en' xml:space='preserve' xml:id='i'/>",
        "the prefix xml declared": f"<a xmlns='urn:a' xmlns:xml='{XML}'/>",
        "the prefix xml declared as something else": "<a xmlns='urn:a' xmlns:xml='urn:b'/>",
        "the prefix xmlns declared": f"<a xmlns='urn:a' xmlns:xmlns='{XMLNS}'/>",
        "the prefix xmlns declared as something else": "<a xmlns='urn:a' xmlns:xmlns='urn:b'/>",
        "an element of the prefix xmlns": "<xmlns:a/>",
        "an element called xmlns": "<xmlns xmlns='urn:a'/>",
        "an element called xml": "<xml xmlns='urn:a'/>",
        "another prefix for the namespace of xml": f"<p:a xmlns:p='{XML}'/>",
        "another prefix for the namespace of xmlns": f"<p:a xmlns:p='{XMLNS}'/>",
        "the namespace of xml by default": f"<a xmlns='{XML}'/>",
        "the namespace of xmlns by default": f"<a xmlns='{XMLNS}'/>",
        "a prefix of the sender's stream header": "<t:a/>",
        "an attribute with a prefix of the stream header": "<a xmlns='urn:a' t:x='1'/>",
        "prefixes of the stream header everywhere": "<t:a t:x='1'><t:b><c t:y='2'/></t:b></t:a>",
        "a prefix of the stream header on a known payload": f"<x xmlns='{CONFERENCE}' t:jid='a@b' jid='tea@b'/>",
        "a prefix of the stream header declared anew": "<t:a xmlns:t='urn:u'><t:b/></t:a>",
        "the prefix of streams": "<stream:a stream:b='1'/>",
        "a stream error inside": "<stream:error><stream:a/></stream:error>",
        "a prefix for the stream's own namespace": "<c:body>x</c:body>",
        "an undeclared prefix on an element": "<u:a/>",
        "an undeclared prefix on an attribute": "<a xmlns='urn:a' u:x='1'/>",
        "an undeclared prefix on an end tag": "<a xmlns='urn:a'></u:a>",
        "a prefix used outside of its element": "<a xmlns:p='urn:p'/><p:b/>",
        "a prefix of no namespace": "<p:a xmlns:p=''/>",
        "no namespace": "<a xmlns=''><b/></a>",
        "no namespace and an attribute with one": "<a xmlns='' t:x='1'/>",
        "a prefix without a name": "<t:/>",
        "a name without a prefix": "<:a/>",
        "two colons in a name": "<a:b:c xmlns:a='urn:a'/>",
        "two colons in an attribute's name": "<a xmlns='urn:a' t:x:y='1'/>",
        "the same attribute twice": "<a xmlns='urn:a' x='1' x='2'/>",
        "the same attribute by two prefixes": "<a xmlns:p='urn:p' xmlns:q='urn:p' p:x='1' q:x='2'/>",
        "the same prefix twice": "<a xmlns:p='urn:p' xmlns:p='urn:q'/>",
        "two default namespaces": "<a xmlns='urn:a' xmlns='urn:b'/>",
        "attributes with prefixes that servers make up": "<a xmlns='urn:a' xmlns:ns1='urn:n' ns1:x='1' t:y='2' ns2='3'/>",
        "many namespaces of attributes": "<a xmlns='urn:a'"
        + "".join(f" xmlns:p{n}='urn:{n}' p{n}:x='1'" for n in range(100))
        + "/>",
        "a namespace of markup": "<a xmlns='&lt;&quot;&apos;&amp;&gt;&#9;'/>",
        "a prefix in the middle of the alphabet": "<\u00e9\u00e8:\u017e xmlns:\u00e9\u00e8='urn:a'/>",
        "names with dots and dashes": "<a.b-c_d xmlns='urn:a' e.f-g_h='1'/>",
        "a name that begins with a digit": "<1a/>",
        "a name that begins with a dash": "<-a/>",
        "a name with a robot in it": "<a\U0001f916/>",
        "an attribute without a value": "<a b/>",
        "an attribute without quotes": "<a b=c/>",
        "attributes without a space": "<a xmlns='urn:a'b='c'/>",
        "an attribute with markup": "<a b='<'/>",
    }
) | {
    "a message of another prefix": lambda to: f"<c:message to='{to}'><c:body>x</c:body></c:message>",
    "a message of the prefix xml": lambda to: f"<xml:message to='{to}'/>",
    "a message in the namespace of xml": lambda to: f"<message xmlns='{XML}' to='{to}'/>",
    "an attribute of the message with a prefix": lambda to: message(to, "<body>x</body>", " t:x='1'"),
    "an attribute of the message of the prefix xml": lambda to: message(to, "<body>x</body>", " xml:other='1'"),
    "a prefix that the message declares": lambda to: message(to, "<p:a p:b='1'/>", " xmlns:p='urn:p'"),
    "an invitation with a prefix of the stream header": lambda to: message(
        to, f"<x xmlns='{MUC_USER}'><invite t:x='1' from='alice@example.test'><t:reason/></invite></x>"
    ),
    "an iq with a prefix of the stream header": lambda to: f"<iq type='get' id='t1' to='{to}'><t:query t:x='1'/></iq>",
    "an iq of the prefix xml": lambda to: f"<iq type='get' id='t2' to='{to}'><xml:query/></iq>",
    "an answer of the prefix xml": lambda to: f"<iq type='result' id='t3' to='{to}'><xml:query/></iq>",
    "a presence with a prefix of the stream header": lambda to: f"<presence to='{to}'><t:a t:x='1'/></presence>",
    "a presence of the prefix xml": lambda to: f"<presence to='{to}' xml:other='1'/>",
}
"""Well-formed XML whose names or namespaces are not, or are what few programs reckon with."""

CHARACTERS: dict[str, Case] = _inside(
    {
        "a reference to nothing": "<body>&undefined;</body>",
        "a reference to nothing in an attribute": "<a b='&undefined;'/>",
        "a reference without an end": "<body>&amp</body>",
        "a reference without a name": "<body>&;</body>",
        "a reference to character 0": "<body>&#x0;</body>",
        "a reference to character 1": "<body>&#1;</body>",
        "a reference to U+FFFF": "<body>&#xFFFF;</body>",
        "a reference to a surrogate": "<body>&#xD83E;&#xDD16;</body>",
        "a reference beyond Unicode": "<body>&#x110000;</body>",
        "a reference of a thousand digits": f"<body>&#{'0' * KB}65;</body>",
        "a reference of twenty digits": "<body>&#18446744073709551681;</body>",
        "a reference that is negative": "<body>&#-1;</body>",
        "a reference to a carriage return": "<body>&#13;&#10;</body><a b='&#13;&#9;'/>",
        "control characters": "<body>\x01\x02\x1b</body>",
        "a control character in an attribute": "<a b='\x08'/>",
        "a character 0": "<body>\0</body>",
        "U+FFFE": "<body>\ufffe</body>",
        "U+FFFF in an attribute": "<a b='\uffff'/>",
        "a byte order mark": "<body>\ufeff</body>\ufeff",
        "text from right to left": "<body>\u202e\u2066\u200f</body>",
        "C1 control characters": "<body>\x80\x85\x9f</body>",
        "the end of CDATA in text": "<body>]]></body>",
        "CDATA": "<body><![CDATA[<a>&b;]]]]><![CDATA[>]]></body>",
        "CDATA between elements": "<![CDATA[x]]><a/><![CDATA[ ]]>",
        "CDATA that looks like an end": "<body><![CDATA[</body>]] ></message>]]></body>",
        "a comment": "<!-- comment -->",
        "a comment with dashes": "<!-- a -- b --->",
        "a processing instruction": "<?php echo 1 ?>",
        "an XML declaration inside": "<?xml version='1.0'?>",
        "a doctype inside": "<!DOCTYPE a>",
        "a declaration inside": "<!ENTITY a 'b'>",
        "the wrong end tag": "<a></b>",
        "an end tag too many": "</a>",
        "an end tag with an attribute": "<a></a b='c'>",
        "no tag": "<>",
        "an end tag without a name": "<a></>",
        "a space before a name": "< a/>",
        "a tag within a tag": "<a <b/>>",
    }
) | {
    "a comment between stanzas": lambda to: "<!-- comment -->",
    "a doctype between stanzas": lambda to: "<!DOCTYPE message [<!ENTITY a 'aaaa'>]>",
    "an entity that grows": lambda to: "<!DOCTYPE m [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
    + message(to, "<body>&b;&b;</body>"),
    "no tag between stanzas": lambda to: "<>",
    "an end tag without a name between stanzas": lambda to: "</>",
    "text between stanzas": lambda to: f"text{message(to)}",
    "CDATA between stanzas": lambda to: f"<![CDATA[text]]>{message(to)}",
    "an XML declaration between stanzas": lambda to: "<?xml version='1.0'?>",
    "another stream header": lambda to: (
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    ),
    "bytes that are no UTF-8": lambda to: message(to, "<body>?</body>").encode().replace(b"?", b"\xc3\x28"),
    "a surrogate in UTF-8": lambda to: message(to, "<body>?</body>").encode().replace(b"?", b"\xed\xa0\xbd"),
    "an overlong slash in UTF-8": lambda to: message(to, "<a b='?'/>").encode().replace(b"?", b"\xc0\xaf"),
    "a name that is no UTF-8": lambda to: message(to, "<a?/>").encode().replace(b"?", b"\xff"),
    "a character beyond Unicode": lambda to: message(to, "<body>?</body>").encode().replace(b"?", b"\xf4\x90\x80\x80"),
    "Latin-1": lambda to: message(to, "<body>\u00e9</body>").encode("latin-1"),
    "UTF-16": lambda to: message(to).encode("utf-16"),
}
"""What XML forbids, and what XMPP forbids of XML (RFC 6120 §11.1)."""

FROM_A_USER = ODD | LARGE | NAMESPACES | CHARACTERS
"""What a user may write."""

HUGE: dict[str, Case] = {
    "nesting of 70000": lambda to: message(to, _nested(70_000)),
    "a body of 500 kB": lambda to: message(to, f"<body>{'b' * 500 * KB}</body>"),
    "a body of 500 kB of CDATA": lambda to: message(to, f"<body><![CDATA[{'<' * 500 * KB}]]></body>"),
    "a body of 100 kB of entities": lambda to: message(to, f"<body>{'&lt;' * 25 * KB}</body>"),
    "20000 empty elements": lambda to: message(to, "<a/>" * 20 * KB),
    "20000 attributes": lambda to: message(to, f"<x{_attributes(20 * KB)}/>"),
    "20000 namespaces": lambda to: message(to, f"<x{_namespaces(20 * KB)}/>"),
    "500 kB of white space in a tag": lambda to: f"<message to='{to}'{' ' * 500 * KB}/>",
    "an attribute of 500 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 500 * KB}'/>"),
}
"""What ordinary servers refuse to pass on from a user."""
