"""Contacts, inviters and rooms on another server."""

import pytest

from support import stanzas
from support.server import Setup
from support.stanzas import direct_invitation, native_invitation
from support.told import told

ARCHIVE_ALONE = Setup(offline=False, archive=True)


async def test_a_contact_elsewhere(stage, stage_elsewhere, relay):
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    invitation = await bob.expect(direct_invitation(room))
    assert stanzas.bare(invitation.get("from")) == alice.bare
    [record] = await relay.settled(1)
    assert (record["state"], record["sent_as"]) == ("relayed", alice.bare)


@pytest.mark.parametrize(("setup_elsewhere", "domain"), [(ARCHIVE_ALONE, "archive.test")], ids=["archive alone"])
async def test_a_contact_who_is_away_and_whose_server_has_an_archive_alone(stage, stage_elsewhere, relay):
    [alice] = await stage.people("alice")
    bob = await stage_elsewhere.account("bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob)
    await relay.settled(1)
    # What the server elsewhere takes after it, on the same connection.
    [carol] = await stage_elsewhere.people("carol")
    alice.send(f"<message to='{carol.bare}' id='after'><body>after</body></message>")
    await carol.expect(stanzas.a("message", sender=alice.bare))

    bob = await stage_elsewhere.log_in(bob)
    [kept] = await bob.archived(direct_invitation(room))
    assert stanzas.bare(kept.get("from")) == alice.bare


async def test_an_inviter_elsewhere(stage, stage_elsewhere, relay):
    """Their invitations stay as they are; by relay address, they leave from the inviter's own relay address."""
    [alice] = await stage_elsewhere.people("alice")
    bob, carol = await stage.people("bob", "carol")
    room = await carol.create_room(stage.room(), member_invites=True)
    await alice.join(room)

    alice.invite(room, bob.bare)
    await bob.expect(native_invitation(room))
    alice.invite(room, stage.relay_address(bob.bare))

    invitation = await bob.expect(direct_invitation(room))
    assert stanzas.bare(invitation.get("from")) == stage.relay_address(alice.bare)
    [record] = await relay.settled(1)
    assert (record["state"], record["inviter"]) == ("relayed", alice.bare)


async def test_a_room_elsewhere_invites_as_it_always_did(stage, stage_elsewhere, relay):
    [alice] = await stage_elsewhere.people("alice")
    [bob] = await stage.people("bob")
    room = await alice.create_room(stage_elsewhere.room())

    alice.invite(room, bob.bare)

    await bob.expect(native_invitation(room))
    assert await relay.history() == []


async def test_an_address_of_another_servers_relay(stage, relay):
    """Nobody is left on the member list, and the inviter hears what to do."""
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    theirs = f"{stanzas.escaped('bob@b.test')}@invites.b.test"

    alice.invite(room, theirs)
    await alice.expect(told("relay address of another server"))
    await alice.until_affiliation(room, theirs, "none")
    # By an address of our relay that stands for theirs, too (XEP-0106 §4.2).
    alice.invite(room, stage.relay_address(theirs.replace("\\40", "\\5c40")))
    await alice.expect(told("relay address of another server"))

    outcomes = {(record["contact"], record["state"], record["reason"]) for record in await relay.settled(2)}
    assert outcomes == {(theirs, "refused", "another-relay")}


LIMIT = {"limits": {"per_contact": "4/1h"}}


@pytest.mark.parametrize("config", [LIMIT], ids=["4 in an hour"])
async def test_nobody_elsewhere_uses_up_a_contacts_limit(stage, stage_elsewhere, relay):
    [mallory] = await stage_elsewhere.people("mallory")
    alice, dave = await stage.people("alice", "dave")
    address = stage.relay_address(dave.bare)
    theirs = [await mallory.create_room(stage.room()) for _ in range(3)]

    for room in theirs:
        mallory.invite(room, address)
    await mallory.expect(told("Too many invitations"))

    ours = [await alice.create_room(stage.room()) for _ in range(4)]
    for room in ours[:2]:
        alice.invite(room, dave.bare)
        await dave.expect(direct_invitation(room))
    # Now it is used up: the server delivers what it hands over, and each inviter is told.
    alice.invite(ours[2], dave.bare)
    await dave.expect(native_invitation(ours[2]))
    alice.invite(ours[3], address)
    await alice.expect(told("Too many invitations"))
    states = [record["state"] for record in await relay.settled(7)]
    assert sorted(states) == ["handed-back", *["refused"] * 2, *["relayed"] * 4]


async def test_a_summary_knows_of_those_who_came_back(stage, stage_elsewhere, relay):
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    room = await alice.create_room(stage.room(), members_only=True)
    here = await stage.account("carol")
    for member in (bob.bare, here, f"nobody@{bob.bare.partition('@')[2]}", "dave@unknown.test"):
        await alice.set_affiliation(room, member, "member")

    # The relay waits 5 s for what comes back: the servers have found each other before.
    for one, other in ((alice, bob), (bob, alice)):
        one.send(f"<message to='{other.bare}' id='before'><body>before</body></message>")
        await other.expect(stanzas.a("message", sender=one.bare))
    alice.invite(room, f"members@{stage.server.component}")

    await bob.expect(direct_invitation(room))
    await alice.expect(told("2 invited, 2 can't be reached, 1 of those invited not confirmed yet"))
    states = [(record["state"], record["reason"]) for record in await relay.settled(5)]
    assert states.count(("failed", "bounced")) == 2


@pytest.mark.parametrize(("setup_elsewhere", "domain"), [(Setup(hand_over=60), "relay.test")], ids=["hand-over"])
async def test_relays_on_both_sides(stage, stage_elsewhere, relays, relay):
    """Each relays what is invited to its own rooms, and none what the other one has sent."""
    theirs = relays(stage_elsewhere.server)
    await theirs.start()
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    ours = await alice.create_room(stage.room())
    his = await bob.create_room(stage_elsewhere.room())

    alice.invite(ours, bob.bare)
    await bob.expect(direct_invitation(ours))
    bob.invite(his, alice.bare)
    await alice.expect(direct_invitation(his))

    for one, inviter in ((relay, alice), (theirs, bob)):
        [record] = await one.settled(1)
        assert (record["route"], record["state"], record["sent_as"]) == ("handed-over", "relayed", inviter.bare)
