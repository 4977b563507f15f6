"""The disk is full, the database is locked: nothing more is taken in, the log says what to do, and it goes on by itself."""

import sqlite3

import pytest

from faults.crowd import all_arrive, invite
from faults.disk import MEGABYTE
from support import clock
from support.ports import free_port
from support.web import Web


class Lock:
    """Another process at the database, in the middle of a change."""

    def __init__(self, path):
        self._db = sqlite3.connect(path, isolation_level=None)

    def take(self):
        self._db.execute("BEGIN EXCLUSIVE")

    def give_up(self):
        self._db.execute("ROLLBACK")
        self._db.close()


async def nothing_more_is_taken(scripted, relay):
    """Far more than may wait in memory: most of it stays with the server, and the link stays up."""
    contacts = invite(scripted, 4000, "dave", reason="Come & talk. " * 100)
    await relay.process.says("Nothing is taken in until it can")
    assert scripted.unsent > MEGABYTE
    assert scripted.connections == 1
    return contacts


@pytest.fixture
def relay_on(disk, scripted, relays, config):
    """A relay whose journal lies on the small disk."""
    return relays(scripted, **config, journal={"path": str(disk.directory / "journal.db")})


async def test_the_disk_is_full(disk, scripted, relay_on):
    relay = relay_on
    await relay.start()
    contacts = invite(scripted, 20)
    await all_arrive(scripted, relay, contacts)

    disk.fill()
    contacts += await nothing_more_is_taken(scripted, relay)
    assert "The disk is full: free some space" in relay.log
    disk.free()

    await relay.process.says("the journal can be written again")
    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1


async def test_the_disk_is_full_when_it_is_confirmed(disk, scripted, relay_on):
    """Sent, taken, and no room to note it."""
    relay = relay_on
    await relay.start()
    scripted.answers_pings = False
    contacts = invite(scripted, 200)
    await scripted.delivered(*contacts)
    disk.fill()
    scripted.answer_all()

    await relay.process.says("The disk is full: free some space")
    disk.free()

    assert await all_arrive(scripted, relay, contacts) == 0


async def test_killed_on_a_full_disk(disk, scripted, relay_on):
    relay = relay_on
    await relay.start()
    scripted.answers_pings = False
    contacts = invite(scripted, 200)
    await scripted.delivered(*contacts)
    disk.fill()
    scripted.answer_all()
    await relay.process.says("The disk is full: free some space")

    await relay.kill()
    relay.prepare_again()
    await relay.launch()
    await relay.process.says("isk is full")
    disk.free()
    try:
        await relay.connected()
    except AssertionError:
        # It may end over it, now or a moment later.
        await relay.process.ends()
        await relay.start_again()

    assert await all_arrive(scripted, relay, contacts) == 200


@pytest.fixture
async def fast(scripted, relays, config):
    """A relay for which time flies: it waits 5 s for a lock before it complains."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(5))
    await relay.start()
    return relay


async def test_the_database_is_locked(scripted, fast):
    contacts = invite(scripted, 20)
    await all_arrive(scripted, fast, contacts)
    lock = Lock(fast.journal)

    lock.take()
    contacts += await nothing_more_is_taken(scripted, fast)
    assert "Another process holds the database: let it finish, or stop it" in fast.log
    lock.give_up()

    await fast.process.says("the journal can be written again")
    assert await all_arrive(scripted, fast, contacts) == 0
    assert scripted.connections == 1


async def test_stopped_while_the_database_is_locked(scripted, fast):
    """It can't wait for ever; what it has not taken in is the server's, what it has is settled after the next start."""
    lock = Lock(fast.journal)
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    lock.take()
    scripted.answer_all()

    assert await fast.process.stop(within=20) == 0
    lock.give_up()
    await fast.start_again()

    await all_arrive(scripted, fast, contacts)


async def test_locked_at_the_start(scripted, fast):
    contacts = invite(scripted, 20)
    await all_arrive(scripted, fast, contacts)
    lock = Lock(fast.journal)
    await fast.stop()
    lock.take()

    await fast.start_again()
    more = invite(scripted, 20, "carol")
    await fast.process.says("Another process holds the database: let it finish, or stop it")
    lock.give_up()

    assert await all_arrive(scripted, fast, contacts + more) == 0


async def test_whoever_watches_is_told(disk, scripted, relays, config):
    web = Web(free_port())
    listen = {"listen": f"127.0.0.1:{web.port}"}
    relay = relays(scripted, **config, journal={"path": str(disk.directory / "journal.db")}, metrics=listen)
    await relay.start()
    assert (await web.get("/readyz")).status == 200

    disk.fill()
    contacts = invite(scripted, 20)
    told = await web.until("/readyz", 503)
    assert "the journal can't be written" in told.text
    assert "The disk is full: free some space" in told.text
    assert (await web.metrics())["muc_invite_relay_journal_writable"] == 0
    disk.free()

    await web.until("/readyz", 200)
    assert await all_arrive(scripted, relay, contacts) == 0
    assert (await web.metrics())["muc_invite_relay_journal_writable"] == 1
