"""Two relays with one journal: one works, the other one stands by and takes over. Whatever happens to the one that led, nothing of it is
written or sent after that, and an invitation in the inviter's name arrives."""

import asyncio
import signal
import time

import pytest

from support.between import Between
from support.server import Setup
from support.stanzas import direct_invitation

pytestmark = [pytest.mark.one_of_each_make, pytest.mark.xdist_group("postgres")]

TAKES_OVER = 7
"""Seconds, of a leader that was killed, hangs, or is cut off."""

LEADS = "this relay leads"


@pytest.fixture
def setup():
    return Setup(hand_over=5)


@pytest.fixture
async def between(postgres):
    """The way from the first relay to the database."""
    between = Between(postgres.port, b"nothing is looked for")
    await between.start()
    yield between
    between.go_on()
    await between.stop()


@pytest.fixture
async def pair(server, relays, database, tmp_path, between):
    """One that leads, and one that stands by."""
    key = tmp_path / "journal.key"
    first = relays(server, journal=database.journal(key, between.port), relay={"window": "10m"})
    second = relays(server, journal=database.journal(key), relay={"window": "10m"})
    await first.start()
    await second.launch()
    await second.process.says("stands by: ")
    yield first, second
    first.process.signal(signal.SIGCONT)
    # While the way to the database is there.
    for relay in (second, first):
        if relay.process.running:
            await relay.stop()


async def invited(stage, alice, bob, room):
    """Both ways; each arrives in the inviter's name."""
    alice.invite(room, stage.relay_address(bob.bare))
    assert (await bob.expect(direct_invitation(room))).get("from") == alice.bare


async def people(stage):
    alice, bob = await stage.people("alice", "bob")
    return alice, bob, [await alice.create_room(stage.room()) for _ in range(4)]


async def took_over(relay, begun):
    """How long that took, in seconds."""
    await relay.process.says(LEADS, within=60)
    await relay.process.says("link is up")
    return time.monotonic() - begun


async def test_the_leader_is_stopped(stage, pair, note):
    first, second = pair
    alice, bob, rooms = await people(stage)
    await invited(stage, alice, bob, rooms[0])
    await first.settled(1)

    begun = time.monotonic()
    await first.stop()
    took = await took_over(second, begun)

    note(f"a leader that stops: {took:.1f} s")
    await invited(stage, alice, bob, rooms[1])
    assert [record["state"] for record in await second.settled(2)] == ["relayed", "relayed"]
    assert took < TAKES_OVER


@pytest.mark.parametrize("what", ["killed", "hangs", "is cut off"])
async def test_the_leader(stage, pair, between, what, note):
    first, second = pair
    alice, bob, rooms = await people(stage)
    await invited(stage, alice, bob, rooms[0])
    await first.settled(1)

    begun = time.monotonic()
    match what:
        case "killed":
            await first.kill()
        case "hangs":
            first.process.signal(signal.SIGSTOP)
        case "is cut off":
            between.hang()
    if what != "killed":
        # The server takes it to have this one.
        alice.invite(rooms[3], stage.relay_address(bob.bare))
    took = await took_over(second, begun)

    note(f"a leader that {'is ' if what == 'killed' else ''}{what}: {took:.1f} s")
    assert took < 2 * TAKES_OVER
    await invited(stage, alice, bob, rooms[1])
    if what == "hangs":
        first.process.signal(signal.SIGCONT)
    between.go_on()
    if what != "killed":
        await first.process.says("another relay has taken the lead", within=30)
        await first.process.says("stands by: ")
        assert "stands by: " in await first.command("healthy")
        assert (await bob.expect(direct_invitation(rooms[3]))).get("from") == alice.bare
    await invited(stage, alice, bob, rooms[2])
    count = 3 if what == "killed" else 4
    assert [record["state"] for record in await second.settled(count)] == ["relayed"] * count


@pytest.mark.one_of_each_make("ejabberd")
async def test_postgres_is_restarted(stage, postgres, pair):
    """Nobody takes over for that."""
    first, second = pair
    alice, bob, rooms = await people(stage)
    await postgres.restart()
    await invited(stage, alice, bob, rooms[0])
    await first.settled(1)
    assert LEADS not in second.log


@pytest.mark.one_of_each_make("ejabberd")
async def test_both_start_at_once(stage, server, relays, database, tmp_path):
    key = tmp_path / "journal.key"
    both = [relays(server, journal=database.journal(key)) for _ in range(2)]
    await asyncio.gather(*(relay.launch() for relay in both))
    alice, bob, rooms = await people(stage)

    async def is_settled(relay):
        await asyncio.wait([asyncio.ensure_future(relay.process.says(text)) for text in ("link is up", "stands by: ")], return_when=asyncio.FIRST_COMPLETED)

    await asyncio.gather(*map(is_settled, both))
    await invited(stage, alice, bob, rooms[0])
    assert sorted(LEADS in relay.log for relay in both) == [False, True]


@pytest.mark.one_of_each_make("ejabberd")
async def test_one_without_a_link_gives_the_lead_up(stage, server, relays, database, tmp_path):
    key = tmp_path / "journal.key"
    first = relays(server, journal=database.journal(key), component={"server": "127.0.0.1:9"})
    second = relays(server, journal=database.journal(key))
    await first.launch()
    await first.process.says(LEADS)
    await second.launch()
    await second.process.says("stands by: ")

    await second.process.says(LEADS, within=30)

    await first.process.says("it gives the lead up to")
    alice, bob, rooms = await people(stage)
    await invited(stage, alice, bob, rooms[0])
