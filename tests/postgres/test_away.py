"""PostgreSQL goes away in the middle of a stream of invitations: the relay goes on by itself, and nothing is lost.

It is not told of the invitations that arrive twice: what was sent is in the relay's memory, so none does unless the relay
is killed as well.
"""

import asyncio
import itertools

import pytest

from postgres.stream import Stream
from support import clock
from support.between import SIDES, Between
from support.feed import WITHIN
from support.process import Process
from support.scripted import Scripted
from support.server import Setup

pytestmark = pytest.mark.xdist_group("postgres")

PART = 100
"""Invitations before, during and after what happens."""

PAUSE, BLACK_HOLE = 8, 20
"""Seconds: less than the relay waits for a transaction, and more."""

CUTS = 20

COMMITTED = rb"C\x00\x00\x00\x0bCOMMIT\x00"
"""The answer to COMMIT (CommandComplete)."""


@pytest.fixture
async def relay(scripted, relays, journal):
    relay = relays(scripted, journal=journal, log={"level": "info"})
    await relay.start()
    return relay


@pytest.fixture
def stream(scripted, relay):
    return Stream(scripted, relay)


@pytest.fixture
async def through(tmp_path, relays):
    """Makes relays whose ways to PostgreSQL can be closed."""
    made = []

    async def through(scripted, database, ways):
        between = [Between(database.server.port, COMMITTED) for _ in range(ways)]
        for way in between:
            await way.start()
        made.extend(between)
        journal = database.journal(tmp_path / "journal.key", *(way.port for way in between))
        relay = relays(scripted, journal=journal, log={"level": "info"})
        await relay.start()
        return relay, between

    yield through
    for between in made:
        between.go_on()


@pytest.mark.parametrize("crash", [False, True], ids=["restarted", "killed"])
async def test_postgres_is(postgres, stream, crash):
    await stream.delivered(*stream.send(PART))
    # Some are in the relay, some on their way, and some come while there is no server.
    first = stream.send(PART)
    await stream.delivered(first[0])
    await (postgres.kill() if crash else postgres.stop())
    stream.send(PART)
    await stream.relay.process.says("the journal can't be written")
    assert "can't be written" in (await healthy(stream.relay))
    await postgres.start()
    await stream.relay.process.says("relaying goes on")

    stream.send(PART)

    assert await stream.arrives() == 0
    assert "alive" in await healthy(stream.relay)


async def test_the_relay_is_killed_while_postgres_is_away(scripted, postgres, stream, note):
    """What was confirmed, and could not be written down any more, comes again under the same id."""
    scripted.answers_pings = False
    await stream.delivered(*stream.send(PART))
    await postgres.kill()
    scripted.answer_all()
    await stream.relay.process.says("the journal can't be written")
    await stream.relay.kill()
    await postgres.start()
    await stream.relay.start_again()
    # While it picks up what was under way, it gives back what is handed over.
    await stream.relay.settled(PART, "--limit", "1000")

    stream.send(PART)

    again = await stream.arrives()
    note(f"{again} of {len(stream.contacts)} arrived again; {PART} were unconfirmed")
    assert again <= PART


REFUSALS = {
    "too many connections": ("ALTER ROLE relay CONNECTION LIMIT 0", "ALTER ROLE relay CONNECTION LIMIT -1"),
    "permission denied": ("REVOKE INSERT ON pending FROM relay", "GRANT INSERT ON pending TO relay"),
    "not currently accepting connections": (
        "UPDATE pg_database SET datallowconn = false WHERE datname = '{name}'",
        "UPDATE pg_database SET datallowconn = true WHERE datname = '{name}'",
    ),
}
"""What makes it refuse, and what ends that, by what it says in its log."""


@pytest.mark.parametrize("why", REFUSALS)
async def test_postgres_refuses(database, stream, why):
    refuse, end = (statement.format(name=database.name) for statement in REFUSALS[why])
    await stream.delivered(*stream.send(PART))
    first = stream.send(PART)
    await stream.delivered(first[0])
    where = "postgres" if "pg_database" in refuse else database.name
    await database.server.sql(refuse, where)
    sessions = f"FROM pg_stat_activity WHERE datname = '{database.name}' AND usename = 'relay'"
    await database.server.sql(f"SELECT pg_terminate_backend(pid) {sessions}")
    stream.send(PART)
    await database.server.process.says(why)
    assert "can't be written" in await healthy(stream.relay)
    await database.server.sql(end, where)
    await stream.relay.process.says("relaying goes on")

    stream.send(PART)

    assert await stream.arrives() == 0


async def healthy(relay):
    process = await asyncio.create_subprocess_exec(*relay.argv("healthy"), stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


async def test_postgres_hangs(postgres, stream):
    """Then its own patience with a transaction may be over, and the relay's is not."""
    await stream.delivered(*stream.send(PART))
    first = stream.send(PART)
    await stream.delivered(first[0])
    postgres.pause()
    stream.send(PART)
    await asyncio.sleep(PAUSE)
    postgres.resume()

    stream.send(PART)

    assert await stream.arrives() == 0
    assert "has not answered" not in stream.relay.log


async def test_what_was_ordered_meanwhile(scripted, postgres, relays, journal):
    """Operators are told that it may be done later, and it is."""
    relay = relays(scripted, journal=journal, log={"level": "info"})
    # It has a minute for an order.
    relay.env.update(clock.faster(20))
    await relay.start()
    await postgres.stop()

    order = Process("muc-invite-relay", relay.argv("block", "evil.example"))
    await order.start()
    assert await order.ends() == 1
    await order.says("It is not known whether this is done")

    await postgres.start()
    await relay.process.says("relaying goes on")
    assert await relay.command("blocks") == "evil.example\n"


async def test_the_way_is_bad(tmp_path, postgres, through):
    """In five manners, each with a relay, an XMPP server and a database of its own: side by side, since most of the time is
    waiting."""

    async def play(number, scene, ways=1):
        server = Scripted(Setup(), tmp_path / f"scripted-{number}")
        await server.start()
        relay, between = await through(server, await postgres.new_database(), ways)
        stream = Stream(server, relay)
        await scene(stream, *between)
        assert await stream.arrives() == 0, scene
        await relay.stop()
        await server.kill()

    scenes = [vanish(*SIDES), vanish("relay"), vanish("server"), answers_to_commit_are_lost]
    playing = [play(number, scene) for number, scene in enumerate(scenes)]
    await asyncio.gather(*playing, play(len(scenes), one_of_two_vanishes, ways=2))


def vanish(*sides):
    """What comes from there does, for longer than the relay waits. In the end what it had given up arrives after all."""

    async def scene(stream, between):
        said = stream.relay.process.says
        await stream.delivered(*stream.send(PART))
        first = stream.send(PART)
        await stream.delivered(first[0])
        between.hang(*sides)
        stream.send(PART)
        await asyncio.gather(asyncio.sleep(BLACK_HOLE), said("can't be written", within=BLACK_HOLE))
        between.go_on()
        await said("relaying goes on")

        stream.send(PART)

    return scene


async def one_of_two_vanishes(stream, first, second):
    """The session that leads hangs, and the server does not notice; the other way is fine."""
    await stream.delivered(*stream.send(PART))
    await stream.relay.settled(PART, "--limit", "1000")
    first.hang()
    stream.send(PART)
    await stream.relay.process.says("relaying goes on")
    assert second.is_connected
    # Commands would try the first way first.
    first.go_on()


async def answers_to_commit_are_lost(stream, between):
    """In each part of the stream another one: those of admissions, claims and settlements."""
    for number in range(CUTS):
        cut = asyncio.Event()
        between.cuts = cuts_after(number % 3, cut)
        await stream.delivered(*stream.send(10))
        async with asyncio.timeout(WITHIN):
            await cut.wait()


def cuts_after(passed, cut):
    """So many answers pass, and the next one does not."""
    yield from itertools.repeat(False, passed)
    cut.set()
    yield True
