"""Invitations that can't be delivered on another server. The error goes to the inviter, in whose name they were sent: the
module tells the relay of it."""

import asyncio
import signal

import pytest

from support.feed import WITHIN
from support.ports import free_port
from support.stanzas import direct_invitation
from support.told import told

NOT_DELIVERED = "could not be delivered"


@pytest.mark.parametrize("why", ["unknown", "closed"])
async def test_a_server_that_cannot_be_reached(stage, relay, names, why):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    bob = f"bob@{why}.test"
    if why == "closed":
        names.servers["closed.test"] = free_port()

    alice.invite(room, bob)

    await alice.expect(told(NOT_DELIVERED))
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("failed", "bounced")
    await alice.until_affiliation(room, bob, "none")


async def test_a_contact_who_does_not_exist(stage, elsewhere, relay):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    nobody = f"nobody@{elsewhere.host}"

    alice.invite(room, nobody)
    await alice.expect(told(NOT_DELIVERED))
    await alice.until_affiliation(room, nobody, "none")
    # By relay address as well.
    alice.invite(room, stage.relay_address(nobody))
    await alice.expect(told(NOT_DELIVERED))

    assert {(record["state"], record["reason"]) for record in await relay.settled(2)} == {("failed", "bounced")}
    await alice.until_affiliation(room, nobody, "none")


@pytest.mark.parametrize("domain", ["late.test"])
async def test_a_repetition_arrives_when_the_server_is_there(stage, stage_elsewhere, names, domain, relay):
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    room = await alice.create_room(stage.room(), members_only=True)
    port = names.servers.pop(domain)
    alice.invite(room, bob.bare)
    await alice.expect(told(NOT_DELIVERED))
    await alice.until_affiliation(room, bob.bare, "none")

    names.servers[domain] = port

    await invite_until_it_arrives(alice, room, bob)
    assert await alice.affiliation(room, bob.bare) == "member"


async def test_who_was_a_member_before_stays_one(stage, relay):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    bob = "bob@unknown.test"
    await alice.set_affiliation(room, bob, "member")

    alice.invite(room, bob)

    await alice.expect(told(NOT_DELIVERED))
    await relay.settled(1)
    assert await alice.affiliation(room, bob) == "member"


@pytest.mark.parametrize("domain", ["stops.test"])
async def test_a_server_that_stops_and_comes_back(stage, own_stage_elsewhere, relay):
    [alice] = await stage.people("alice")
    [bob] = await own_stage_elsewhere.people("bob")
    rooms = [await alice.create_room(stage.room()) for _ in range(2)]
    alice.invite(rooms[0], bob.bare)
    await bob.expect(direct_invitation(rooms[0]))

    await own_stage_elsewhere.server.stop()
    alice.invite(rooms[1], bob.bare)
    await alice.expect(told(NOT_DELIVERED))
    await own_stage_elsewhere.server.start()

    bob = await own_stage_elsewhere.log_in(bob.bare)
    await invite_until_it_arrives(alice, rooms[1], bob)
    states = [(record["room"], record["state"]) for record in await relay.settled(3)]
    assert states[:2] == [(rooms[0], "relayed"), (rooms[1], "failed")]
    assert states[-1] == (rooms[1], "relayed")


@pytest.mark.parametrize("domain", ["hangs.test"])
async def test_a_server_that_hangs_for_a_while(stage, own_stage_elsewhere, relay):
    """What is on its way waits in the connection."""
    [alice] = await stage.people("alice")
    [bob] = await own_stage_elsewhere.people("bob")
    rooms = [await alice.create_room(stage.room()) for _ in range(2)]
    alice.invite(rooms[0], bob.bare)
    await bob.expect(direct_invitation(rooms[0]))
    server = own_stage_elsewhere.server.process

    server.signal(signal.SIGSTOP)
    try:
        alice.invite(rooms[1], bob.bare)
        await relay.settled(2)
    finally:
        server.signal(signal.SIGCONT)

    await bob.expect(direct_invitation(rooms[1]))
    assert [record["state"] for record in await relay.history()] == ["relayed", "relayed"]


async def invite_until_it_arrives(alice, room, bob):
    """ejabberd refuses to try again for a second after a failure."""
    for _ in range(3):
        alice.invite(room, bob.bare)
        invited, failed = direct_invitation(room), told(NOT_DELIVERED)
        async with asyncio.timeout(WITHIN):
            tasks = [asyncio.create_task(bob.expect(invited)), asyncio.create_task(alice.expect(failed))]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        if tasks[0] in done:
            return
        await asyncio.sleep(1)
    raise AssertionError("it does not arrive")
