"""Plays rows of the table of endings side by side on one server and one relay, and notes where they end otherwise.

A case (e2e/casting.py) prepares a row's people and room, and later takes away what stood against the invitation. All else is
the same for every row, and stands here: how it is invited, and how each column is seen. Knows no case.
"""

import asyncio
import itertools
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

from support import stanzas
from support.client import Client
from support.endings import Address, Ending, Gets, Membership, Next, Route, Row, Told
from support.feed import Wanted
from support.history import History, Record
from support.relay import Relay
from support.server import Server
from support.stage import Stage
from support.stanzas import CONFERENCE, a, decline, direct_invitation, native_invitation, notice, said, sum_said

PATIENCE = 20
"""Seconds for what follows the end of an invitation."""
GENEROUS = "1000/30d"
"""A limit that nobody reaches, of which no token comes back while a test lasts."""
SPARE = 3
"""The limit whose tokens are counted: how many are left tells how many were taken."""
DIMENSIONS = {"i": "per_inviter", "r": "per_room", "c": "per_contact"}

ACTS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "as set up": {},
    "own domain": {},
    "no rights": {},
    "strangers": {"relay": {"strangers": "refuse"}},
    "require": {"muc": {"membership": "require"}},
    "support": {"relay": {"support": "ask"}},
}
"""What the configuration of each act has besides; a running relay reads it."""

_numbers = itertools.count(1)


class Play:
    """A row on the stage: whom it is about. A case may change all of it."""

    def __init__(self, company: "Company", row: Row):
        self.company, self.row, self.stage = company, row, company.stage
        self.owner: Client | None = None
        """Owns the room, and is inside."""
        self.inviter: Client | None = None
        self.bob: Client | None = None
        """The contact's client, if they have one."""
        self.contact = ""
        self.room = ""
        self.target: str | None = None
        """The address that is invited, if it is not the one that the route takes."""
        self.group: list[str] | None = None
        """Who is behind the group address, if not the contact alone."""
        self.mediated = row.route != Route.DIRECT
        self.password: str | None = None
        self.beforehand: Callable[[], Awaitable[None]] | None = None
        """What happens before the invitation, when the relay has read the act's configuration."""
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """What happens between the inviter's invitation and the relay's reading it."""
        self.afterwards: Callable[[], Awaitable[None]] | None = None
        """What happens when it has ended first."""
        self.can_be_listed = True
        """Whether the relay may change the room's member list at all."""
        self.spent = Counter[str]()
        """How often limits were counted for before."""
        self.earlier = 0
        """Invitations that the contact has had before."""
        self.case: AsyncGenerator[None, None] | None = None
        self.before = "none"
        """The contact's affiliation before."""

    @property
    def route(self) -> Route:
        return self.row.route

    @property
    def ending(self) -> Ending:
        return self.row.ending

    @property
    def address(self) -> str:
        """The relay address that is invited, or the contact's own."""
        if self.target:
            return self.target
        if self.route in (Route.GROUP, Route.PART):
            return f"{self.group_name}@{self.stage.server.component}"
        return self.contact if self.route in (Route.HANDED_OVER, Route.COMMAND) else self.stage.relay_address(self.contact)

    @property
    def group_name(self) -> str:
        return f"team-{self.room.partition('@')[0]}"

    async def invite(self) -> None:
        if self.route == Route.COMMAND:
            # The relay carries out few at a time.
            async with self.company.one_command:
                await by_command(self.company.relay, self.room, self.contact, self.inviter.bare)
        elif self.mediated:
            self.inviter.invite(self.room, self.address)
        else:
            write_to(self.inviter, self.address, self.room, id=f"d-{self.room}", password=self.password)

    def is_own(self, record: Record) -> bool:
        """Whether a record of the history is of this invitation."""
        part = self.route == Route.PART
        by_contact = part or self.route in (Route.HANDED_OVER, Route.COMMAND)
        whom = self.contact if by_contact or not self.target else self.target
        if self.route == Route.GROUP or (self.target and record["contact"] == self.contact):
            whom = record["contact"]
        parties = (self.inviter.bare, self.room, whom)
        return (record["inviter"], record["room"], record["contact"]) == parties and ("parent" in record) == part


def write_to(client: Client, address: str, room: str, id: str, password: str | None = None) -> None:
    """Sends a direct invitation."""
    secret = f" password={quoteattr(password)}" if password else ""
    x = f"<x xmlns='{CONFERENCE}' jid={quoteattr(room)}{secret}/>"
    client.send(f"<message to={quoteattr(address)} id={quoteattr(id)}>{x}</message>")


async def by_command(relay: Relay, room: str, contact: str, inviter: str, reason: str = "Come & talk") -> None:
    """Invites as an operator does; says nothing of how it ended."""
    argv = relay.argv("invite", room, contact, "--as", inviter, "--reason", reason)
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ, **relay.env}
    )
    _, errors = await process.communicate()
    assert process.returncode in (0, 1), errors.decode()


Case = Callable[[Play], AsyncGenerator[None, None]]


class Company:
    """A relay beside a server, and all that plays there."""

    def __init__(self, server: Server, directory: Path, cases: Mapping[str, Case]):
        self.server, self.stage, self._cases = server, Stage(server), cases
        self._directory = directory
        self.relay: Relay | None = None
        self.faults: dict[Row, list[str]] = defaultdict(list)
        self._hung = asyncio.Lock()
        self.one_command = asyncio.Lock()
        self.history: History | None = None
        self.paula: Client | None = None
        """An admin of every room, and of the relay."""
        self.groups: dict[str, list[str]] = {}

    async def play(self, rows: Iterable[Row]) -> None:
        """Plays these rows; what is not as the table says is in `faults`."""
        [self.paula] = await self.stage.people("paula")
        self.relay = Relay(self.server, self._directory, **self._config())
        await self.relay.start()
        self.history = History(self.relay)
        try:
            plays = [Play(self, row) for row in rows]
            by_act = defaultdict(list)
            for play in plays:
                by_act[play.ending.act].append(play)
            last = by_act.pop("services", [])
            limited = {letter: by_act.pop(act, []) for letter, act in DIMENSIONS.items()}
            for act, some in by_act.items():
                await self._act(some, ACTS[act])
            done = [play for some in by_act.values() for play in some]
            own_rooms = [await self._own_room() for _ in range(SPARE + 1)]
            for letter, act in DIMENSIONS.items():
                await self._all(self._prepare, limited[letter])
                await self._configure({"limits": {act: f"{SPARE}/30d"}})
                probes = {"i": self._inviters_tokens, "r": self._rooms_tokens, "c": self._contacts_tokens}
                await self._all(lambda play, probe=probes[letter]: self._counted(play, letter, probe, own_rooms), done)
                await self._all(lambda play, probe=probes[letter]: probe(play, own_rooms, SPARE), limited[letter])
                await self._all(self._perform, limited[letter])
                done += limited[letter]
            await self._configure({})
            await self._all(self._next, done)
            if last:
                await self._all(self._prepare, last)
                await self.relay.stop()
                self._write({"muc": {"services": ["elsewhere.example.test"]}})
                await self.relay.start_again()
                await self._all(self._perform, last)
        finally:
            self.history.end()

    async def leave(self) -> None:
        if self.relay and self.relay.process.running:
            await self.relay.stop()
        await self.stage.empty()

    # What all rows have in common.

    async def _act(self, plays: list[Play], overrides: Mapping[str, Mapping[str, object]]) -> None:
        await self._all(self._prepare, plays)
        await self._configure(overrides)
        await self._all(self._perform, plays)

    async def _all(self, what: Callable[[Play], Awaitable[None]], plays: Iterable[Play]) -> None:
        """Does something for every row that has gone well so far."""

        async def one(play: Play) -> None:
            try:
                await what(play)
            except Exception as fault:  # noqa: BLE001 (whatever it is, it is this row's)
                self.faults[play.row].append(f"{type(fault).__name__}: {fault}")

        await asyncio.gather(*(one(play) for play in plays if not self.faults[play.row]))

    async def _prepare(self, play: Play) -> None:
        play.case = self._cases[play.ending.case](play)
        await anext(play.case)
        if play.route in (Route.GROUP, Route.PART) and play.target is None:
            self.groups[play.group_name] = [play.contact] if play.group is None else play.group
        if self._is_on_its_list(play):
            # As clients of owners do it.
            await play.owner.set_affiliation(play.room, play.address, "member")
        if play.contact and self._room_is_served(play):
            play.before = await play.owner.affiliation(play.room, play.contact)

    async def _perform(self, play: Play) -> None:
        if play.beforehand:
            await play.beforehand()
        if play.meanwhile:
            async with self._relay_hangs():
                await play.invite()
                await play.inviter.passed(play.room)
                await play.meanwhile()
        else:
            await play.invite()
        ending = play.ending
        if play.afterwards:
            await self.until(play, lambda record: record["state"] == "relayed")
            await play.afterwards()
        record = await self.until(play, lambda record: record["state"] not in ("pending", *(["relayed"] if play.afterwards else [])))
        assert (record["state"], record["reason"]) == (ending.state, ending.reason), record
        routes = {Route.PART: "fan-out", Route.GROUP: "fan-out" if play.mediated else "direct"}
        assert record["route"] == routes.get(play.route, play.route), record
        await self._what_the_contact_gets(play)
        await self._what_the_inviter_is_told(play)
        await self._what_becomes_of_the_membership(play)
        if self._is_on_its_list(play):
            await play.owner.until_affiliation(play.room, play.address, "none")

    async def _what_the_contact_gets(self, play: Play) -> None:
        if play.bob is None or play.route == Route.GROUP:
            return
        gets = play.ending.gets
        wanted = {Gets.DIRECT: direct_invitation(play.room), Gets.ROOMS_OWN: native_invitation(play.room)}
        if gets in wanted:
            await play.bob.expect(wanted[gets])
        elif gets == Gets.EITHER:
            await play.bob.expect(Wanted("an invitation", lambda it: any(one(it) for one in wanted.values())))
        count = play.earlier if gets == Gets.EARLIER else int(gets != Gets.NOTHING)
        reached = await self.stage.reached(play.bob, play.room)
        assert len(reached) == count, [stanzas.show(it) for it in reached]

    async def _what_the_inviter_is_told(self, play: Play) -> None:
        told, inviter, part = play.ending.told, play.inviter, play.route == Route.PART
        if play.route == Route.COMMAND:
            await inviter.passed(self.server.component)
            assert not inviter.received(notice(play.room)), "those who gave the command are told"
            return
        about = self._notice_of(play)
        if play.ending.case == "no room":
            about = Wanted("a message", lambda it: "names no room" in said(it))
        if part or told == Told.SUM:
            text = sum_said(await inviter.expect(about), play.room)
            failed = told == Told.WHY or play.ending.case == "nobody reached"
            count = 0 if failed or play.ending.case == "nobody left" else 1
            assert text == f"{count} invited" + ", 1 can't be reached" * failed
        elif told in (Told.WHY, Told.LATER):
            text = said(await inviter.expect(about))
            assert "short while ago" not in text, text
            if told == Told.WHY and not play.mediated:
                await inviter.expect(a("message", type="error", sender=play.address))
        elif told == Told.BEFORE:
            assert "short while ago" in said(await inviter.expect(about))
        elif told == Told.BY_THE_ROOM:
            await inviter.expect(decline(play.room))
        await inviter.passed(self.server.component)
        count = int(part or told not in (Told.NOTHING, Told.BY_THE_ROOM))
        assert len(inviter.received(about)) == count, [said(it) for it in inviter.received(about)]

    def _notice_of(self, play: Play) -> Wanted:
        """What tells the inviter of this very invitation."""
        sender = play.address
        if play.route == Route.HANDED_OVER:
            sender = self.stage.relay_address(play.contact.replace("\\", "\\5c"))
        about = notice(play.room)
        return Wanted(f"{about} from {sender}", lambda it: about(it) and it.get("from") == sender)

    async def _what_becomes_of_the_membership(self, play: Play) -> None:
        membership = play.ending.membership
        if membership == Membership.NOBODYS or not self._room_is_served(play):
            return
        handed_over = play.route == Route.HANDED_OVER
        if membership == Membership.GIVEN:
            assert await play.owner.affiliation(play.room, play.contact) == "member"
        elif membership == Membership.UNTOUCHED:
            assert await play.owner.affiliation(play.room, play.contact) == play.before
        else:
            if membership == Membership.TAKEN_BACK or handed_over:
                said = Wanted("taken back", lambda line: play.room in line and f"{play.contact} is no member any more" in line)
                await self.relay.output.take(said, within=PATIENCE)
            await play.owner.until_affiliation(play.room, play.contact, "none")

    async def _next(self, play: Play) -> None:
        """Invites the contact to the room once more, when nothing is against it any more."""
        if play.ending.next == Next.NOBODYS:
            return
        await anext(play.case, None)
        write_to(self.paula, self.stage.relay_address(play.contact), play.room, id=f"n-{play.room}")
        of_paula = lambda it: it["inviter"] == self.paula.bare and it["room"] == play.room  # noqa: E731
        [*_, record] = await self.settled(of_paula, 1 + play.spent["paula"])
        if play.ending.next == Next.HELD_UP:
            assert record["reason"] == "duplicate", record
        else:
            assert record["state"] == "relayed", record
        known = play.ending.next != Next.ARRIVES
        if known:
            await self.paula.expect(Wanted(f"{play.room} and before", lambda it: play.room in said(it) and "short while ago" in said(it)))
        await self.paula.passed(self.server.component)
        assert len(self.paula.received(notice(play.room))) == int(known)

    # Limits.

    async def _counted(self, play: Play, letter: str, probe: Callable[..., Awaitable[int | None]], own_rooms: list[str]) -> None:
        """How many tokens are left tells whether the invitation has taken one."""
        if play.route in (Route.PART, Route.COMMAND) and letter != "c":
            # That is the whole's, or nobody's.
            return
        left = await probe(play, own_rooms)
        if left is not None:
            taken = SPARE - left - play.spent[letter]
            assert taken == int(letter in play.row.counts), f"counted {taken} times for {DIMENSIONS[letter]}"

    async def _inviters_tokens(self, play: Play, _: list[str], count: int = SPARE + 1) -> int | None:
        """How many more invitations the inviter may send, or takes so many."""
        room = f"nowhere-{next(_numbers)}@{self.server.muc}"
        for n in range(count):
            write_to(play.inviter, f"nobody-at-all@{self.server.component}", room, id=f"p{n}")
        return await self._passed(lambda it: it["room"] == room, count)

    async def _rooms_tokens(self, play: Play, _: list[str], count: int = SPARE + 1) -> int | None:
        if not self._room_is_served(play):
            return None
        address = f"nobody-{next(_numbers)}@{self.server.component}"
        for _ in range(count):
            play.owner.invite(play.room, address)
        return await self._passed(lambda it: it["room"] == play.room and it["contact"] == address, count)

    async def _contacts_tokens(self, play: Play, own_rooms: list[str], count: int = SPARE + 1) -> int | None:
        if play.ending.next == Next.NOBODYS:
            return None
        for room in own_rooms[:count]:
            write_to(self.paula, self.stage.relay_address(play.contact), room, id=f"c-{room}")
        own = set(own_rooms)
        records = await self.settled(lambda it: it["contact"] == play.contact and it["room"] in own, count)
        return sum(it["reason"] != "rate-limited" for it in records)

    async def _passed(self, probes: Callable[[Record], bool], count: int) -> int:
        """Waits for the end of these invitations; of those over the limit only the first leaves a trace."""
        found: list[Record] = []

        def ended() -> bool:
            found[:] = [it for it in self.history.records if probes(it)]
            over = any(it["reason"] == "rate-limited" for it in found)
            return all(it["state"] != "pending" for it in found) and (over or len(found) == count)

        await self.history.until(ended, lambda: f"{count} probes: {found}", 2 * PATIENCE)
        return sum(it["reason"] != "rate-limited" for it in found)

    async def _own_room(self) -> str:
        room = await self.paula.create_room(self.stage.room("pub"))
        await self.paula.leave(room)
        return room

    # The relay.

    def _config(self, overrides: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, dict[str, object]]:
        config: dict[str, dict[str, object]] = {
            "log": {"level": "debug"},
            "relay": {"mimicry": "refuse"},
            "limits": {key: GENEROUS for key in DIMENSIONS.values()} | {"per_domain": "1000000/1s", "max_recipients": 2},
            "admins": {"jids": [self.paula.bare]},
            "groups": self.groups,
        }
        for section, keys in (overrides or {}).items():
            config[section] = config.get(section, {}) | dict(keys)
        return {section: keys for section, keys in config.items() if keys}

    def _write(self, overrides: Mapping[str, Mapping[str, object]]) -> None:
        self.relay.config.write_text(self.server.relay_config(self.relay.journal, **self._config(overrides)))

    async def _configure(self, overrides: Mapping[str, Mapping[str, object]]) -> None:
        self._write(overrides)
        self.relay.process.signal(signal.SIGHUP)
        await self.relay.process.says("was read again")

    @asynccontextmanager
    async def _relay_hangs(self):
        async with self._hung:
            self.relay.process.signal(signal.SIGSTOP)
            try:
                yield
            finally:
                self.relay.process.signal(signal.SIGCONT)

    def _room_is_served(self, play: Play) -> bool:
        return bool(play.room) and play.room.endswith(f"@{self.server.muc}")

    def _is_on_its_list(self, play: Play) -> bool:
        has_one = play.route in (Route.ADDRESSED, Route.DIRECT, Route.GROUP)
        return has_one and play.can_be_listed and play.ending.address == Address.OFF

    async def settled(self, wanted: Callable[[Record], bool], count: int) -> list[Record]:
        """Waits until so many of these have ended, and none is under way."""
        return await self.history.settled(wanted, count, 2 * PATIENCE)

    async def until(self, play: Play, holds: Callable[[Record], bool]) -> Record:
        """Waits until this holds for the invitation of this row."""
        found: list[Record] = []

        def so() -> bool:
            found[:] = [it for it in self.history.records if play.is_own(it)]
            return any(holds(it) for it in found)

        await self.history.until(so, lambda: f"{play.row}: {found}", 2 * PATIENCE)
        assert len(found) == 1, found
        return found[0]
