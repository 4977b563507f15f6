"""A machine hangs with the relay that leads and the primary on it: the replica is promoted, and the relay beside that takes over."""

import asyncio
import signal
import time

import pytest

from support.server import Setup
from support.stanzas import direct_invitation

pytestmark = [pytest.mark.one_of_each_make("ejabberd"), pytest.mark.xdist_group("postgres")]

TAKES_OVER = 30
"""Seconds: the one that stands by waits for the server that hangs before it asks the other one."""


@pytest.fixture
def setup():
    return Setup(hand_over=5)


@pytest.fixture
async def synchronous(primary, replica):
    """Commits wait for the replica."""
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await primary.sql("SELECT pg_reload_conf()")
    await primary.until("SELECT sync_state FROM pg_stat_replication", "sync")
    return replica


async def test_the_other_one_takes_over(stage, server, primary, synchronous, relays, database, tmp_path, note):
    key, replica = tmp_path / "journal.key", synchronous
    ports = primary.port, replica.port
    first = relays(server, journal=database.journal(key, *ports))
    # The server of its own machine first.
    second = relays(server, journal=database.journal(key, *ports[::-1]))
    await first.start()
    await second.launch()
    await second.process.says("stands by: ")
    alice, bob = await stage.people("alice", "bob")
    tea, cake = [await alice.create_room(stage.room()) for _ in range(2)]
    alice.invite(tea, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))
    await first.settled(1)

    begun = time.monotonic()
    first.process.signal(signal.SIGSTOP)
    primary.pause()
    try:
        await replica.promote()
        await second.process.says("this relay leads", within=2 * TAKES_OVER)
        await second.connected()
        took = time.monotonic() - begun
        note(f"a machine that hangs with the primary: {took:.1f} s")
        assert took < TAKES_OVER

        alice.invite(cake, stage.relay_address(bob.bare))
        assert (await bob.expect(direct_invitation(cake))).get("from") == alice.bare
        assert [record["state"] for record in await second.settled(2)] == ["relayed", "relayed"]
    finally:
        # What it says to the primary that was is not for the journal.
        await asyncio.gather(first.kill(), second.stop())
