"""The stanzas of an invitation's life as a test writes and reads them. Pure: no I/O."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape as text
from xml.sax.saxutils import quoteattr

from slixmpp.xmlstream import tostring

from support.feed import Wanted

BLOCKING = "urn:xmpp:blocking"
CARBONS = "urn:xmpp:carbons:2"
CLIENT = "jabber:client"
COMPONENT = "jabber:component:accept"
CONFERENCE = "jabber:x:conference"
DATA = "jabber:x:data"
DELAY = "urn:xmpp:delay"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
HINTS = "urn:xmpp:hints"
MAM = "urn:xmpp:mam:2"
MUC = "http://jabber.org/protocol/muc"
MUC_ADMIN = "http://jabber.org/protocol/muc#admin"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"
MUC_USER = "http://jabber.org/protocol/muc#user"
PING = "urn:xmpp:ping"
ROSTER = "jabber:iq:roster"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STANZA_ID = "urn:xmpp:sid:0"
VERSION = "jabber:iq:version"

_ESCAPES = {" ": "20", '"': "22", "&": "26", "'": "27", "/": "2f", ":": "3a", "<": "3c", ">": "3e", "@": "40"}


def escaped(jid: str) -> str:
    """A JID as a localpart (XEP-0106): `bob\\40example.org`. Not for localparts with a backslash."""
    return "".join(f"\\{_ESCAPES[c]}" if c in _ESCAPES else c for c in jid)


def bare(jid: str) -> str:
    """The JID without its resource."""
    return jid.partition("/")[0]


def kind(stanza: Element) -> str:
    """`message`, `presence` or `iq`, whichever stream it came by."""
    return stanza.tag.partition("}")[2]


def show(stanza: Element) -> str:
    """The stanza as text for people."""
    return tostring(stanza, xmlns=stanza.tag.partition("}")[0].removeprefix("{"))


def condition(stanza: Element) -> str:
    """The error condition that an error stanza carries: `service-unavailable`, …"""
    for child in stanza.iter():
        if child.tag.startswith(f"{{{STANZA_ERRORS}}}") and not child.tag.endswith("}text"):
            return child.tag.partition("}")[2]
    raise AssertionError(f"no error in {show(stanza)}")


def text_of_error(stanza: Element) -> str:
    """What an error stanza says to people."""
    return stanza.findtext(f".//{{{STANZA_ERRORS}}}text", "")


# What a test sends.


def mediated_invitation(room: str, to: str, reason: str | None = None, **more: str) -> str:
    """An invitation through the room (XEP-0045 §7.8.2), as a client sends it. `id`: the stanza's id."""
    return (
        f"<message to={quoteattr(room)}{_attributes(more)}><x xmlns='{MUC_USER}'><invite to={quoteattr(to)}>"
        + (f"<reason>{text(reason)}</reason>" if reason is not None else "")
        + "</invite></x></message>"
    )


def forged_mediated(to: str, inviter: str, reason: str = "trust me") -> str:
    """What a room would send, sent by somebody who is not a room."""
    return (
        f"<message to={quoteattr(to)}><x xmlns='{MUC_USER}'><invite from={quoteattr(inviter)}>"
        f"<reason>{text(reason)}</reason></invite></x></message>"
    )


def _attributes(values: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


# What a test waits for.


def _invited_to(stanza: Element) -> str | None:
    """The room of a direct invitation, None if the stanza is none."""
    x = stanza.find(f"{{{CONFERENCE}}}x")
    if kind(stanza) != "message" or x is None or stanza.find(f"{{{MUC_USER}}}x") is not None:
        return None
    return x.get("jid")


def direct_invitation(room: str) -> Wanted[Element]:
    """A direct invitation (XEP-0249) to the room, from anybody."""
    return Wanted(f"a direct invitation to {room}", lambda stanza: _invited_to(stanza) == room)


def native_invitation(room: str) -> Wanted[Element]:
    """A mediated invitation as the room sends it."""
    return Wanted(
        f"a mediated invitation to {room}",
        lambda stanza: bare(stanza.get("from", "")) == room
        and stanza.find(f"{{{MUC_USER}}}x/{{{MUC_USER}}}invite") is not None,
    )


def decline(room: str) -> Wanted[Element]:
    """A decline that reaches the inviter through the room."""
    return Wanted(
        f"a decline from {room}",
        lambda stanza: bare(stanza.get("from", "")) == room
        and stanza.find(f"{{{MUC_USER}}}x/{{{MUC_USER}}}decline") is not None,
    )


def notice(room: str) -> Wanted[Element]:
    """What the relay tells the inviter of an invitation to this room: an ordinary message from a relay address."""
    return Wanted(
        f"a message about {room}",
        lambda stanza: kind(stanza) == "message"
        and stanza.get("type", "normal") == "normal"
        and "@" in stanza.get("from", "")
        and bare(stanza.get("from", "")) != room
        and room in said(stanza),
    )


def copy_of(message: Wanted[Element]) -> Wanted[Element]:
    """What a client is told that another one of the same user has sent or received (XEP-0280)."""
    return Wanted(
        f"a copy of {message}",
        lambda stanza: any(
            message(copy)
            for which in ("sent", "received")
            for copy in stanza.iterfind(f"{{{CARBONS}}}{which}/{{urn:xmpp:forward:0}}forwarded/{{{CLIENT}}}message")
        ),
    )


def reply(to: str) -> Wanted[Element]:
    """The answer to the IQ with this id."""
    return Wanted(
        f"an answer to iq {to}",
        lambda stanza: kind(stanza) == "iq" and stanza.get("id") == to and stanza.get("type") in ("result", "error"),
    )


def asked(address: str) -> Wanted[Element]:
    """A question to this address."""
    return Wanted(f"a question to {address}", lambda iq: kind(iq) == "iq" and iq.get("to") == address)


def a(what: str, *, type: str | None = None, sender: str | None = None) -> Wanted[Element]:
    """A stanza of this kind, of this type and from this JID if they are named."""
    return Wanted(
        f"a {what} of type {type} from {sender}",
        lambda stanza: kind(stanza) == what
        and (type is None or stanza.get("type") == type)
        and (sender is None or bare(stanza.get("from", "")) == sender),
    )


# What it looks at.


@dataclass(frozen=True)
class Invitation:
    """A direct invitation in the one form that all clients accept."""

    sender: str
    to: str
    room: str
    reason: str | None = None
    password: str | None = None
    hint: str | None = None
    continues: bool = False
    thread: str | None = None


def invitation(message: Element) -> Invitation:
    """Reads a direct invitation and fails if it is not of the form that all clients accept."""
    if message.get("type", "normal") != "normal":
        raise AssertionError(f"not of type normal: {show(message)}")
    # What servers add on their way is theirs.
    children = [child for child in message if child.tag not in (f"{{{DELAY}}}delay", f"{{{STANZA_ID}}}stanza-id")]
    if not children or children[0].tag != f"{{{CONFERENCE}}}x":
        raise AssertionError(f"its x does not come first: {show(message)}")
    hints = [child.tag.partition("}")[2] for child in children[1:] if child.tag.startswith(f"{{{HINTS}}}")]
    if len(hints) != len(children) - 1 or len(hints) > 1:
        raise AssertionError(f"more than x and one hint: {show(message)}")
    x = children[0]
    return Invitation(
        sender=message.get("from", ""),
        to=bare(message.get("to", "")),
        room=x.get("jid", ""),
        reason=x.get("reason"),
        password=x.get("password"),
        hint=hints[0] if hints else None,
        continues=x.get("continue", "false") in ("true", "1"),
        thread=x.get("thread"),
    )


def said(message: Element) -> str:
    """What a message says to people; nothing if it has no body."""
    return message.findtext(f"{{{CLIENT}}}body") or message.findtext(f"{{{COMPONENT}}}body") or ""


def sum_said(message: Element, room: str) -> str:
    """How many were invited and so on, in what an inviter is told; the whole text if it says something else."""
    text = said(message)
    return text.partition(f" to {room}: ")[2] or text


def hints(message: Element) -> list[str]:
    """The archive hints (XEP-0334) of a message."""
    return [child.tag.partition("}")[2] for child in message if child.tag.startswith(f"{{{HINTS}}}")]
