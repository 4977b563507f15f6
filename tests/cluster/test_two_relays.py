"""Two relays with one journal in PostgreSQL, each with a connection to each node: whatever fails, invitations in the inviters' names arrive by either
route, what was journaled is not lost, and nothing comes twice that was confirmed.

LEAD_ROUNDS makes all of these, and then so many one after the other with the same nodes and relays; LEAD_SEED the same ones again.
"""

import asyncio
import os
import random
import signal
import time

import pytest

from support.between import Between
from support.cluster import NODE_DOWN
from support.feed import Wanted
from support.postgres import Postgres
from support.stanzas import direct_invitation, native_invitation

ROUNDS = int(os.environ.get("LEAD_ROUNDS", "0"))
SEED = int(os.environ.get("LEAD_SEED", str(random.randrange(1_000_000))))

ON_DEMAND = pytest.mark.skipif(not ROUNDS, reason="LEAD_ROUNDS is not set")

pytestmark = [pytest.mark.needs("cluster"), *([] if ROUNDS else [pytest.mark.one_of_each_make])]

LEADS = "this relay leads"
STANDS_BY = "stands by: "

SOON = 60
"""Seconds: a room that died with its node is made anew first."""

STREAM = 6


@pytest.fixture
def timeout():
    """The module's: a hand-over to a relay that hangs goes back to the room after this time."""
    return 5


@pytest.fixture(scope="session")
async def _postgres_server(pool):
    # `pool`, whose end ends all tasks, ends after it.
    server = Postgres()
    try:
        yield await server.make()
    finally:
        await server.remove()


@pytest.fixture
async def postgres(_postgres_server, shows):
    shows(_postgres_server)
    yield _postgres_server
    if not _postgres_server.process.running:
        await _postgres_server.start()


@pytest.fixture
async def pair(own_cluster, relays, postgres, tmp_path):
    """One that leads and one that stands by; each has a way of its own to the database."""
    database = await postgres.new_database()
    addresses = [f"127.0.0.1:{node.component_port}" for node in own_cluster.nodes]
    pair = []
    for _ in range(2):
        way = Between(postgres.port, b"nothing is looked for")
        await way.start()
        relay = relays(
            own_cluster.a,
            component={"server": None, "servers": addresses},
            journal=database.journal(tmp_path / "journal.key", way.port),
            relay={"window": "10m"},
            log={"level": "info"},
        )
        relay.way = way
        pair.append(relay)
    first, second = pair
    await first.launch()
    await took_over(first)
    await second.launch()
    await second.process.says(STANDS_BY)
    yield pair
    for relay in pair:
        relay.way.go_on()
        relay.process.signal(signal.SIGCONT)
        if relay.process.running:
            await relay.stop()
        await relay.way.stop()


class People:
    """On one node; invited to rooms that are there already."""

    def __init__(self, stage, alice, bob, rooms):
        self.stage, self.alice, self.bob, self.rooms = stage, alice, bob, rooms
        self.addressed, self.handed_over = [], []

    def invite(self):
        """Both ways, each to one room."""
        handed_over, addressed = self.rooms.pop(), self.rooms.pop()
        self.alice.invite(handed_over, self.bob.bare)
        self.alice.invite(addressed, self.stage.relay_address(self.bob.bare))
        self.handed_over.append(handed_over)
        self.addressed.append(addressed)
        return handed_over, addressed

    async def arrive(self, strictly=True):
        """In the inviter's name; `strictly`: also what was handed over, and not by the room."""
        handed_over, addressed = self.invite()
        assert (await self.bob.expect(direct_invitation(addressed), within=SOON)).get("from") == self.alice.bare
        direct, native = direct_invitation(handed_over), native_invitation(handed_over)
        either = Wanted(f"{direct} or {native}", lambda it: direct(it) or not strictly and native(it))
        assert (await self.bob.expect(either, within=SOON)).get("from") in (self.alice.bare, handed_over)

    async def account(self, relay):
        """All that was handed over arrived, and all that was journaled. Returns what is to be told."""
        records = {record["room"]: record for record in await relay.settled(0, "--limit", "1000000")}
        lost, twice, by_the_room = [], 0, 0
        for room in self.addressed:
            came = len(self.bob.received(direct_invitation(room)))
            twice += came > 1
            if not came:
                assert room not in records, f"in the journal, and not delivered: {records[room]}"
                lost.append(room)
        for room in self.handed_over:
            direct, native = len(self.bob.received(direct_invitation(room))), len(self.bob.received(native_invitation(room)))
            if not direct + native:
                native = bool(await self.bob.expect(native_invitation(room), within=SOON))
            twice += direct + native > 1
            by_the_room += bool(native)
        total = len(self.addressed) + len(self.handed_over)
        return len(lost), twice, f"of {total}: {twice} came twice, {by_the_room} by their rooms, {len(lost)} lost: sent to a relay that failed, or to none"


async def people_of(stage, rooms):
    alice, bob = await stage.people("alice", "bob")
    # Before: while a node hangs, ejabberd makes none until that counts as down.
    return People(stage, alice, bob, [await alice.create_room(stage.room()) for _ in range(rooms)])


async def took_over(relay):
    """And is connected to both nodes."""
    await relay.process.says(LEADS, within=60)
    for _ in range(2):
        await relay.connected()


@pytest.mark.parametrize(
    "how, dies",
    [("kill", 1), *(pytest.param(*it, marks=ON_DEMAND) for it in (("kill", 0), ("hang", 0), ("hang", 1)))],
    ids=["kill b", "kill a", "hang a", "hang b"],
)
async def test_a_node_dies(own_cluster, stage_on, pair, how, dies, note):
    """The leader goes on by the other one, and nobody takes over."""
    first, second = pair
    gone, stays = own_cluster.nodes[dies], own_cluster.nodes[1 - dies]
    people = await people_of(stage_on(stays), 8)
    await people.arrive()

    await gone.kill() if how == "kill" else gone.hang()

    await people.arrive(strictly=False)
    await people.arrive(strictly=False)
    await stays.sees(within=3 * NODE_DOWN)
    await people.arrive()
    if how == "hang":
        gone.go_on()
    lost, _, told = await people.account(first)
    note(told)
    assert lost == 0
    assert LEADS not in second.log and "gives the lead up" not in first.log


async def kill(first, second):
    await first.kill()
    await took_over(second)
    first.prepare_again()
    await first.launch()


async def hang(first, second):
    first.process.signal(signal.SIGSTOP)
    begun = time.monotonic()
    await took_over(second)
    await asyncio.sleep(max(0, begun + (30 if ROUNDS else 0) - time.monotonic()))
    first.process.signal(signal.SIGCONT)


async def cut_off(first, second):
    first.way.hang()
    await took_over(second)
    first.way.go_on()


async def stop(first, second):
    await first.stop()
    await took_over(second)
    first.prepare_again()
    await first.launch()


FAULTS = [kill, hang, cut_off, stop]


async def fails(people, fault, first, second):
    """Returns how many may be lost: what was sent to a relay that was killed, or while none was connected."""
    stream = asyncio.create_task(streaming(people))
    await asyncio.sleep(0.1)
    await fault(first, second)
    await stream
    await first.process.says(STANDS_BY, within=60)
    if fault not in (hang, cut_off):
        return STREAM
    # It hands on what it had read.
    for room in people.addressed:
        if not people.bob.received(direct_invitation(room)):
            await people.bob.expect(direct_invitation(room), within=SOON)
    return 0


async def streaming(people):
    for _ in range(STREAM):
        people.invite()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "fault", [hang, *(pytest.param(it, marks=ON_DEMAND) for it in (kill, cut_off, stop))], ids=lambda fault: fault.__name__
)
async def test_the_leader(own_cluster, stage_on, pair, fault, note):
    first, second = pair
    people = await people_of(stage_on(own_cluster.b), 2 * STREAM + 4)
    await people.arrive()

    may_be_lost = await fails(people, fault, first, second)

    await people.arrive()
    lost, twice, told = await people.account(second)
    note(told)
    assert lost <= may_be_lost
    assert twice <= 2 * STREAM


@ON_DEMAND
async def test_many_faults(own_cluster, stage_on, pair, note):
    note(f"LEAD_SEED={SEED}")
    chance = random.Random(SEED)
    first, second = pair
    for number in range(ROUNDS):
        people = await people_of(stage_on(chance.choice(own_cluster.nodes)), 2 * STREAM + 4)
        await people.arrive()
        fault = chance.choice(FAULTS)
        may_be_lost = await fails(people, fault, first, second)
        await people.arrive()
        lost, twice, told = await people.account(second)
        note(f"{number} {fault.__name__}: {told}")
        assert lost <= may_be_lost
        first, second = second, first
