"""While PostgreSQL is away, people get what they were invited to: hand-overs are not answered, and the room delivers."""

import pytest

from support.server import Setup
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.one_of_each_make

IN_TIME = 3
"""Seconds that the relay has for its answer to a hand-over."""


@pytest.fixture
def setup():
    return Setup(hand_over=IN_TIME)


@pytest.mark.parametrize("fault", ["paused", "killed"])
async def test_postgres_is(stage, relay, postgres, fault):
    alice, bob, carol, dave, erin = await stage.people("alice", "bob", "carol", "dave", "erin")
    room = await alice.create_room(stage.room(), members_only=True)
    alice.invite(room, bob.bare)
    await bob.expect(direct_invitation(room))
    await relay.settled(1)

    if fault == "paused":
        postgres.pause()
    else:
        await postgres.kill()
    alice.invite(room, carol.bare)
    alice.invite(room, stage.relay_address(dave.bare))
    await carol.expect(native_invitation(room))
    assert not dave.received(direct_invitation(room))
    if fault == "paused":
        postgres.resume()
    else:
        await postgres.start()

    # What came to a relay address has waited, and what comes now is as ever.
    await dave.expect(direct_invitation(room))
    alice.invite(room, erin.bare)
    await erin.expect(direct_invitation(room))
    for contact in (bob, carol, dave, erin):
        assert (await contact.join(room)).get("type") is None
    records = {record["contact"]: record for record in await relay.settled(3)}
    assert {records[contact.bare]["state"] for contact in (bob, dave, erin)} == {"relayed"}
    if carol.bare in records:
        assert records[carol.bare]["state"] == "handed-back"
    for contact in (bob, carol, dave, erin):
        assert len(await stage.reached(contact, room)) == 1
