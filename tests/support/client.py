"""A user's client and a component, on slixmpp: they send what the test says and keep all that comes.

Nothing is answered behind the test's back but what slixmpp answers by itself (unknown IQs).
"""

import asyncio
import itertools
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

import slixmpp

from support import stanzas
from support.feed import WITHIN, Feed, Wanted

_numbers = itertools.count(1)


class Endpoint:
    """What a client and a component have in common."""

    def __init__(self, name: str, stream: slixmpp.BaseXMPP):
        self.inbox: Feed[Element] = Feed(name)
        self._stream = stream
        self._started = asyncio.get_running_loop().create_future()
        stream.add_filter("in", self._keep)
        stream.add_event_handler("session_start", lambda _: self._started.done() or self._started.set_result(None))
        for failure in ("failed_all_auth", "connection_failed", "disconnected"):
            stream.add_event_handler(failure, lambda reason, failure=failure: self._fail(f"{failure}: {reason}"))
        stream.add_event_handler("stream_error", lambda error: self._fail(f"stream error: {error['condition']}"))

    def _keep(self, stanza: slixmpp.xmlstream.StanzaBase) -> slixmpp.xmlstream.StanzaBase:
        if stanzas.kind(stanza.xml) in ("message", "presence", "iq"):
            self.inbox.put(stanza.xml)
        return stanza

    def _fail(self, why: str) -> None:
        self._stream.cancel_connection_attempt()
        self.inbox.end(why)
        if not self._started.done():
            self._started.set_exception(ConnectionError(why))

    async def _wait_until_started(self) -> None:
        async with asyncio.timeout(WITHIN):
            await self._started

    async def ended(self) -> None:
        """Waits until the server has ended the stream."""
        async with asyncio.timeout(WITHIN):
            await self.inbox.ended.wait()

    async def disconnect(self) -> None:
        """Closes the stream; the server has then seen the end."""
        await self._stream.disconnect(wait=2)

    def cut(self) -> None:
        """Closes the connection without a word."""
        self._stream.abort()

    def send(self, xml: str) -> None:
        """Sends this text as it is."""
        self._stream.send_raw(xml)

    async def pour(self, xml: str) -> None:
        """Sends this text as it is once the server has taken most of what was sent before."""
        while self._stream.transport.get_write_buffer_size() > 1 << 16:
            await asyncio.sleep(0.001)
        self.send(xml)
        await asyncio.sleep(0)

    async def expect(self, wanted: Wanted[Element], within: float = WITHIN) -> Element:
        """Waits for a stanza; one that was found is not found again."""
        return await self.inbox.take(wanted, within=within)

    def received(self, wanted: Wanted[Element]) -> list[Element]:
        """All stanzas so far that fit, also those that `expect` has found."""
        return [stanza for stanza in self.inbox.all if wanted(stanza)]

    async def iq(self, to: str | None, payload: str, kind: str = "get", sender: str | None = None) -> Element:
        """Sends an IQ and returns its answer, be it a result or an error."""
        id = f"iq{next(_numbers)}"
        addresses = "".join(f" {name}={quoteattr(jid)}" for name, jid in (("to", to), ("from", sender)) if jid)
        self.send(f"<iq type='{kind}' id='{id}'{addresses}>{payload}</iq>")
        return await self.expect(stanzas.reply(to=id))

    async def passed(self, by: str) -> None:
        """Returns once a ping has been to this address and back.

        Whatever was on its way from there when this was called has come in then: absence can be asserted.
        """
        await self.iq(by, f"<ping xmlns='{stanzas.PING}'/>")


class Component(Endpoint):
    """An external component (XEP-0114) that does nothing by itself; not `answers`: no question is answered, either."""

    def __init__(self, jid: str, secret: str, port: int, answers: bool = True):
        self.jid = jid
        self._answers = answers
        super().__init__(jid, slixmpp.ComponentXMPP(jid, secret, "127.0.0.1", port))

    def _keep(self, stanza: slixmpp.xmlstream.StanzaBase) -> slixmpp.xmlstream.StanzaBase | None:
        super()._keep(stanza)
        question = stanzas.kind(stanza.xml) == "iq" and stanza.xml.get("type") in ("get", "set")
        return None if question and not self._answers else stanza

    async def connect(self) -> "Component":
        self._stream.connect()
        await self._wait_until_started()
        return self

    async def iq(self, to: str | None, payload: str, kind: str = "get", sender: str | None = None) -> Element:
        return await super().iq(to, payload, kind, sender or self.jid)


class Client(Endpoint):
    """A user's client: online, with the roster fetched, and available."""

    def __init__(self, jid: str, password: str, port: int, resource: str = "desk"):
        self.bare = jid
        self.full = f"{jid}/{resource}"
        self.nick = jid.partition("@")[0].capitalize()
        """The nick that it takes in rooms."""
        self._password = password
        self._port = port
        stream = slixmpp.ClientXMPP(self.full, password, sasl_mech="PLAIN")
        stream["feature_mechanisms"].unencrypted_plain = True
        stream.auto_authorize = None
        stream.auto_subscribe = False
        super().__init__(self.full, stream)

    async def connect(self) -> "Client":
        if hasattr(self._stream, "enable_plaintext"):
            # From slixmpp 1.9 on.
            self._stream.enable_plaintext = True
            self._stream.enable_starttls = self._stream.enable_direct_tls = False
            self._stream.connect("127.0.0.1", self._port)
        else:
            self._stream.connect(("127.0.0.1", self._port), force_starttls=False, disable_starttls=True)
        await self._wait_until_started()
        await self.iq(None, f"<query xmlns='{stanzas.ROSTER}'/>")
        self.send("<presence/>")
        await self.expect(stanzas.a("presence", sender=self.bare))
        return self

    def another(self, resource: str) -> "Client":
        """The same user once more, not yet connected."""
        return Client(self.bare, self._password, self._port, resource)

    def plugin(self, name: str) -> slixmpp.plugins.BasePlugin:
        """One of slixmpp's own implementations of a XEP, such as `xep_0050`."""
        self._stream.register_plugin(name)
        return self._stream[name]

    async def enable_carbons(self) -> None:
        """From now on it is told what other clients of the user send and receive (XEP-0280)."""
        answer = await self.iq(None, f"<enable xmlns='{stanzas.CARBONS}'/>", kind="set")
        assert answer.get("type") == "result", stanzas.show(answer)

    async def befriend(self, other: "Client") -> None:
        """Both take each other into their rosters."""
        for one, two in ((self, other), (other, self)):
            one.send(f"<presence type='subscribe' to='{two.bare}'/>")
            await two.expect(stanzas.a("presence", type="subscribe", sender=one.bare))
            two.send(f"<presence type='subscribed' to='{one.bare}'/>")
        for one, two in ((self, other), (other, self)):
            await one.expect(_in_roster(two.bare, "both"))

    async def create_room(
        self,
        room: str,
        *,
        members_only: bool = False,
        member_invites: bool = False,
        password: str | None = None,
        anonymous: bool = True,
        public: bool = True,
        persistent: bool = True,
    ) -> str:
        """Enters a new room, becomes its owner and sets it up; `anonymous` is semi-anonymous, as most rooms are."""
        await self._enter_new(room)
        await self.configure(
            room,
            members_only=members_only,
            member_invites=member_invites,
            password=password,
            anonymous=anonymous,
            public=public,
            persistent=persistent,
        )
        return room

    async def _enter_new(self, room: str) -> None:
        """Tries again while one of that name is still ending: it answers with an error."""
        error = None
        try:
            async with asyncio.timeout(WITHIN):
                while (answer := await self.join(room)).get("type") == "error":
                    error = stanzas.show(answer)
        except TimeoutError:
            raise AssertionError(f"{room} can't be entered: {error or 'no answer'}") from None

    async def configure(
        self,
        room: str,
        *,
        members_only: bool = False,
        member_invites: bool = False,
        password: str | None = None,
        anonymous: bool = True,
        public: bool = True,
        persistent: bool = True,
    ) -> None:
        """Sets an own room up, all of it."""
        form = await self.iq(room, f"<query xmlns='{stanzas.MUC_OWNER}'/>")
        offered = {field.get("var") for field in form.iter(f"{{{stanzas.DATA}}}field")}
        fields = {
            "FORM_TYPE": "http://jabber.org/protocol/muc#roomconfig",
            "muc#roomconfig_persistentroom": str(int(persistent)),
            "muc#roomconfig_publicroom": str(int(public)),
            "muc#roomconfig_membersonly": str(int(members_only)),
            "muc#roomconfig_whois": "moderators" if anonymous else "anyone",
            "muc#roomconfig_passwordprotectedroom": str(int(password is not None)),
            "muc#roomconfig_roomsecret": password or "",
            # ejabberd's name and Prosody's own.
            "muc#roomconfig_allowinvites": str(int(member_invites)),
            "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites": str(int(member_invites)),
        }
        filled = "".join(
            f"<field var='{name}'><value>{stanzas.text(value)}</value></field>"
            for name, value in fields.items()
            if name in offered
        )
        answer = await self.iq(
            room,
            f"<query xmlns='{stanzas.MUC_OWNER}'><x xmlns='{stanzas.DATA}' type='submit'>{filled}</x></query>",
            kind="set",
        )
        assert answer.get("type") == "result", stanzas.show(answer)

    async def join(self, room: str, password: str | None = None) -> Element:
        """Enters a room and returns the room's answer: his own presence, or an error."""
        secret = f"<password>{stanzas.text(password)}</password>" if password else ""
        self.send(f"<presence to={quoteattr(f'{room}/{self.nick}')}><x xmlns='{stanzas.MUC}'>{secret}</x></presence>")
        return await self.expect(
            Wanted(
                f"{self.nick}'s own presence in {room}",
                lambda stanza: stanzas.kind(stanza) == "presence"
                and stanzas.bare(stanza.get("from", "")) == room
                and (
                    stanza.get("type") == "error"
                    or stanza.find(f"{{{stanzas.MUC_USER}}}x/{{{stanzas.MUC_USER}}}status[@code='110']") is not None
                ),
            )
        )

    async def leave(self, room: str) -> None:
        """Leaves a room, and waits until the room has said so."""
        self.send(f"<presence type='unavailable' to={quoteattr(f'{room}/{self.nick}')}/>")
        await self.expect(stanzas.a("presence", type="unavailable", sender=room))

    def invite(self, room: str, contact: str, reason: str | None = None, **attributes: str) -> None:
        """Sends a mediated invitation."""
        self.send(stanzas.mediated_invitation(room, contact, reason, **attributes))

    async def set_affiliation(self, room: str, jid: str, affiliation: str) -> None:
        answer = await self.iq(
            room,
            f"<query xmlns='{stanzas.MUC_ADMIN}'><item jid={quoteattr(jid)} affiliation='{affiliation}'/></query>",
            kind="set",
        )
        assert answer.get("type") == "result", stanzas.show(answer)

    async def affiliation(self, room: str, jid: str) -> str:
        """The affiliation that the room's lists name for this JID, as an owner sees it."""
        for affiliation in ("owner", "admin", "member", "outcast"):
            answer = await self.iq(
                room, f"<query xmlns='{stanzas.MUC_ADMIN}'><item affiliation='{affiliation}'/></query>"
            )
            assert answer.get("type") == "result", stanzas.show(answer)
            if any(item.get("jid") == jid for item in answer.iter(f"{{{stanzas.MUC_ADMIN}}}item")):
                return affiliation
        return "none"

    async def until_affiliation(self, room: str, jid: str, affiliation: str) -> None:
        """Asks the room until it names this affiliation."""
        try:
            async with asyncio.timeout(WITHIN):
                while await self.affiliation(room, jid) != affiliation:
                    pass
        except TimeoutError:
            raise AssertionError(f"{jid} did not become {affiliation} in {room}") from None

    async def until_gone(self, room: str) -> None:
        """Asks for the list of public rooms until this one is not there any more: what is sent to it as it ends gets lost."""
        service = room.partition("@")[2]
        try:
            async with asyncio.timeout(WITHIN):
                while room in stanzas.show(await self.iq(service, f"<query xmlns='{stanzas.DISCO_ITEMS}'/>")):
                    pass
        except TimeoutError:
            raise AssertionError(f"{room} does not go away") from None

    async def archived(self, wanted: Wanted[Element]) -> list[Element]:
        """The messages in the user's own archive (XEP-0313) that fit."""
        before = len(self.inbox.all)
        answer = await self.iq(None, f"<query xmlns='{stanzas.MAM}' queryid='q'/>", kind="set")
        assert answer.get("type") == "result", stanzas.show(answer)
        messages = (
            message
            for stanza in self.inbox.all[before:]
            for message in stanza.iterfind(f"{{{stanzas.MAM}}}result/{{urn:xmpp:forward:0}}forwarded/")
        )
        return [message for message in messages if wanted(message)]


def _in_roster(jid: str, subscription: str) -> Wanted[Element]:
    return Wanted(
        f"{jid} in the roster with subscription {subscription}",
        lambda stanza: stanzas.kind(stanza) == "iq"
        and any(
            item.get("jid") == jid and item.get("subscription") == subscription
            for item in stanza.iter(f"{{{stanzas.ROSTER}}}item")
        ),
    )
