"""Stanzas that break connections, processes or patience elsewhere. Well-formed, so that servers pass them on."""

from collections.abc import Callable

from support.stanzas import CONFERENCE, MUC_USER

KB = 1000


def message(to: str, inside: str = "", attributes: str = "") -> str:
    return f"<message to='{to}'{attributes}>{inside}</message>"


def _nested(depth: int) -> str:
    return "<a>" * depth + "</a>" * depth


def _invitation(inviter: str) -> str:
    return f"<x xmlns='{MUC_USER}'><invite from='{inviter}'><reason>trust me</reason></invite></x>"


def _attributes(count: int) -> str:
    return "".join(f" a{n}='v'" for n in range(count))


Case = Callable[[str], str]
"""The stanza for a relay address."""

THROUGH_A_SERVER: dict[str, Case] = {
    "a message of an unknown type": lambda to: message(to, "<body>x</body>", " type='wat'"),
    "a presence that shows nonsense": lambda to: f"<presence to='{to}'><show>nonsense</show></presence>",
    "an iq without a payload": lambda to: f"<iq type='get' id='i1' to='{to}'/>",
    "an answer to nothing": lambda to: f"<iq type='result' id='i2' to='{to}'/>",
    "two threads": lambda to: message(to, "<thread>1</thread><thread>2</thread>"),
    "stray text": lambda to: message(to, f"stray<x xmlns='{MUC_USER}'>text</x>text"),
    "an emoji for a nick": lambda to: message(to, _invitation("tea@conference.example.test/\U0001f916")),
    "an inviter that is no address": lambda to: message(to, _invitation("a@@b")),
    "an inviter of two dots": lambda to: message(to, _invitation("a@b..c")),
    "a very long inviter": lambda to: message(to, _invitation("a" * 5 * KB + "@example.test")),
    "many invitations in one": lambda to: message(to, _invitation("alice@example.test") * 500),
    "an unknown attribute": lambda to: message(to, "", " unheard-of='yes'"),
    "an attribute of 9 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 9 * KB}'/>"),
    "an attribute of 100 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 100 * KB}'/>"),
    "an attribute of 200 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 200 * KB}'/>"),
    "an id of 9 kB": lambda to: message(to, "<body>x</body>", f" id='{'v' * 9 * KB}'"),
    "a namespace of 9 kB": lambda to: message(to, f"<x xmlns='urn:{'v' * 9 * KB}'/>"),
    "a name of 9 kB": lambda to: message(to, f"<{'n' * 9 * KB}/>"),
    "nesting of 2000": lambda to: message(to, _nested(2000)),
    "4000 attributes": lambda to: message(to, f"<x{_attributes(4000)}/>"),
    "a body of 200 kB": lambda to: message(to, f"<body>{'b' * 200 * KB}</body>"),
    "an early draft's invitation": lambda to: message(to, f"<invitation xmlns='{CONFERENCE}' jid='a@@b'/>"),
}

DEEP: dict[str, Case] = {
    "nesting of 5000": lambda to: message(to, _nested(5000)),
    "nesting of 30000": lambda to: message(to, _nested(30_000)),
}
"""What not every server survives itself."""

MORE: dict[str, Case] = {
    "an iq without an id": lambda to: f"<iq type='get' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>",
    "an iq of an unknown type": lambda to: f"<iq type='wat' id='i3' to='{to}'/>",
    "an iq without a type": lambda to: f"<iq id='i4' to='{to}'/>",
    "a message without an addressee": lambda to: "<message><body>x</body></message>",
    "an empty addressee": lambda to: "<message to=''/>",
    "nesting of 70000": lambda to: message(to, _nested(70_000)),
    "a body of 500 kB": lambda to: message(to, f"<body>{'b' * 500 * KB}</body>"),
    "a body of 500 kB of CDATA": lambda to: message(to, f"<body><![CDATA[{'<' * 500 * KB}]]></body>"),
    "a body of 100 kB of entities": lambda to: message(to, f"<body>{'&lt;' * 25 * KB}</body>"),
    "20000 empty elements": lambda to: message(to, "<a/>" * 20 * KB),
    "500 kB of white space in a tag": lambda to: f"<message to='{to}'{' ' * 500 * KB}/>",
    "an attribute of 500 kB": lambda to: message(to, f"<x xmlns='{CONFERENCE}' jid='{'v' * 500 * KB}'/>"),
}
"""What ordinary servers refuse to pass on from a user."""
