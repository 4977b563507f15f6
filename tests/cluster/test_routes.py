"""Where stanzas for the component go in a cluster: to the connection on the node where they come from, if there is one."""

import pytest

from support.stanzas import native_invitation

pytestmark = pytest.mark.needs("cluster")


async def test_each_node_routes_to_the_connection_on_the_node_of_the_room(cluster, stage_on, scripted):
    on_a, on_b = stage_on(cluster.a), stage_on(cluster.b)
    [alice] = await on_a.people("alice")
    # The same account on the other node, and an account of that one.
    bob = await on_b.log_in(alice.bare, "phone")
    carol = await on_a.account("carol")
    rooms = [await alice.create_room(on_a.room()), await bob.create_room(on_b.room())]
    relays = [await scripted(cluster.a), await scripted(cluster.b)]

    for inviter, room, relay, other in zip([alice, bob], rooms, relays, relays[::-1]):
        for _ in range(20):
            inviter.invite(room, on_a.relay_address(carol))
            await relay.expect(native_invitation(room))
        inviter.invite(room, carol)
        relay.accept(await relay.handed_over(room))
        await other.passed(f"{cluster.a.host}/barrier")
        assert not other.received(native_invitation(room)) and not other.was_handed(room)
