"""A server that is nothing but its side of the component's stream (XEP-0114), for faults that real servers won't produce.

Left alone it behaves: it takes stanzas in their order, answers what the relay asks of hosts and rooms, and pings only
after everything before them. What goes wrong is a property or a method. Everything it took is in `deliveries`.
"""

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element, ParseError, XMLPullParser
from xml.sax.saxutils import quoteattr

from support import stanzas
from support.feed import Feed, Wanted
from support.server import Server, Setup
from support.stanzas import CLIENT, COMPONENT, CONFERENCE, DATA, DISCO_INFO, MUC_ADMIN, MUC_USER, PING, VERSION

STREAMS = "http://etherx.jabber.org/streams"
PRIVILEGE = "urn:xmpp:privilege:2"
COMMANDS = "http://jabber.org/protocol/commands"
FORWARD = "urn:xmpp:forward:0"
HAND_OVER = "urn:x-muc-invite-relay:0"
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"

WITHIN = 60
"""Seconds that what a test waits for may take on a busy machine."""


@dataclass(frozen=True)
class Delivery:
    """A direct invitation that the server took."""

    connection: int
    """Which connection it came by: 1, 2, …"""
    id: str
    sender: str
    contact: str
    room: str
    privileged: bool
    """It came in the inviter's name (XEP-0356)."""


class Scripted(Server):
    """`Setup.privileges` decides whether the component may speak for the users of the host, as with other servers,
    `Setup.presence` whether it may know who is online, and `Setup.iq` what else it may ask: rosters among it."""

    name: ClassVar[str] = "scripted"

    def __init__(self, setup: Setup, directory: Path):
        super().__init__(setup, directory)
        self.answers_pings = True
        self.silent: set[str] = set()
        """Rooms and hosts that answer no question."""
        self.reads = Switch(on=True)
        self.trickle: int | None = None
        """Only so many bytes at a time pass, in either direction, and no more than that in a millisecond to the relay."""
        self.ends_at: Callable[[Element], str | None] = lambda _: None
        """What it says for a message at which it ends the connection, and takes nothing any more; "" without a word."""
        self.on_message: Callable[[Element], str | None] = lambda _: None
        """What is sent back for a message at once, before any ping behind it is answered."""
        self.software = "Scripted"
        """What it says that it is."""
        self.fates: dict[str, str | None] = {}
        """What the server's module says of the hand-over with this id: attributes; None: it does not know the question."""
        self.asked_for_fates: list[str] = []
        """The ids of hand-overs that the module was asked for."""
        self.blocks: dict[str, list[str]] = {}
        """The block lists of users who have one."""
        self.unreadable: set[str] = set()
        """Users and rooms whose answers no XML parser accepts."""
        self.leaves_unanswered: Callable[[Element], bool] = lambda _: False
        """Which other questions it does not answer."""
        self.late: Callable[[Element], float] = lambda _: 0
        """After how many seconds it answers a question."""
        self.refuses: Callable[[Element], bool] = lambda _: False
        """Which questions it answers with an error."""
        self.grants_messages = True
        """Whether the component may send in users' names, if it has any privileges."""
        self.members_only: set[str] = set()
        """Rooms; all others are open. Nobody is anything to any room until the relay changes it, but for `owners`."""
        self.owners: dict[str, str] = {}
        """The owners of rooms that have one."""
        self.home: Scripted = self
        """The node of the cluster where rooms and users live: what they say goes by its connection."""
        self.deliveries: list[Delivery] = []
        self.taken: Feed[Element] = Feed("the scripted server")
        """The other messages that it took, and answers to what `ask` asked."""
        self.asked: list[Element] = []
        """What rooms were asked for or told in affiliation and role lists."""
        self.pings = 0
        """Pings that the component has sent, answered or not."""
        self.unanswered: Feed[Element] = Feed("the scripted server's unanswered questions")
        self.changed = asyncio.Condition()
        self.connections = 0
        self._times: Counter[str] = Counter()
        self._members: dict[str, set[str]] = {}
        self._streams: dict[int, _Stream] = {}
        self._listener: asyncio.Server | None = None
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.component_port)

    async def add_user(self, name: str, password: str) -> None:
        """Everybody exists."""

    async def stop(self) -> None:
        self._listener.close()
        for stream in list(self._streams.values()):
            stream.write("</stream:stream>")
            stream.writer.close()
        await self._listener.wait_closed()

    async def kill(self) -> None:
        self._listener.close()
        self.cut()
        await self._listener.wait_closed()

    def cut(self) -> None:
        """Resets the connection; the component may come back at once."""
        for stream in list(self._streams.values()):
            stream.writer.transport.abort()

    def send(self, xml: str | bytes) -> None:
        """Sends this as it is, on the newest connection."""
        self._newest.write(xml)

    @property
    def unsent(self) -> int:
        """Bytes that the component has not taken off our hands yet."""
        return self._newest.writer.transport.get_write_buffer_size()

    @property
    def _newest(self) -> "_Stream":
        assert self._streams, "no component is connected"
        return self._streams[max(self._streams)]

    def answer(self, question: Element) -> None:
        """Answers one that was left unanswered."""
        self.send(self._answer(question))

    def answer_for(self, address: str) -> None:
        """Answers what this room or host was asked, and all that follows."""
        self.silent.discard(address)
        for question in self.unanswered.all:
            if question.get("to") == address:
                self.answer(question)

    def answer_all(self) -> None:
        """Answers all that were left unanswered, and all that follow."""
        self.answers_pings = True
        self.silent.clear()
        for question in self.unanswered.all:
            self.answer(question)

    async def ask(self, payload: str, to: str | None = None, type: str = "get", sender: str | None = None) -> Element:
        """Asks the component; its answer shows that it has read all that was sent before."""
        id = f"ask{next(self._numbers)}"
        sender = sender or self.host
        self.send(f"<iq type='{type}' id='{id}' from='{sender}' to='{to or self.component}'>{payload}</iq>")
        return await self.taken.take(stanzas.reply(to=id), within=WITHIN)

    async def passed(self) -> None:
        """Returns when the component has taken in all that was sent before: read it, and written it down.

        It answers a question that it reads together with invitations while these are on their way to the disk, and reads
        the next one only when they are there.
        """
        for _ in range(2):
            await self.ask(f"<ping xmlns='{PING}'/>")

    async def outlasts_what_is_remembered(self) -> None:
        """A second passes: so long the relay may remember what people want, and no longer."""
        await asyncio.sleep(1)

    async def until(self, holds: Callable[[], bool], what: str, within: float = WITHIN) -> None:
        """Waits for something to be true of what was taken."""
        try:
            async with asyncio.timeout(within), self.changed:
                await self.changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not in {within} s: {what}") from None

    async def delivered(self, *contacts: str, times: int = 1, within: float = WITHIN) -> list[Delivery]:
        """Waits until each of them has been sent so many invitations; returns theirs."""
        wanted = set(contacts)
        await self.until(
            lambda: all(self._times[contact] >= times for contact in wanted),
            f"{times} invitation(s) for {len(wanted)} contact(s)",
            within,
        )
        return [delivery for delivery in self.deliveries if delivery.contact in wanted]

    @property
    def is_connected(self) -> bool:
        return bool(self._streams)

    async def connected(self, times: int) -> None:
        """Waits until the component has got in so many times."""
        await self.until(lambda: self.connections >= times, f"connection number {times}")

    # What rooms and users would send.

    def invitation(
        self, contact: str, room: str = "tea", inviter: str = "alice", reason: str = "Come & talk"
    ) -> str:
        """A mediated invitation to the relay address of contact@host, as a room sends it."""
        to, room, inviter = f"{stanzas.escaped(self.jid(contact))}@{self.component}", self.room(room), self.jid(inviter)
        reason = stanzas.text(reason)
        return (
            f"<message to={quoteattr(to)} from='{room}'><x xmlns='{MUC_USER}'><invite from='{inviter}/desk'>"
            f"<reason>{reason}</reason></invite></x><x xmlns='{CONFERENCE}' jid='{room}'>{reason}</x>"
            f"<body>{inviter}/desk invited you to the room {room} ({reason})</body></message>"
        )

    def hand_over(self, contact: str, room: str = "tea", inviter: str = "alice", id: str = "handover") -> str:
        """The same invitation in the hands of the server's module, with a minute for the answer."""
        deadline = (datetime.now(UTC) + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
        room = self.room(room)
        return (
            f"<iq type='set' id='{id}' from='{self.muc}/muc-invite-relay' to='{self.component}'>"
            f"<handover xmlns='{HAND_OVER}' deadline='{deadline}'><forwarded xmlns='{FORWARD}'>"
            f"<message xmlns='{CLIENT}' from='{room}' to='{self.jid(contact)}'><x xmlns='{MUC_USER}'>"
            f"<invite from='{self.jid(inviter)}/desk'><reason>Come in</reason></invite></x></message>"
            "</forwarded></handover></iq>"
        )

    def jid(self, name: str) -> str:
        return f"{name}@{self.host}"

    def relay_address(self, name: str) -> str:
        return f"{stanzas.escaped(self.jid(name))}@{self.component}"

    def room(self, name: str) -> str:
        return f"{name}@{self.muc}"

    # Its own side of the stream.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        stream = _Stream(writer, self)
        parser = XMLPullParser(["start", "end"])
        depth, root = 0, None
        try:
            while True:
                await self.reads.wait()
                data = await reader.read(self.trickle or 1 << 16)
                if not data:
                    break
                await self.reads.wait()
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if (event, depth) == ("start", 1):
                        root = element
                        stream.open()
                    elif (event, depth) == ("end", 1):
                        self._take(element, number, stream)
                        root.clear()
                    elif (event, depth) == ("end", 0):
                        stream.write("</stream:stream>")
                async with self.changed:
                    self.changed.notify_all()
        except (ConnectionError, ParseError):
            pass
        finally:
            self._streams.pop(number, None)
            stream.end()
            async with self.changed:
                self.changed.notify_all()

    def _take(self, stanza: Element, number: int, stream: "_Stream") -> None:
        match stanzas.kind(stanza):
            case "handshake":
                if stanza.text != stream.digest:
                    stream.write(f"<stream:error><not-authorized xmlns='{STREAM_ERRORS}'/></stream:error>")
                    return
                stream.write("<handshake/>")
                self._streams[number] = stream
                self.connections += 1
                if self.setup.privileges:
                    stream.write(self._advertisement())
            case "iq":
                self._hear(stanza, stream)
            case "message":
                last_words = self.ends_at(stanza)
                if last_words is not None:
                    stream.write(last_words)
                    raise ConnectionAbortedError
                delivery = _delivery(stanza, self.connections)
                if delivery:
                    self.deliveries.append(delivery)
                    self._times[delivery.contact] += 1
                else:
                    self.taken.put(stanza)
                answer = self.on_message(stanza)
                if answer:
                    self._home_of(stanza, stream).write(answer)

    def _advertisement(self) -> str:
        return (
            f"<message from='{self.host}' to='{self.component}'><privilege xmlns='{PRIVILEGE}'>"
            + ("<perm access='message' type='outgoing'/>" if self.grants_messages else "")
            + ("<perm access='presence' type='managed_entity'/>" if self.setup.presence else "")
            + ("<perm access='roster' type='get'/>" if stanzas.ROSTER in self.setup.iq else "")
            + "<perm access='iq'>"
            + "".join(f"<namespace ns='{ns}' type='both'/>" for ns in self.setup.iq if ns != stanzas.ROSTER)
            + "</perm>"
            + "</privilege></message>"
        )

    def _hear(self, iq: Element, stream: "_Stream") -> None:
        if iq.get("type") not in ("get", "set"):
            self.taken.put(iq)
            return
        is_ping = iq.find(f"{{{PING}}}ping") is not None
        self.pings += is_ping
        if stanzas.kind(iq[0]) == "handed-over":
            self.asked_for_fates.append(iq[0].get("id"))
        stream = self._home_of(iq, stream)
        if self.refuses(iq):
            stream.write(self._error(iq))
        elif (is_ping and not self.answers_pings) or iq.get("to") in self.silent or self.leaves_unanswered(iq):
            self.unanswered.put(iq)
        elif delay := self.late(iq):
            asyncio.get_running_loop().call_later(delay, lambda: stream.write(self._answer(iq)))
        else:
            stream.write(self._answer(iq))

    def _home_of(self, stanza: Element, stream: "_Stream") -> "_Stream":
        """By which connection the addressee of a stanza that came by this one answers: hosts are everywhere."""
        return stream if self.home is self or "@" not in stanza.get("to") else self.home._newest

    def _answer(self, iq: Element) -> str:
        [question] = iq
        to, namespace = iq.get("to"), question.tag.partition("}")[0][1:]
        payload = ""
        if namespace == DISCO_INFO:
            payload = f"<query xmlns='{DISCO_INFO}'>{self._about(to)}</query>"
        elif namespace == VERSION:
            payload = f"<query xmlns='{VERSION}'><name>Scripted</name><version>1</version></query>"
        elif namespace == MUC_ADMIN:
            payload = self._administer(to, iq.get("type"), question)
        elif stanzas.kind(question) == "handed-over":
            fate = self.fates.get(question.get("id"), "fate='unknown'")
            if fate is None:
                return self._error(iq)
            payload = f"<handed-over xmlns='{HAND_OVER}' id={quoteattr(question.get('id'))} {fate}/>"
        elif question.find(f".//{{{stanzas.BLOCKING}}}blocklist") is not None and to in self.blocks:
            payload = self._block_list(to, question[0].get("id"))
        if to in self.unreadable:
            payload += "<undeclared:prefix/>"
        return self._result(iq, payload)

    def _block_list(self, user: str, id: str) -> str:
        """The answer to a question in the user's name."""
        items = "".join(f"<item jid={quoteattr(jid)}/>" for jid in self.blocks[user])
        return (
            f"<privilege xmlns='{PRIVILEGE}'><forwarded xmlns='{FORWARD}'>"
            f"<iq xmlns='{CLIENT}' type='result' id={quoteattr(id)} from='{user}' to='{user}'>"
            f"<blocklist xmlns='{stanzas.BLOCKING}'>{items}</blocklist></iq></forwarded></privilege>"
        )

    async def wishes(self, user: str, takes: str) -> None:
        """A user tells the relay from whom they take invitations."""
        settings = f"xmlns='{COMMANDS}' node='my-settings'"
        page = await self.ask(f"<command {settings} action='execute'/>", type="set", sender=f"{user}/desk")
        form = f"<x xmlns='{DATA}' type='submit'><field var='takes'><value>{takes}</value></field></x>"
        session = quoteattr(page[0].get("sessionid"))
        done = await self.ask(
            f"<command {settings} sessionid={session} action='complete'>{form}</command>",
            type="set",
            sender=f"{user}/desk",
        )
        assert done[0].get("status") == "completed", stanzas.show(done)

    def _result(self, iq: Element, payload: str = "") -> str:
        id, to = quoteattr(iq.get("id")), quoteattr(iq.get("to"))
        return f"<iq type='result' id={id} from={to} to='{self.component}'>{payload}</iq>"

    def _error(self, iq: Element) -> str:
        id, to = quoteattr(iq.get("id")), quoteattr(iq.get("to"))
        error = f"<error type='cancel'><service-unavailable xmlns='{stanzas.STANZA_ERRORS}'/></error>"
        return f"<iq type='error' id={id} from={to} to='{self.component}'>{error}</iq>"

    def _about(self, to: str) -> str:
        if "@" in to:
            kind = "muc_membersonly" if to in self.members_only else "muc_open"
            return f"<feature var='{kind}'/><feature var='muc_unmoderated'/>"
        return f"<identity category='server' type='im' name='{self.software}'/><feature var='msgoffline'/>"

    def members(self, room: str, jids: list[str]) -> None:
        """Puts these on a room's member list."""
        self._members.setdefault(self.room(room), set()).update(jids)

    def members_of(self, room: str) -> set[str]:
        """Who is on a room's member list."""
        return self._members.get(self.room(room), set())

    def _administer(self, room: str, type: str, query: Element) -> str:
        members = self._members.setdefault(room, set())
        [item] = query
        self.asked.append(item)
        if type == "set":
            (members.add if item.get("affiliation") == "member" else members.discard)(item.get("jid"))
            return ""
        lists = {"member": members, "owner": [self.owners[room]] if room in self.owners else []}
        affiliation = item.get("affiliation")
        listed = lists.get(affiliation, ())
        items = "".join(f"<item affiliation='{affiliation}' jid={quoteattr(jid)}/>" for jid in listed)
        return f"<query xmlns='{MUC_ADMIN}'>{items}</query>"


class Switch:
    """Something that is on or off; whoever needs it on can wait."""

    def __init__(self, on: bool):
        self._event = asyncio.Event()
        self.turn(on)

    def turn(self, on: bool) -> None:
        (self._event.set if on else self._event.clear)()

    async def wait(self) -> None:
        await self._event.wait()


class _Stream:
    """What goes to one component."""

    _ids = itertools.count(1)

    def __init__(self, writer: asyncio.StreamWriter, server: Scripted):
        self.writer = writer
        self._server = server
        self._id = f"stream{next(self._ids)}"
        self.digest = hashlib.sha1(f"{self._id}{server.secret}".encode()).hexdigest()
        self._trickle: asyncio.Task | None = None
        self._waiting = bytearray()

    def open(self) -> None:
        self.write(
            f"<?xml version='1.0'?><stream:stream xmlns:stream='{STREAMS}' xmlns='{COMPONENT}' "
            f"id='{self._id}' from='{self._server.component}'>"
        )

    def write(self, xml: str | bytes) -> None:
        data = xml.encode() if isinstance(xml, str) else xml
        if not self._server.trickle:
            self.writer.write(data)
            return
        self._waiting += data
        if self._trickle is None or self._trickle.done():
            self._trickle = asyncio.create_task(self._trickle_out())

    async def _trickle_out(self) -> None:
        """A few bytes, each time as a packet of their own; not always as many, so that they end anywhere."""
        while self._waiting:
            size = 1 + self._waiting[0] % (self._server.trickle or 7)
            self.writer.write(bytes(self._waiting[:size]))
            del self._waiting[:size]
            await self.writer.drain()
            await asyncio.sleep(0.001)

    def end(self) -> None:
        if self._trickle:
            self._trickle.cancel()
        self.writer.close()


def _delivery(message: Element, connection: int) -> Delivery | None:
    """The direct invitation in a message, bare or in the inviter's name; None if there is none."""
    inner = message.find(f"{{{PRIVILEGE}}}privilege/{{{FORWARD}}}forwarded/{{{CLIENT}}}message")
    invitation = message if inner is None else inner
    x = invitation.find(f"{{{CONFERENCE}}}x")
    if x is None:
        return None
    return Delivery(
        connection=connection,
        id=invitation.get("id"),
        sender=invitation.get("from"),
        contact=invitation.get("to"),
        room=x.get("jid"),
        privileged=inner is not None,
    )


def told(inviter: str) -> Wanted[Element]:
    """What the relay tells this inviter, or the room for them."""
    return Wanted(
        f"a message that tells {inviter}",
        lambda stanza: bool(stanzas.said(stanza)) and stanza.get("to") == inviter
        or any(decline.get("to") == inviter for decline in stanza.iterfind(f"{{{MUC_USER}}}x/{{{MUC_USER}}}decline")),
    )
