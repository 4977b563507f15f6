"""A component that plays the relay's part in the hand-over.

The server's side alone is at stake here: nothing is answered but what the test says.
"""

from collections.abc import Callable
from datetime import datetime
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from support import stanzas
from support.client import Component
from support.feed import Wanted
from support.server import Server

HANDOVER = "urn:x-muc-invite-relay:0"
FORWARD = "urn:xmpp:forward:0"
RESOURCE = "muc-invite-relay"


class HandedOver:
    """A hand-over as the relay reads it."""

    def __init__(self, iq: Element):
        self.id = iq.get("id")
        self.sender = iq.get("from")
        self.deadline = datetime.fromisoformat(iq.find(f"{{{HANDOVER}}}handover").get("deadline"))
        """With a time zone."""
        self.made_member = iq.find(f"{{{HANDOVER}}}handover").get("made-member") == "true"
        self.message = iq.find(f"{{{HANDOVER}}}handover/{{{FORWARD}}}forwarded/{{{stanzas.CLIENT}}}message")
        self.room = self.message.get("from")
        self.contact = self.message.get("to")
        x = self.message.find(f"{{{stanzas.MUC_USER}}}x")
        self.inviter = x.find(f"{{{stanzas.MUC_USER}}}invite").get("from")
        self.reason = x.findtext(f"{{{stanzas.MUC_USER}}}invite/{{{stanzas.MUC_USER}}}reason")
        self.password = x.findtext(f"{{{stanzas.MUC_USER}}}password")


class ScriptedRelay(Component):
    """A component in the relay's place."""

    def __init__(self, server: Server, secret: str | None = None):
        super().__init__(server.component, secret or server.secret, server.component_port)
        self._muc = server.muc
        self._privilege = server.privilege
        # Without a handler, slixmpp would answer with an error.
        for what in ("handover", "came-back"):
            matcher = MatchXPath(f"{{{stanzas.COMPONENT}}}iq/{{{HANDOVER}}}{what}")
            self._stream.register_handler(Callback(what, matcher, lambda _: None))

    async def granted(self) -> "ScriptedRelay":
        """Waits until the server has said what this connection may do in users' names: only from then on it may."""
        privilege = f"{{{self._privilege}}}privilege"
        await self.expect(Wanted("an advertisement of privileges", lambda stanza: stanza.find(privilege) is not None))
        return self

    async def handed_over(self, room: str) -> HandedOver:
        """The next invitation to this room that the server hands over."""
        return HandedOver(await self.expect(_handover(room)))

    def was_handed(self, room: str) -> bool:
        return bool(self.received(_handover(room)))

    def accept(self, handover: HandedOver) -> None:
        """Takes it for good, which is a promise only: what the contact receives, the test sends."""
        self.answer(handover.id, handover.sender)

    def answer(self, id: str, sender: str) -> None:
        self.send(f"<iq type='result' id={quoteattr(id)} to='{sender}' from='{self.jid}'/>")

    def refuse(self, handover: HandedOver) -> None:
        self.send(
            f"<iq type='error' id={quoteattr(handover.id)} to='{handover.sender}' from='{self.jid}'>"
            f"<error type='cancel'><not-acceptable xmlns='{stanzas.STANZA_ERRORS}'/></error></iq>"
        )

    async def fate(self, id: str) -> tuple[str, str | None]:
        """What the module says of the hand-over with this id: its fate, and whether it has passed since."""
        question = f"<handed-over xmlns='{HANDOVER}' id={quoteattr(id)}/>"
        answer = (await self.iq(f"{self._muc}/{RESOURCE}", question)).find(f"{{{HANDOVER}}}handed-over")
        assert answer.get("id", "") == id
        return answer.get("fate"), answer.get("passed")

    def invite(self, handover: HandedOver) -> None:
        """Sends what the contact is to receive in the mediated one's place."""
        self.send(
            f"<message from='{stanzas.escaped(stanzas.bare(handover.inviter))}@{self.jid}' to='{handover.contact}'>"
            f"<x xmlns='{stanzas.CONFERENCE}' jid='{handover.room}'/></message>"
        )


    def invite_as(self, inviter: str, contact: str, room: str, id: str) -> None:
        """Sends a direct invitation in this user's name."""
        self.send(
            f"<message from='{self.jid}' to='{inviter.partition('@')[2]}'><privilege xmlns='{self._privilege}'>"
            f"<forwarded xmlns='{FORWARD}'><message xmlns='{stanzas.CLIENT}' from='{inviter}' to='{contact}' id='{id}'>"
            f"<x xmlns='{stanzas.CONFERENCE}' jid='{room}'/></message></forwarded></privilege></message>"
        )


def came_back(id: str) -> Wanted[Element]:
    """What a module tells of an error for the message with this id."""
    return Wanted(
        f"an error for {id}, told by a module",
        lambda stanza: any(told.get("id") == id for told in stanza.iterfind(f"{{{HANDOVER}}}came-back")),
    )


def _handover(room: str) -> Wanted[Element]:
    def holds(stanza: Element) -> bool:
        message = stanza.find(f"{{{HANDOVER}}}handover/{{{FORWARD}}}forwarded/{{{stanzas.CLIENT}}}message")
        return stanza.get("type") == "set" and message is not None and message.get("from") == room

    return Wanted(f"a hand-over of an invitation to {room}", holds)


def invited(room: str, contact: str, by: Callable[[str], Wanted[Element]]) -> Wanted[Element]:
    """An invitation of this kind for this contact."""
    return Wanted(f"{by(room)} for {contact}", lambda stanza: by(room)(stanza) and stanza.get("to") == contact)
