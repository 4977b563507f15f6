"""What the fixture itself promises: accounts and rooms of one node are there for the other, and nodes come and go."""

import pytest

from support.cluster import NODE_DOWN

pytestmark = [pytest.mark.needs("cluster"), pytest.mark.one_of_each_make]


async def test_a_node_that_was_killed_comes_back(own_cluster, stage_on):
    a, b = own_cluster.nodes
    on_a, on_b = stage_on(a), stage_on(b)
    alice, bob = (await on_a.people("alice"))[0], (await on_b.people("bob"))[0]
    room = await alice.create_room(on_a.room(), members_only=True)
    await alice.set_affiliation(room, bob.bare, "member")

    await a.kill()
    await b.sees()
    assert (await bob.join(room)).get("type") is None

    await a.start()
    await a.sees(b)
    await b.sees(a)
    alice = await on_a.log_in(alice.bare)
    assert (await alice.join(room)).get("type") is None


async def test_a_node_that_hangs_counts_as_down_after_a_while(own_cluster, stage_on):
    a, b = own_cluster.nodes
    on_a, on_b = stage_on(a), stage_on(b)
    [alice] = await on_a.people("alice")
    [bob] = await on_b.people("bob")

    # For a moment: nobody has noticed.
    a.hang()
    await bob.passed(b.host)
    a.go_on()
    await alice.passed(bob.full)

    a.hang()
    await b.sees(within=2 * NODE_DOWN)
    await bob.passed(b.host)
