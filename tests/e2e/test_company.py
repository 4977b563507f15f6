"""Another connection with the component's name: it takes the relay's place, its answers, or what it was granted."""

import time

import pytest

from support import clock
from support.checking import check
from support.ports import free_port
from support.server import Setup
from support.stanzas import direct_invitation
from support.web import Web

OUSTED = "another relay connects with the same component.jid and takes this one's place"
SHARED = "answers of the server do not come back"
RENEWED = "has taken back what it had granted: connecting again"


@pytest.fixture
def web():
    return Web(free_port())


# ejabberd replaces an older connection if it has the module.
@pytest.mark.parametrize("setup", [Setup(hand_over=60)], ids=["hand-over"])
async def test_two_relays_do_not_fight(own_stage, relays, web):
    first = relays(own_stage.server, metrics={"listen": f"127.0.0.1:{web.port}"})
    second = relays(own_stage.server)
    first.env.update(clock.faster(30))
    await first.start()
    await second.start()

    await first.process.says(OUSTED)
    assert OUSTED in (await web.until("/readyz", 503)).text
    alice, bob = await own_stage.people("alice", "bob")
    tea, coffee = [await alice.create_room(own_stage.room(name)) for name in ("tea", "coffee")]
    alice.invite(tea, own_stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))

    # The first one comes back after minutes, which are seconds for it, and the other one waits its minutes.
    await first.connected()
    await second.process.says(OUSTED)
    assert OUSTED in (await web.get("/readyz")).text
    alice.invite(coffee, own_stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(coffee))
    assert [relay.log.count("link is up") for relay in (first, second)] == [2, 1]
    assert first.log.count(OUSTED) == 1


@pytest.mark.needs("several-connections")
@pytest.mark.parametrize("noticed", [False, True], ids=["for a moment", "until it is noticed"])
async def test_what_another_connection_takes_along_is_had_back(own_stage, relays, noticed):
    """Soon after it has ended, for however long it was there."""
    relay = relays(own_stage.server)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    rooms = [await alice.create_room(own_stage.room(name), members_only=True) for name in ("tea", "coffee")]

    other = await own_stage.stand_in()
    if noticed:
        await relay.process.says(SHARED, within=60)
        # Once in a hundred times, chance gives it all answers but those that it looks for, and it connects again.
        while RENEWED in relay.log:
            await other.disconnect()
            await relay.stop()
            relay = relays(own_stage.server)
            await relay.start()
            other = await own_stage.stand_in()
            await relay.process.says(SHARED, within=60)
    await other.disconnect()
    if noticed:
        checked = await check(relay)
        assert checked.state("messages") == "failed" or RENEWED in relay.log
    alice.invite(rooms[0], own_stage.relay_address(bob.bare))

    assert (await bob.expect(direct_invitation(rooms[0]), within=15)).get("from") == alice.bare
    await relay.connected()
    assert relay.log.count(RENEWED) == 1
    alice.invite(rooms[1], own_stage.relay_address(bob.bare))
    assert (await bob.expect(direct_invitation(rooms[1]))).get("from") == alice.bare
    records = await relay.settled(2)
    assert {(record["state"], record["sent_as"]) for record in records} == {("relayed", alice.bare)}


@pytest.mark.needs("several-connections")
async def test_another_connection_is_noticed(own_stage, relays, web):
    relay = relays(own_stage.server, metrics={"listen": f"127.0.0.1:{web.port}"})
    relay.env.update(clock.faster(10))
    await relay.start()
    assert (await web.get("/readyz")).text == "ready\n"

    await own_stage.stand_in()

    await relay.process.says(SHARED, within=60)
    assert SHARED in (await web.until("/readyz", 503)).text


async def test_the_first_invitation_waits_for_nothing(own_stage, relays):
    """Of three relays that start, the quickest: a machine may stand still for a second."""
    alice, bob = await own_stage.people("alice", "bob")
    took = []
    for _ in range(3):
        relay = relays(own_stage.server)
        room = await alice.create_room(own_stage.room(), members_only=True)
        await relay.start()
        begun = time.monotonic()
        alice.invite(room, own_stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))
        took.append(time.monotonic() - begun)
        await relay.stop()
    assert min(took) < 1.5, took
