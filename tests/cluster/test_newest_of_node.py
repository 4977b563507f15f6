"""The newest connection of the component wins on its node; those of other nodes stay."""

import asyncio

import pytest

from support.raw import RawComponent
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.needs("cluster")


async def test_each_node_keeps_its_newest_and_its_privileges(cluster, stage_on, scripted):
    on_a, on_b = stage_on(cluster.a), stage_on(cluster.b)
    [alice], [bob] = await on_a.people("alice"), await on_b.people("bob")
    room = await bob.create_room(on_b.room())
    at_a = await (await scripted(cluster.a)).granted()
    old = await RawComponent(cluster.b.component, cluster.b.secret, cluster.b.component_port).connect()

    at_b = await (await scripted(cluster.b)).granted()

    await old.hears(rb"<conflict")
    for number in range(20):
        bob.invite(room, on_b.relay_address(alice.bare))
        await at_b.expect(native_invitation(room))
        for relay, inviter, contact in [(at_a, alice, bob), (at_b, bob, alice)]:
            at = on_a.room()
            relay.invite_as(inviter.bare, contact.bare, at, f"{number}")
            assert (await contact.expect(direct_invitation(at))).get("from") == inviter.bare
    assert not at_a.received(native_invitation(room))


async def test_an_old_connection_on_a_node_that_hangs_holds_nobody_up(own_cluster, stage_on, scripted):
    """It is none of this node's."""
    a, b = own_cluster.nodes
    on_b = stage_on(b)
    bob, carol = await on_b.people("bob", "carol")
    await scripted(a)
    before = await RawComponent(b.component, b.secret, b.component_port).connect()
    a.hang()
    await b.sees(within=20)

    async with asyncio.timeout(2):
        after = await (await scripted(b)).granted()

    await before.hears(rb"<conflict")
    room = on_b.room()
    after.invite_as(bob.bare, carol.bare, room, "1")
    assert (await carol.expect(direct_invitation(room))).get("from") == bob.bare
