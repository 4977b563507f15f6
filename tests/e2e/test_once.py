"""One invitation per contact and room, whoever sends how many, also across restarts; none for those inside."""

import pytest

from support.server import Setup
from support.stanzas import direct_invitation, invitation, mediated_invitation, notice


def verdicts(records):
    return [(record["state"], record["reason"]) for record in records]


async def test_the_second_invitation_is_dropped_and_its_inviter_is_told(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare), "first")
    await bob.expect(direct_invitation(room))
    alice.invite(room, stage.relay_address(bob.bare), "second")

    first, second = await relay.settled(2)
    assert first["state"] == "relayed"
    assert (second["state"], second["reason"]) == ("suppressed", "duplicate")
    assert len(await stage.reached(bob, room)) == 1
    await alice.expect(notice(room))


async def test_another_room_or_contact_is_no_duplicate(stage, relay):
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    tea, coffee = [await alice.create_room(stage.room(name)) for name in ("tea", "coffee")]

    alice.invite(tea, stage.relay_address(bob.bare))
    alice.invite(coffee, stage.relay_address(bob.bare))
    alice.invite(tea, stage.relay_address(dave.bare))

    await bob.expect(direct_invitation(tea))
    await bob.expect(direct_invitation(coffee))
    await dave.expect(direct_invitation(tea))


async def test_two_inviters_at_the_same_instant(stage, relay):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await carol.join(room)
    for inviter in (alice, carol):
        inviter.invite(room, stage.relay_address(bob.bare))

    records = await relay.settled(2)
    assert sorted(verdicts(records)) == [("relayed", None), ("suppressed", "duplicate")]
    assert len(await stage.reached(bob, room)) == 1


async def test_twenty_at_once(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.send(mediated_invitation(room, stage.relay_address(bob.bare)) * 20)

    records = await relay.settled(20)
    assert sorted(verdicts(records), key=str) == [("relayed", None)] + [("suppressed", "duplicate")] * 19
    assert len(await stage.reached(bob, room)) == 1


@pytest.mark.needs("occupants")
async def test_an_occupant_is_not_invited(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.join(room)

    alice.invite(room, stage.relay_address(bob.bare))

    assert verdicts(await relay.settled(1)) == [("suppressed", "occupant")]
    assert not await stage.reached(bob, room)
    # Nobody learns from this who is inside.
    await alice.passed(stage.server.component)
    assert not alice.received(notice(room))


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_restart_forgets_nothing(stage, relay, crash):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await relay.restart(crash=crash)
    alice.invite(room, stage.relay_address(bob.bare))

    assert verdicts(await relay.settled(2)) == [("relayed", None), ("suppressed", "duplicate")]
    assert len(await stage.reached(bob, room)) == 1


async def test_a_forgotten_contact_is_invited_again(stage, relay):
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    room = await alice.create_room(stage.room())
    for contact in (bob, dave):
        alice.invite(room, stage.relay_address(contact.bare))
        await contact.expect(direct_invitation(room))
    await relay.settled(2)

    await relay.command("forget", bob.bare)

    assert [record["contact"] for record in await relay.history()] == [dave.bare]
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


@pytest.mark.parametrize("setup", [Setup(), Setup(hand_over=5)], ids=["addressed", "handed over"])
async def test_somebody_inside_invites_another_device_of_theirs(stage, relay, setup):
    [alice] = await stage.people("alice")
    phone = await stage.log_in(alice.bare, "phone")
    room = await alice.create_room(stage.room())

    alice.invite(room, alice.bare if setup.hand_over else stage.relay_address(alice.bare), "here too")

    received = invitation(await phone.expect(direct_invitation(room)))
    assert received.room == room
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]
