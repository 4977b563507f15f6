"""The connection to the server: refused, lost, taken by another, and found again."""

import pytest

from support.server import Setup
from support.stanzas import direct_invitation


async def test_a_wrong_secret_ends_with_a_remedy(server, relays):
    relay = relays(server, component={"secret": "not the secret"})
    await relay.launch()

    assert await relay.process.ends() == 3
    assert "component.secret" in relay.log
    assert "not the secret" not in relay.log


async def test_an_unknown_host_ends_with_a_remedy(server, relays):
    relay = relays(server, component={"jid": f"nowhere.{server.host}"})
    await relay.launch()

    assert await relay.process.ends() == 3
    assert f"nowhere.{server.host}" in relay.log


async def test_an_invalid_configuration_ends_with_a_remedy(server, relays):
    relay = relays(server, relay={"window": "five bananas"})
    await relay.launch()

    assert await relay.process.ends() == 2
    assert "relay.window" in relay.log
    assert "five bananas" in relay.log


CONFLICT = """
Component "invites.example.test"
    component_conflict_resolve = "kick_new"
"""


@pytest.mark.needs("conflict")
@pytest.mark.parametrize("setup", [Setup(extra=CONFLICT)], ids=["kick_new"])
async def test_a_place_taken_by_another_is_taken_when_it_is_free(stage, relays):
    other = await stage.stand_in()
    relay = relays(stage.server)

    await relay.launch()
    await relay.process.says("conflict")
    await other.disconnect()

    await relay.connected()


async def test_a_server_that_comes_later(own_server, relays):
    await own_server.stop()
    relay = relays(own_server)

    await relay.launch()
    await relay.process.says("no link")
    await own_server.start()

    await relay.connected()


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_server_that_restarts(own_stage, relays, crash):
    server, relay = own_stage.server, relays(own_stage.server)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    tea, coffee = [await alice.create_room(own_stage.room(name)) for name in ("tea", "coffee")]
    alice.invite(tea, own_stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))
    await relay.settled(1)

    await (server.kill() if crash else server.stop())
    await server.start()
    await relay.connected()
    assert "link is down: the server" in relay.log

    # Privileges, membership of the journal and all: as before.
    alice, bob = await own_stage.log_in(alice.bare), await own_stage.log_in(bob.bare)
    for room in (tea, coffee):
        await alice.join(room)
        alice.invite(room, own_stage.relay_address(bob.bare))
    assert (await bob.expect(direct_invitation(coffee))).get("from") == alice.bare
    await relay.settled(3)
    assert not await own_stage.reached(bob, tea)
