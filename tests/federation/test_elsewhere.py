"""Contacts, inviters and rooms on another server."""

from support.stanzas import direct_invitation


async def test_a_contact_elsewhere(stage, stage_elsewhere, relay):
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await bob.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert (record["state"], record["sent_as"]) == ("relayed", alice.bare)
