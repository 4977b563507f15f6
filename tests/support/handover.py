"""The hand-over: its module loaded into each make of server, and a component that plays the relay's part.

The server's side alone is at stake here: nothing is answered but what the test says.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from support import stanzas
from support.client import Component
from support.ejabberd import MODULE, Ejabberd
from support.feed import Wanted
from support.ports import free_port
from support.process import Process
from support.prosody import Prosody
from support.server import Server, Setup
from support.versions import Ejabberd2412, Prosody13

HANDOVER = "urn:x-muc-invite-relay:0"
FORWARD = "urn:xmpp:forward:0"
RESOURCE = "muc-invite-relay"

KINDS: Sequence[type[Server]] = (Prosody, Prosody13, Ejabberd, Ejabberd2412)

REMOTE = "remote.example.test"
"""A domain whose users and rooms are not the server's own. A component plays it."""


@dataclass(frozen=True)
class HandOver(Setup):
    """A server with its hand-over module loaded, and with a port for the remote domain."""

    remote_port: int | None = None
    """None: the relay's."""


def new_setup(kind: type[Server], timeout: int) -> HandOver:
    """The relay has `timeout` seconds for its answer."""
    return _prosody(timeout) if issubclass(kind, Prosody) else _ejabberd(timeout)


shared_setup = functools.cache(new_setup)
"""The same for all tests, so that they share a server."""


def _prosody(timeout: int) -> HandOver:
    modules = Path(__file__).resolve().parents[2] / "config/prosody"
    extra = f"""
        Component "{Server.muc}" "muc" {{
            modules_enabled = {{ "muc_invite_relay"; "admin_shell" }};
            muc_invite_relay = "{Server.component}";
            muc_invite_relay_timeout = {timeout};
        }}
        Component "{REMOTE}" {{ component_secret = "{Server.secret}" }}
        plugin_paths = {{ "{modules}" }}
    """
    return HandOver(extra=extra)


def _ejabberd(timeout: int) -> HandOver:
    port = free_port()
    extra = f"""
listen:
  - {{port: {port}, ip: 127.0.0.1, module: ejabberd_service, hosts: {{{REMOTE}: {{password: "{Server.secret}"}}}}}}
acl: {{closed_service: {{server: {Server.other_muc}}}}}
access_rules: {{handed_over: [{{deny: closed_service}}, allow]}}
modules:
  {MODULE}: {{component: {Server.component}, timeout: {timeout}, access: handed_over}}
"""
    return HandOver(extra=extra, remote_port=port)


async def reload_module(server: Server) -> None:
    """Stops the hand-over module and starts it again from its source."""
    if isinstance(server, Ejabberd):
        answer = await server.call("restart_module", host=server.host, module=MODULE)
        # 24.12 gives the bare number.
        assert answer in (0, {"res": 0}), answer
        return
    root = getattr(server, "root", Path("/"))
    script = server.directory / "prosodyctl"
    script.write_text(
        (root / "usr/bin/prosodyctl").read_text().replace("='/usr/lib/prosody", f"='{root}/usr/lib/prosody")
    )
    config = str(server.directory / "prosody.cfg.lua")
    reload = ["shell", "module", "reload", "muc_invite_relay", server.muc]
    prosodyctl = Process("prosodyctl", ["lua5.4", str(script), "--config", config, *reload])
    await prosodyctl.start()
    assert await prosodyctl.ends() == 0, "\n".join(prosodyctl.output.all)


class HandedOver:
    """A hand-over as the relay reads it."""

    def __init__(self, iq: Element):
        self.id = iq.get("id")
        self.sender = iq.get("from")
        self.deadline = datetime.fromisoformat(iq.find(f"{{{HANDOVER}}}handover").get("deadline"))
        """With a time zone."""
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
        # Without a handler, slixmpp would answer with an error.
        matcher = MatchXPath(f"{{{stanzas.COMPONENT}}}iq/{{{HANDOVER}}}handover")
        self._stream.register_handler(Callback("hand-over", matcher, lambda _: None))

    async def handed_over(self, room: str) -> HandedOver:
        """The next invitation to this room that the server hands over."""
        return HandedOver(await self.expect(_handover(room)))

    def was_handed(self, room: str) -> bool:
        return bool(self.received(_handover(room)))

    def accept(self, handover: HandedOver) -> None:
        """Takes it for good, which is a promise only: what the contact receives, the test sends."""
        self.send(f"<iq type='result' id={quoteattr(handover.id)} to='{handover.sender}' from='{self.jid}'/>")

    def refuse(self, handover: HandedOver) -> None:
        self.send(
            f"<iq type='error' id={quoteattr(handover.id)} to='{handover.sender}' from='{self.jid}'>"
            f"<error type='cancel'><not-acceptable xmlns='{stanzas.STANZA_ERRORS}'/></error></iq>"
        )

    def invite(self, handover: HandedOver) -> None:
        """Sends what the contact is to receive in the mediated one's place."""
        self.send(
            f"<message from='{stanzas.escaped(stanzas.bare(handover.inviter))}@{self.jid}' to='{handover.contact}'>"
            f"<x xmlns='{stanzas.CONFERENCE}' jid='{handover.room}'/></message>"
        )


def _handover(room: str) -> Wanted[Element]:
    def holds(stanza: Element) -> bool:
        message = stanza.find(f"{{{HANDOVER}}}handover/{{{FORWARD}}}forwarded/{{{stanzas.CLIENT}}}message")
        return stanza.get("type") == "set" and message is not None and message.get("from") == room

    return Wanted(f"a hand-over of an invitation to {room}", holds)


def invited(room: str, contact: str, by: Callable[[str], Wanted[Element]]) -> Wanted[Element]:
    """An invitation of this kind for this contact."""
    return Wanted(f"{by(room)} for {contact}", lambda stanza: by(room)(stanza) and stanza.get("to") == contact)


def remote_domain(server: Server) -> Component:
    """The remote domain, not yet connected."""
    return Component(REMOTE, server.secret, server.setup.remote_port or server.component_port)
