"""A server with a second machine that is started when the first one has gone: a relay goes with it, and the journal is in PostgreSQL.

Both machines are one here: the second server is another process, with the same data and ports of its own, and the second relay has
its own control socket. No client and no relay of one machine reaches the other's server.
"""

import asyncio
import time

import pytest

from support.server import Setup
from support.stage import Stage
from support.stanzas import direct_invitation

pytestmark = [pytest.mark.one_of_each_make("prosody"), pytest.mark.xdist_group("postgres")]

TAKES_OVER = 14
"""Seconds: the lead of a relay that was killed has ended, and the server has started."""


@pytest.fixture
def setup():
    return Setup(hand_over=5)


class Machine:
    """A server and its relay."""

    def __init__(self, server, relay):
        self.server = server
        self.relay = relay
        self.stage = Stage(server)

    async def start(self, relay=True):
        await asyncio.gather(self.server.start(), *([self.relay.launch()] if relay else []))


@pytest.fixture
async def first(own_server, relays, database, tmp_path):
    machine = Machine(own_server, relays(own_server, journal=database.journal(tmp_path / "journal.key"), relay={"window": "1h"}))
    await machine.relay.start()
    yield machine
    await machine.stage.empty()


@pytest.fixture
async def second(first, relays, database, tmp_path, shows):
    """Not started yet."""
    server = type(first.server)(first.server.setup, first.server.directory)
    machine = Machine(server, relays(server, journal=database.journal(tmp_path / "journal.key"), relay={"window": "1h"}))
    yield machine
    await machine.stage.empty()
    if machine.relay.process.running:
        await machine.relay.stop()
    if server.process and server.process.running:
        await server.stop()


async def people(machine, *accounts):
    return [await machine.stage.log_in(account) for account in accounts]


async def invited(inviter, contact, room):
    inviter.invite(room, contact.bare)
    assert (await contact.expect(direct_invitation(room))).get("from") == inviter.bare


@pytest.mark.parametrize("stands_by", [False, True], ids=["started with it", "stands by"])
async def test_the_machine_dies(first, second, stands_by, note):
    accounts = [await first.stage.account(name) for name in ("alice", "bob")]
    alice, bob = await people(first, *accounts)
    tea, cake = first.stage.room("tea"), first.stage.room("cake")
    await alice.create_room(tea)
    await invited(alice, bob, tea)
    await first.relay.settled(1)
    if stands_by:
        await second.relay.launch()
        await second.relay.process.says("stands by: ")

    await asyncio.gather(first.server.kill(), first.relay.kill())
    begun = time.monotonic()
    await second.start(relay=not stands_by)
    await second.relay.connected()
    took = time.monotonic() - begun

    note(f"the machine dies, the relay of the second one {'stands by' if stands_by else 'is started with it'}: {took:.1f} s")
    assert took < TAKES_OVER
    alice, bob = await people(second, *accounts)
    await alice.create_room(tea)
    alice.invite(tea, bob.bare)
    await alice.create_room(cake)
    await invited(alice, bob, cake)
    # What the first one has sent is not sent again.
    states = [record["state"] for record in await second.relay.settled(3)]
    assert sorted(states) == ["relayed", "relayed", "suppressed"]


@pytest.mark.parametrize("relay_stops", [True, False], ids=["its relay stops", "its relay goes on"])
async def test_the_server_dies(first, second, relay_stops, note):
    """And the second machine is started. A relay that stays behind has no server, and gives the lead up for that."""
    accounts = [await first.stage.account(name) for name in ("alice", "bob")]
    await first.server.kill()
    begun = time.monotonic()
    if relay_stops:
        await first.relay.stop()
    await second.start()
    await second.relay.connected()
    took = time.monotonic() - begun

    note(f"the server dies, its relay {'stops' if relay_stops else 'goes on'}, the second machine is started: {took:.1f} s")
    alice, bob = await people(second, *accounts)
    tea = second.stage.room("tea")
    await alice.create_room(tea)
    await invited(alice, bob, tea)
    assert [record["state"] for record in await second.relay.settled(1)] == ["relayed"]
    if not relay_stops:
        await first.relay.process.says("it gives the lead up to")
