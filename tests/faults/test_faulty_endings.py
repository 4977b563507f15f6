"""Rows of the table of endings (support/endings.py) that no real server plays: each beside a scripted server that has the
fault. The other rows: e2e/test_endings.py.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from faults.test_bounces import by_module, error, is_invitation
from faults.test_killers import NOT_WELL_FORMED, is_killer
from support import clock, stanzas
from support.clock import WallClock
from support.company import DIMENSIONS, GENEROUS, SPARE, by_command
from support.endings import Address, Gets, Membership, Next, Route, Row, Told, rows
from support.relay import Relay
from support.scripted import Scripted, told
from support.server import Setup
from support.stanzas import BLOCKING, CONFERENCE, MUC_ADMIN, MUC_USER, reply, sum_said

ROWS = rows(scripted=True)
ID = "h1"
"""Of the hand-over."""
LISTS = "unreadable"
"""The act in which the relay may read block lists."""


class Scene:
    """alice invites bob to her members-only room."""

    def __init__(self, row: Row, scripted: Scripted, relay: Relay, config: dict):
        self.row, self.scripted, self.relay, self._config = row, scripted, relay, config
        self.room, self.alice, self.bob = scripted.room("tea"), scripted.jid("alice"), scripted.jid("bob")
        self.reason = "Come & talk"
        self.password = ""
        self.has_handed_over = row.route == Route.HANDED_OVER
        self.clock: WallClock | None = None
        self.command: asyncio.Task | None = None
        self.left_on_the_list = False
        """The relay address was on the member list when it had ended, and the fault was there still."""
        scripted.members_only.add(self.room)
        scripted.owners[self.room] = self.alice
        if self.has_handed_over:
            # The room has done that.
            scripted.members("tea", [self.bob])
        elif row.route != Route.COMMAND:
            scripted.members("tea", [self.address])

    @property
    def is_of_group(self) -> bool:
        return self.row.route in (Route.GROUP, Route.PART)

    @property
    def address(self) -> str:
        return f"team@{self.scripted.component}" if self.is_of_group else self.scripted.relay_address("bob")

    def invite(self) -> None:
        if self.row.route == Route.COMMAND:
            self.command = asyncio.create_task(by_command(self.relay, self.room, self.bob, self.alice, self.reason))
            return
        reason = stanzas.text(self.reason)
        if self.has_handed_over:
            xml = self.scripted.hand_over("bob", id=ID).replace("<handover ", "<handover made-member='true' ")
            xml = xml.replace("Come in", reason)
        elif self.row.route == Route.DIRECT:
            x = f"<x xmlns='{CONFERENCE}' jid='{self.room}' reason='{reason}'{self.password}/>"
            xml = f"<message from='{self.alice}/desk' to='{self.address}' id='d1'>{x}</message>"
        elif self.is_of_group:
            x = f"<x xmlns='{MUC_USER}'><invite from='{self.alice}/desk'><reason>{reason}</reason></invite></x>"
            xml = f"<message from='{self.room}' to='{self.address}'>{x}</message>"
        else:
            xml = self.scripted.invitation("bob", reason=self.reason)
        self.scripted.send(xml)

    async def ended(self) -> dict[str, object]:
        """The record of this invitation, when all has ended."""
        records = await self.relay.settled(1 + (self.row.route == Route.PART))
        parts = [record for record in records if ("parent" in record) == (self.row.route == Route.PART)]
        assert len(parts) == 1, records
        return parts[0]

    async def answered(self) -> str:
        """How the relay has answered the hand-over."""
        return (await self.scripted.taken.take(reply(ID))).get("type")

    def messages_to_alice(self) -> list:
        return [it for it in self.scripted.taken.all if told(self.alice)(it)]

    async def configure(self, limits: dict[str, str]) -> None:
        sections = self._config | {"limits": self._config["limits"] | limits}
        self.relay.config.write_text(self.scripted.relay_config(self.relay.journal, **sections))
        self.relay.process.signal(signal.SIGHUP)
        await self.relay.process.says("was read again")

    async def tokens(self, letter: str) -> int:
        """How many more invitations the limit of this kind lets pass."""
        address, count = f"nobody-at-all@{self.scripted.component}", SPARE + 1
        before = len(await self.relay.history())
        for n in range(count):
            mediated = self.scripted.invitation("bob", "tea" if letter == "r" else f"pub{n}", "olga")
            x = f"<x xmlns='{CONFERENCE}' jid='{self.scripted.room('nowhere')}'/>"
            direct = f"<message from='{self.alice}/desk' to='{address}'>{x}</message>"
            to_nobody = mediated.replace(self.scripted.relay_address("bob"), address)
            self.scripted.send({"i": direct, "r": to_nobody, "c": mediated}[letter])
        await self.scripted.passed()
        records = (await self.relay.settled(before + 1))[before:]
        return sum(record["reason"] != "rate-limited" for record in records)


Fault = Callable[[Scene], Awaitable[None]]
"""Makes the fault, invites, waits for the ending, and mends the fault."""

FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    FAULTS[function.__name__.replace("_", " ")] = function
    return function


@fault
async def refused_changes(scene):
    scene.scripted.refuses = lambda iq: iq.get("type") == "set" and iq[0].tag == f"{{{MUC_ADMIN}}}query"
    scene.invite()
    await scene.ended()
    scene.scripted.refuses = lambda _: False


@fault
async def long_password(scene):
    """A quotation mark is written as six characters."""
    quotes = '"' * 2000
    scene.password = f" password='{quotes}'"
    scene.invite()
    await scene.ended()


@fault
async def no_messages(scene):
    scene.invite()
    await scene.ended()


@fault
async def unreadable(scene):
    scene.scripted.unreadable.add(scene.bob)
    scene.invite()
    await scene.ended()
    scene.scripted.unreadable.clear()
    scene.scripted.blocks[scene.bob] = []
    # What can't be read is not asked for again for a minute.
    await scene.relay.restart()


@fault
async def lost_answers(scene):
    scripted, kept = scene.scripted, []
    if scene.row.ending.case == "delivered meanwhile":
        scripted.answers_pings = False
        scripted.fates[ID] = "fate='delivered'"
        scene.invite()
        await scripted.delivered(scene.bob)
        scripted.cut()
        await scripted.connected(2)
        scripted.answers_pings = True
    else:
        scripted.on_message = lambda message: kept.append(message) if is_invitation(message) else None
        scene.invite()
        assert (await scene.ended())["state"] == "relayed"
        scripted.send(by_module(kept[0], scripted.host))
        await scripted.taken.take(told(scene.alice))
    await scene.ended()


@fault
async def firewall(scene):
    scripted = scene.scripted
    scripted.on_message = lambda m: error(m, "policy-violation") if m.get("to") == scripted.host else None
    scene.invite()
    await scene.ended()
    scripted.on_message = lambda _: None


@fault
async def silent(scene):
    scene.scripted.silent.add(scene.room)
    scene.invite()
    await scene.ended()
    scene.left_on_the_list = scene.address in scene.scripted.members_of("tea")
    scene.scripted.answer_all()


@fault
async def breaks(scene):
    scene.scripted.ends_at = lambda message: NOT_WELL_FORMED if is_killer(message) else None
    scene.reason = "killer"
    scene.invite()
    await scene.ended()
    scene.scripted.ends_at = lambda _: None


@fault
async def expiry(scene):
    scripted = scene.scripted
    scripted.answers_pings = False
    if scene.row.route == Route.GROUP:
        scripted.silent.add(scene.room)
    scene.invite()
    if scene.row.route == Route.GROUP:
        await scene.relay.has_taken_in(1)
    else:
        await scripted.delivered(scene.bob)
    await scripted.kill()
    scene.clock.set(timedelta(minutes=2))
    scripted.silent.clear()
    scripted.answers_pings = True
    await scripted.start()
    await scene.ended()


@pytest.fixture
def setup(row):
    return Setup(iq=(BLOCKING,) if row.ending.act == LISTS else ())


@pytest.fixture
async def scene(row, scripted, relays, tmp_path):
    limits = {key: GENEROUS for key in DIMENSIONS.values()} | {"per_domain": "1000000/1s"}
    config = {"log": {"level": "info"}, "limits": limits, "relay": {"expiry": "1m"} if row.ending.act == "expiry" else {}, "groups": {"team": [scripted.jid("bob")]}}
    scripted.grants_messages = row.ending.act != "no messages"
    relay = relays(scripted, **config)
    scene = Scene(row, scripted, relay, config)
    if row.ending.act in ("silent", "breaks"):
        relay.env.update(clock.faster(10))
    elif row.ending.act == "expiry":
        scene.clock = WallClock(tmp_path, all_time=True)
        relay.env.update(scene.clock.env)
    await relay.start()
    return scene


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_it_ends_as_the_table_says(row, scene):
    scripted, ending = scene.scripted, row.ending
    await FAULTS[ending.act](scene)

    record = await scene.ended()
    assert (record["state"], record["reason"]) == (ending.state, ending.reason), record
    await what_alice_is_told(scene)
    if scene.has_handed_over and ending.gets == Gets.ROOMS_OWN:
        assert scripted.fates.get(ID) or await scene.answered() == "error"
    elif ending.gets == Gets.EARLIER or ending.membership == Membership.NONE:
        assert len(scripted.deliveries) == (ending.gets == Gets.EARLIER)
    await what_becomes_of_the_lists(scene)
    await what_was_counted(scene)
    await the_next_one(scene)


async def what_alice_is_told(scene):
    told_by = Told.NOTHING if scene.row.route == Route.COMMAND else scene.row.ending.told
    await scene.scripted.passed()
    if scene.row.route == Route.PART:
        [message] = scene.messages_to_alice()
        assert sum_said(message, scene.room) == "0 invited, 1 can't be reached"
        return
    assert len(scene.messages_to_alice()) == (told_by != Told.NOTHING)
    errors = [it for it in scene.scripted.taken.all if it.get("type") == "error" and it.get("id") == "d1"]
    assert len(errors) == (scene.row.route == Route.DIRECT and told_by == Told.WHY)


async def what_becomes_of_the_lists(scene):
    ending, scripted = scene.row.ending, scene.scripted
    if ending.membership == Membership.GIVEN:
        assert scene.bob in scripted.members_of("tea")
    elif ending.membership in (Membership.TAKEN_BACK, Membership.NONE):
        await scripted.until(lambda: scene.bob not in scripted.members_of("tea"), "bob is no member")
        given = [it for it in scripted.asked if it.get("jid") == scene.bob and it.get("affiliation") == "member"]
        assert bool(given) == (ending.membership == Membership.TAKEN_BACK and not scene.has_handed_over)
    if scene.row.route in (Route.ADDRESSED, Route.DIRECT, Route.GROUP):
        if ending.address == Address.OFF:
            await scripted.until(lambda: scene.address not in scripted.members_of("tea"), "the address is off")
        else:
            assert scene.left_on_the_list


async def what_was_counted(scene):
    for letter, limit in DIMENSIONS.items():
        if (scene.row.route in (Route.PART, Route.COMMAND) and letter != "c") or (scene.row.route == Route.GROUP and letter == "c"):
            continue
        await scene.configure({limit: f"{SPARE}/30d"})
        taken = SPARE - await scene.tokens(letter)
        assert taken == int(letter in scene.row.counts), f"counted {taken} times for {limit}"
    await scene.configure({})


async def the_next_one(scene):
    if scene.row.ending.next == Next.NOBODYS:
        return
    before = len(await scene.relay.history())
    scene.scripted.send(scene.scripted.invitation("bob"))
    [*_, record] = await scene.relay.settled(before + 1)
    outcome = ("suppressed", "duplicate") if scene.row.ending.next == Next.HELD_UP else ("relayed", None)
    assert (record["state"], record["reason"]) == outcome
