"""What operators read: `history` names every invitation, and what became of it."""

from datetime import UTC, datetime, timedelta

import pytest

from support.stanzas import direct_invitation, notice

pytestmark = pytest.mark.one_of_each_make


async def test_history_tells_all_and_filters(stage, relay):
    began = datetime.now(UTC) - timedelta(seconds=1)
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, dave.bare, "outcast")

    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    alice.invite(room, stage.relay_address(dave.bare))
    await alice.expect(notice(room))
    await relay.settled(2)

    newest, oldest = await relay.history()
    assert set(newest) == set(
        "id received settled route room inviter contact state reason sent_as".split()
    )
    assert (oldest["contact"], oldest["state"], oldest["sent_as"]) == (bob.bare, "relayed", alice.bare)
    assert (newest["contact"], newest["state"], newest["reason"]) == (dave.bare, "refused", "outcast")
    for record in (newest, oldest):
        received, settled = (datetime.fromisoformat(record[key]) for key in ("received", "settled"))
        assert received.utcoffset() == timedelta(0)
        assert began <= received <= settled <= datetime.now(UTC) + timedelta(seconds=1)

    async def contacts(*filters):
        return [record["contact"] for record in await relay.history(*filters)]

    assert await contacts("--contact", bob.bare) == [bob.bare]
    assert await contacts("--state", "refused") == [dave.bare]
    assert await contacts("--room", room, "--inviter", alice.bare, "--since", "1h") == [dave.bare, bob.bare]
    assert await contacts("--limit", "1") == [dave.bare]
    assert await contacts("--room", stage.room()) == []
    assert bob.bare in await relay.command("history")
