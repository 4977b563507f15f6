"""Who is believed: rooms of the configured MUC services, and nobody else who would speak in another's name."""

import pytest

from support.server import Setup
from support.stanzas import CONFERENCE, MUC_USER, direct_invitation, forged_mediated, invitation


async def test_a_user_who_plays_a_room(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")

    mallory.send(forged_mediated(stage.relay_address(bob.bare), inviter=alice.bare))

    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "untrusted")
    assert not await stage.reached(bob, mallory.bare)


async def test_a_room_of_a_service_that_is_not_configured(stage, relay):
    mallory, bob = await stage.people("mallory", "bob")
    room = await mallory.create_room(stage.room(service=stage.server.other_muc))

    mallory.invite(room, stage.relay_address(bob.bare))

    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "untrusted")
    assert not await stage.reached(bob, room)


@pytest.mark.needs("clients-own-elements")
async def test_the_room_is_the_one_that_sends_and_no_other(stage, relay):
    """A client's own conference x passes through the room and stands before the room's."""
    mallory, bob = await stage.people("mallory", "bob")
    room = await mallory.create_room(stage.room())
    elsewhere = f"trap@{stage.server.muc}"

    mallory.send(
        f"<message to='{room}'><x xmlns='{CONFERENCE}' jid='{elsewhere}' reason='a trap'/>"
        f"<x xmlns='{MUC_USER}'><invite to='{stage.relay_address(bob.bare)}'><reason>tea</reason></invite></x></message>"
    )

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(mallory.bare, bob, room, reason="tea")
    assert not await stage.reached(bob, elsewhere)


@pytest.mark.needs("privileged-iq")
@pytest.mark.parametrize(
    "setup", [Setup(service_admin=False, iq=("jabber:iq:private", "jabber:iq:last"))], ids=["several namespaces"]
)
async def test_privileges_for_several_namespaces_are_understood(stage, relay):
    """Prosody 0.12 writes their elements into one another."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True, anonymous=False)

    alice.invite(room, stage.relay_address(bob.bare))

    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    assert await alice.affiliation(room, bob.bare) == "member"
