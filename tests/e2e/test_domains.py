"""One domain is one domain in every spelling: the server has one of them, the configuration another."""

import pytest
from support.server import Setup
from support.stanzas import CONFERENCE, a, direct_invitation, invitation

pytestmark = pytest.mark.one_of_each_make

U_LABEL = "räume.example.test"
A_LABEL = "xn--rume-loa.example.test"

SPELLINGS = pytest.mark.parametrize(
    ("servers", "configured"),
    [
        (U_LABEL, A_LABEL),
        pytest.param(A_LABEL, U_LABEL, marks=pytest.mark.needs("a-label-services")),
        (U_LABEL, U_LABEL),
        pytest.param(A_LABEL, A_LABEL, marks=pytest.mark.needs("a-label-services")),
        (U_LABEL, f"{A_LABEL.upper()}."),
    ],
    ids=["A for U", "U for A", "U", "A", "capitals and a dot"],
)


@pytest.fixture
def hand_over():
    return None


@pytest.fixture
def setup(servers, hand_over):
    """A server whose MUC service has this name."""
    return Setup(muc=servers, hand_over=hand_over)


@SPELLINGS
@pytest.mark.parametrize("hand_over", [None, 5], ids=["addressed", "handed over"])
async def test_a_room_of_a_service_in_another_spelling(stage, relays, servers, configured, hand_over):
    relay = relays(stage.server, muc={"services": [configured]})
    await relay.start()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    address = bob.bare if hand_over else stage.relay_address(bob.bare)

    alice.invite(room, address, "Come")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, reason="Come"), "in the server's own spelling"
    assert await alice.affiliation(room, bob.bare) == "member"
    await alice.until_affiliation(room, stage.relay_address(bob.bare), "none")
    [record] = await relay.settled(1)
    assert (record["state"], record["room"]) == ("relayed", room.replace(A_LABEL, U_LABEL))
    for spelling in (U_LABEL, A_LABEL, f"{A_LABEL.upper()}."):
        named = room.replace(servers, spelling)
        assert await relay.history("--room", named) == [record], spelling

    alice.invite(room, address, "Come again")
    [_, again] = await relay.settled(2)
    assert (again["state"], again["reason"]) == ("suppressed", "duplicate")

    await relay.stop()
    await relay.command("forget", room.replace(servers, A_LABEL))
    assert await relay.history() == []


@SPELLINGS
async def test_a_blocked_service_in_another_spelling(stage, relays, commands, servers, configured):
    relay = relays(stage.server, muc={"services": [configured]})
    await relay.start()
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    other = A_LABEL if servers == U_LABEL else U_LABEL
    answer = await commands(bob).give("my-settings", {"block": other})
    assert answer.status == "completed", answer

    alice.invite(room, stage.relay_address(bob.bare))
    alice.send(
        f"<message to='{stage.relay_address(carol.bare)}'><x xmlns='{CONFERENCE}' jid='{room.replace(servers, other)}'/></message>"
    )

    await carol.expect(direct_invitation(room))
    states = {record["contact"]: (record["state"], record["reason"]) for record in await relay.settled(2)}
    assert states == {bob.bare: ("suppressed", "blocked"), carol.bare: ("relayed", None)}
    assert not bob.received(a("message", sender=alice.bare))
