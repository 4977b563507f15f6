"""A relay with a connection to each node: what a node that dies or hangs takes along, and what goes on."""

import time

import pytest

from support.feed import Wanted
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.needs("cluster")

SOON = 8
"""Seconds. Without the other connection it would be more than twice that until the relay notices that a node hangs."""


@pytest.fixture
def relay_at(relays):
    """Starts a relay that is connected to both nodes."""

    async def start(cluster):
        addresses = [f"127.0.0.1:{node.component_port}" for node in cluster.nodes]
        relay = relays(cluster.a, component={"server": None, "servers": addresses}, relay={"window": "1s"})
        await relay.start()
        await relay.connected()
        return relay

    return start


async def made(inviter, stage, count=2):
    """Makes rooms."""
    return [await inviter.create_room(stage.room()) for _ in range(count)]


async def invited(inviter, contact, stage, rooms, or_the_room=False):
    """Invites them both ways, each to one of two rooms; each arrives in the inviter's name, which needs the privileges. `or_the_room`: the room may
    deliver its own as well, if the relay is not sure in time."""
    handed_over, addressed = rooms
    inviter.invite(handed_over, contact.bare)
    inviter.invite(addressed, stage.relay_address(contact.bare))
    assert (await contact.expect(direct_invitation(addressed), within=SOON)).get("from") == inviter.bare
    direct, native = direct_invitation(handed_over), native_invitation(handed_over)
    either = Wanted(f"{direct} or {native}", lambda stanza: direct(stanza) or or_the_room and native(stanza))
    arrived = await contact.expect(either, within=SOON)
    assert arrived.get("from") in (inviter.bare, handed_over)


async def test_both_nodes(cluster, stage_on, relay_at):
    relay = await relay_at(cluster)
    on_a, on_b = stage_on(cluster.a), stage_on(cluster.b)
    [alice], [bob] = await on_a.people("alice"), await on_b.people("bob")
    await invited(alice, bob, on_a, await made(alice, on_a))
    await invited(bob, alice, on_b, await made(bob, on_b))
    records = await relay.settled(4)
    assert [record["state"] for record in records] == ["relayed"] * 4


@pytest.mark.parametrize("how, dies", [("kill", 0), ("hang", 0), ("hang", 1)], ids=["kill a", "hang a", "hang b"])
async def test_a_node_dies(own_cluster, stage_on, relay_at, dies, how, note):
    """Also the one whose connection the relay uses, whichever that is."""
    relay = await relay_at(own_cluster)
    gone, stays = own_cluster.nodes[dies], own_cluster.nodes[1 - dies]
    on = stage_on(stays)
    alice, bob = await on.people("alice", "bob")
    await invited(alice, bob, on, await made(alice, on))
    # Before: while a node hangs, ejabberd makes none until that counts as down.
    rooms = await made(alice, on, 6)

    await gone.kill() if how == "kill" else gone.hang()

    took = []
    for first in range(0, 6, 2):
        begun = time.monotonic()
        await invited(alice, bob, on, rooms[first : first + 2], or_the_room=first == 0)
        took.append(f"{time.monotonic() - begun:.1f}")
    note(f"the first invitations after it took {', '.join(took)} s")
    records = await relay.settled(8)
    assert {record["state"] for record in records} <= {"relayed", "handed-back"}
    if how == "hang":
        gone.go_on()
