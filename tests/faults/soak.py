"""The parts of the soak: what is sent meanwhile, what goes wrong meanwhile, and what must have become of each invitation."""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from slixmpp.xmlstream.xmlstream import NotConnectedError

from faults.hostile import HEADER, NAMESPACES
from support.client import Component
from support.raw import RawClient, StreamEnded
from support.stage import PASSWORD

PATTERN = rb"soak-(\d+)-"
EACH_ROOM = 100
"""So many invitations, then another room."""
GONE = (AssertionError, ConnectionError, OSError, TimeoutError, StreamEnded, NotConnectedError)
"""What comes of talking to a server that goes away."""


def reason(number: int) -> str:
    """By which an invitation is known wherever it passes."""
    return f"soak-{number}-"


@dataclass
class Sent:
    number: int
    contact: str
    handed_over: bool
    at: float
    confirmed: float | None = None
    """When the room had answered a question that was asked after it."""


class Load:
    """Invitations at a steady rate, by both routes in turn, each for a contact of its own who is away."""

    def __init__(self, stage, rate: float):
        self.sent: list[Sent] = []
        self.logins = 0
        self._stage = stage
        self._rate = rate
        self._alice = None
        self._room = None

    async def run(self) -> None:
        self._name = await self._stage.account("alice")
        began, number = time.monotonic(), 0
        while True:
            try:
                await self._invite()
            except GONE:
                self._alice = None
                await asyncio.sleep(0.1)
            number += 1
            await asyncio.sleep(max(0, began + number / self._rate - time.monotonic()))

    async def _invite(self) -> None:
        number = len(self.sent)
        contact = await self._stage.account("bob")
        if self._alice is None:
            self._alice = await self._stage.log_in(self._name)
            self.logins += 1
            self._room = None
        if self._room is None or number % EACH_ROOM == 0:
            members_only = number // EACH_ROOM % 2 == 1
            new = await self._alice.create_room(self._stage.room(), anonymous=False, members_only=members_only)
            if self._room:
                self._alice.send(f"<presence type='unavailable' to='{self._room}/{self._alice.nick}'/>")
            self._room = new
        sent = Sent(number, contact, number % 2 == 1, time.time())
        self.sent.append(sent)
        target = contact if sent.handed_over else self._stage.relay_address(contact)
        self._alice.invite(self._room, target, reason(number))
        async with asyncio.timeout(10):
            await self._alice.passed(self._room)
        sent.confirmed = time.time()


class Rain:
    """Hostile stanzas, some a second."""

    def __init__(self, stage, rate: float):
        self.fallen = 0
        self._stage = stage
        self._rate = rate

    async def run(self) -> None:
        name = await self._stage.account("mallory")
        address = self._stage.relay_address(name)
        cases = list(NAMESPACES.values())
        client = None
        while True:
            try:
                if client is None:
                    client = RawClient(name, PASSWORD, self._stage.server.c2s_port, HEADER)
                    await client.connect()
                self.fallen += 1
                client.send(cases[self.fallen % len(cases)](address))
                await client.drained()
            except GONE:
                client = None
            await asyncio.sleep(1 / self._rate)


@dataclass
class Fault:
    name: str
    began: float
    ended: float = float("inf")


PATIENCE = 5
"""Seconds."""


class Faults:
    """One after the other; a seed makes the same sequence again."""

    def __init__(self, chance, stage, relay, between, disk):
        self.done: list[Fault] = []
        self._chance = chance
        self._stage, self._relay, self._between, self._disk = stage, relay, between, disk
        self._kinds = [
            self.relay_killed,
            self.relay_restarted,
            self.relay_hangs,
            self.server_killed,
            self.server_hangs,
            self.connection_cut,
            self.connection_hangs,
            self.connection_slow,
            self.second_component,
        ] + ([self.disk_full] if disk else [])

    async def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(self._chance.uniform(0.2, 4))
            kind, lasting = self._chance.choice(self._kinds), self._chance.uniform(0.05, 6)
            fault = Fault(kind.__name__, time.time())
            self.done.append(fault)
            await kind(lasting)
            fault.ended = time.time()
            await self.lose_patience()

    async def lose_patience(self) -> None:
        """Pauses between attempts grow to minutes, in which nothing can be tried: the relay is started anew instead."""
        until = time.monotonic() + PATIENCE
        while not self._between.is_connected:
            if time.monotonic() > until:
                fault = Fault("patience_lost", time.time())
                self.done.append(fault)
                await self.relay_restarted(0)
                fault.ended, until = time.time(), until + PATIENCE
            await asyncio.sleep(0.1)

    async def relay_killed(self, lasting: float) -> None:
        await self._relay.kill()
        await asyncio.sleep(lasting / 3)
        await self._launch()

    async def relay_restarted(self, lasting: float) -> None:
        await self._relay.stop()
        await self._launch()

    async def _launch(self) -> None:
        self._relay.prepare_again()
        await self._relay.launch()

    async def relay_hangs(self, lasting: float) -> None:
        await self._stopped(self._relay.process, lasting)

    async def server_hangs(self, lasting: float) -> None:
        await self._stopped(self._stage.server.process, lasting)

    async def _stopped(self, process, lasting: float) -> None:
        process.signal(signal.SIGSTOP)
        await asyncio.sleep(lasting)
        process.signal(signal.SIGCONT)

    async def server_killed(self, lasting: float) -> None:
        await self._stage.server.kill()
        await asyncio.sleep(lasting / 3)
        await self._stage.server.start()

    async def connection_cut(self, lasting: float) -> None:
        self._between.cut()

    async def connection_hangs(self, lasting: float) -> None:
        """Now and then longer than the relay waits for a pong."""
        self._between.hang()
        await asyncio.sleep(lasting if lasting < 5.5 else 30)
        self._between.go_on()

    async def connection_slow(self, lasting: float) -> None:
        self._between.slow = True
        await asyncio.sleep(lasting)
        self._between.slow = False

    async def second_component(self, lasting: float) -> None:
        server = self._stage.server
        second = Component(server.component, server.secret, server.component_port)
        with contextlib.suppress(*GONE):
            await second.connect()
            await asyncio.sleep(lasting / 3)
        with contextlib.suppress(*GONE):
            await second.disconnect()

    async def disk_full(self, lasting: float) -> None:
        self._disk.fill()
        await asyncio.sleep(lasting)
        self._disk.free()


UNREAD = 10
"""Seconds that the relay may need, on a busy machine, to read what its socket has and to write it down."""
HAND_OVER = 5
"""Seconds after which the server delivers by itself."""
UNWRITTEN = 1.5
"""Seconds that ejabberd may keep in memory what it has taken."""


@dataclass
class Accounts:
    """What has become of each invitation, in one word each; `wrong` is what must not happen."""

    server: str
    faults: list[Fault]
    connections: list
    words: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def settle(self, sent: Sent, records: list[dict], arrived: tuple[int, int] | None) -> None:
        """`arrived`: how often a direct one and the room's own have reached the contact; None: the account is gone."""
        direct, native = arrived or (0, 0)
        states = {f"{record['state']} {record['reason'] or ''}".strip() for record in records}
        word = self._word(sent, records, states, direct, native)
        if arrived is None:
            word = "account died with the server" if self._died(sent.at, UNWRITTEN) else "ACCOUNT LOST"
        route = "handed over" if sent.handed_over else "addressed"
        self.words[f"{route}: {word}"] += 1
        if word.isupper():
            self.wrong.append(
                f"{reason(sent.number)} {sent.contact} {route}, sent {_clock(sent.at)}, confirmed "
                f"{_clock(sent.confirmed)}: {word}; {records or 'no record'}; {direct} direct, {native} by the room; "
                f"faults: {', '.join(f'{f.name} {_clock(f.began)}' for f in self._faults(sent.at - 5, sent.at + 15))}"
            )

    def _word(self, sent: Sent, records, states: set[str], direct: int, native: int) -> str:
        if direct and native:
            return "BY THE RELAY AND BY THE ROOM"
        if native > 1:
            return "TWICE BY THE ROOM"
        if direct > 1:
            return "twice, in doubt" if self._in_doubt(records) else "TWICE"
        if direct:
            return "relayed" if "relayed" in states else f"ARRIVED, BUT {states or 'NO RECORD'}".upper()
        if native:
            return "by the room" if "relayed" not in states else "BY THE ROOM, AND RELAYED IT SAYS"
        settled = [datetime.fromisoformat(record["settled"]).timestamp() for record in records if record["settled"]]
        if all(state.startswith("handed-back") for state in states) and states:
            return "died with the server" if self._died(min(settled), HAND_OVER + UNWRITTEN) else "HANDED BACK, LOST"
        if "relayed" in states:
            return "died with the server" if self._died(min(settled), UNWRITTEN) else "RELAYED, NOT ARRIVED"
        if states:
            return f"ENDED: {', '.join(sorted(states))}".upper()
        return self._unrecorded(sent)

    def _unrecorded(self, sent: Sent) -> str:
        """It is neither in the journal nor with the contact."""
        token = str(sent.number).encode()
        seen = [(connection.passed[token], connection) for connection in self.connections if token in connection.passed]
        if sent.confirmed is None:
            return "unknown to the server"
        if sent.handed_over:
            return "died with the server" if self._died(sent.confirmed, HAND_OVER + UNWRITTEN) else "LOST"
        if not seen:
            # There was no link, another component had it, or it died in the server.
            return "never given to the relay" if self._faults(sent.at - 60, sent.confirmed + 60) else "LOST ON THE WAY"
        at, connection = max(seen, key=lambda found: found[0])
        end = connection.ended or float("inf")
        stalled = sum(
            max(0, min(f.ended, end) - max(f.began, at)) for f in self.faults if f.name in ("relay_hangs", "disk_full")
        )
        if end - at - stalled > UNREAD:
            return "READ AND LOST"
        if connection.ended_by == "relay" and not self._faults(end - UNREAD, end + 1):
            return "LOST WITH A LINK THAT THE RELAY ENDED"
        return "unread when the link ended"

    def _in_doubt(self, records) -> bool:
        """Something ended the link between sending and the next answered ping."""
        relayed = [record for record in records if record["state"] == "relayed"]
        return any(
            record["received"]
            and self._ended(
                datetime.fromisoformat(record["received"]).timestamp(),
                datetime.fromisoformat(record["settled"]).timestamp() + 1,
            )
            for record in relayed
        )

    def _ended(self, begin: float, end: float) -> bool:
        killed = any(f.name == "relay_killed" and begin <= f.ended and f.began <= end for f in self.faults)
        return killed or any(c.ended and begin <= c.ended <= end for c in self.connections)

    def _died(self, at: float, within: float) -> bool:
        """The server was killed so soon after this that it may have forgotten. Prosody writes at once what it has taken."""
        if within <= UNWRITTEN and not self.server.startswith("ejabberd"):
            return False
        killed = (f.began for f in self.faults if f.name == "server_killed")
        # What was confirmed at the last moment gets into the journal when the link is down already.
        return any(at - within <= moment + within and moment <= at + within for moment in killed)

    def longest_without_link(self) -> float:
        """Seconds without a connection while nothing was wrong."""
        gaps = [(one.ended, next.began) for one, next in zip(self.connections, self.connections[1:]) if one.ended]
        wrong = [(f.began, min(f.ended, time.time())) for f in self.faults]
        outside = (
            end - begin - sum(max(0, min(end, to) - max(begin, since)) for since, to in wrong) for begin, end in gaps
        )
        return max(outside, default=0)

    def _faults(self, begin: float, end: float) -> list[Fault]:
        return [fault for fault in self.faults if fault.began <= end and fault.ended >= begin]


def _clock(at: float | None) -> str:
    return f"{datetime.fromtimestamp(at):%T.%f}"[:-3] if at else "never"
