"""When a room of a cluster sends its own invitation: once no connection is left that may have been asked."""

from datetime import UTC, datetime

import pytest

from support.stanzas import native_invitation

pytestmark = pytest.mark.needs("cluster")

AT_ONCE = 1
"""Seconds that the room's own invitation takes after the connection that was asked has ended."""


async def test_the_end_of_a_connection_that_was_not_asked_changes_nothing(cluster, stage_on, scripted):
    on_a, on_b = stage_on(cluster.a), stage_on(cluster.b)
    [alice], [bob, carol, dave] = await on_a.people("alice"), await on_b.people("bob", "carol", "dave")
    of_a, of_b = await alice.create_room(on_a.room()), await bob.create_room(on_b.room())
    at_a, at_b = await scripted(cluster.a), await scripted(cluster.b)

    bob.invite(of_b, carol.bare)
    asked = await at_b.handed_over(of_b)
    alice.invite(of_a, dave.bare)
    await at_a.handed_over(of_a)
    at_a.cut()

    # What that end does, it has done.
    await dave.expect(native_invitation(of_a), within=AT_ONCE)
    for node in cluster.nodes:
        await carol.passed(node.host)
    assert not carol.received(native_invitation(of_b))
    at_b.accept(asked)
    assert await at_b.fate(asked.id) == ("taken", None)


async def test_the_end_of_the_one_that_was_asked_is_enough(cluster, stage_on, scripted):
    on_a, on_b = stage_on(cluster.a), stage_on(cluster.b)
    bob, carol = await on_b.people("bob", "carol")
    room = await bob.create_room(on_b.room())
    at_a, at_b = await scripted(cluster.a), await scripted(cluster.b)

    bob.invite(room, carol.bare)
    await at_b.handed_over(room)
    at_b.cut()
    await carol.expect(native_invitation(room), within=AT_ONCE)

    # From now on it is the other one.
    bob.invite(room, carol.bare)
    await at_a.handed_over(room)
    at_a.cut()
    await carol.expect(native_invitation(room), within=AT_ONCE)
    assert len(carol.received(native_invitation(room))) == 2


async def asked_elsewhere(cluster, stage_on, scripted):
    """A room on b hands an invitation over to a connection on a. Returns its contact, the room, and what was handed over."""
    on_b = stage_on(cluster.b)
    bob, carol = await on_b.people("bob", "carol")
    room = await bob.create_room(on_b.room())
    at_a = await scripted(cluster.a)
    bob.invite(room, carol.bare)
    return carol, room, await at_a.handed_over(room)


async def test_the_end_of_its_node_is_enough(own_cluster, stage_on, scripted):
    carol, room, _ = await asked_elsewhere(own_cluster, stage_on, scripted)

    await own_cluster.a.kill()

    await carol.expect(native_invitation(room), within=AT_ONCE)


@pytest.mark.parametrize("timeout", [5])
async def test_a_node_that_hangs_has_until_the_deadline(own_cluster, stage_on, scripted):
    carol, room, handed_over = await asked_elsewhere(own_cluster, stage_on, scripted)

    own_cluster.a.hang()

    await carol.expect(native_invitation(room))
    assert handed_over.deadline < datetime.now(UTC)
