"""An invitation to one of the contact's devices (XEP-0045 §7.9): that device gets it, or the account if the device has gone."""

import pytest

from support.server import Setup
from support.stanzas import direct_invitation

WAYS = pytest.mark.parametrize("handed_over", [False, True], ids=["addressed", "handed over"])

SETUPS = pytest.mark.parametrize(
    "setup",
    [Setup(hand_over=30), Setup(privileges=False, hand_over=30)],
    ids=["privileges", "own domain"],
)


def address_of(stage, contact, device, handed_over):
    return f"{contact.bare if handed_over else stage.relay_address(contact.bare)}/{device}"


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["every way"])
@WAYS
@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_the_named_device_gets_it(stage, relay, handed_over, members_only):
    alice, bob = await stage.people("alice", "bob")
    phone = await stage.log_in(bob.bare, "my phone/1")
    room = await alice.create_room(stage.room(), members_only=members_only)

    alice.invite(room, address_of(stage, bob, "my phone/1", handed_over), "Come")

    received = await phone.expect(direct_invitation(room))
    assert (received.get("from"), received.get("to")) == (alice.bare, phone.full)
    [record] = await relay.settled(1)
    assert (record["state"], record["contact"]) == ("relayed", bob.bare)
    await bob.passed(stage.server.component)
    assert not bob.received(direct_invitation(room))
    if members_only:
        assert await alice.affiliation(room, bob.bare) == "member"
        await alice.until_affiliation(room, stage.relay_address(bob.bare), "none")

    # It is the contact who has been invited, not the device.
    alice.invite(room, address_of(stage, bob, "desk", handed_over))
    assert (await relay.settled(2))[1]["reason"] == "duplicate"


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])
@pytest.mark.parametrize("device", ["phone", "gone"])
async def test_from_a_relay_address(stage, relay, device):
    alice, bob = await stage.people("alice", "bob")
    phone = await stage.log_in(bob.bare, "phone")
    room = await alice.create_room(stage.room())

    alice.invite(room, address_of(stage, bob, device, False))

    received = await (phone if device == "phone" else bob).expect(direct_invitation(room))
    assert received.get("from") == stage.relay_address(alice.bare)
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["every way"])
@WAYS
async def test_the_account_gets_it_if_the_device_has_gone(stage, relay, handed_over):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, address_of(stage, bob, "gone", handed_over))

    assert (await bob.expect(direct_invitation(room))).get("from") == alice.bare
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]
    assert len(await stage.reached(bob, room)) == 1


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["every way"])
@WAYS
async def test_it_waits_for_an_account_that_is_offline(stage, relay, handed_over):
    [alice] = await stage.people("alice")
    bob = await stage.account("bob")
    room = await alice.create_room(stage.room())

    address = bob if handed_over else stage.relay_address(bob)
    alice.invite(room, f"{address}/gone")
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]

    await (await stage.log_in(bob)).expect(direct_invitation(room))


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["every way"])
@WAYS
async def test_to_another_device_of_ones_own(stage, relay, handed_over):
    """From inside the room: the room would pass it on."""
    [alice] = await stage.people("alice")
    phone = await stage.log_in(alice.bare, "phone")
    room = await alice.create_room(stage.room())

    alice.invite(room, address_of(stage, alice, "phone", handed_over))

    await phone.expect(direct_invitation(room))
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]


async def test_by_a_direct_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    phone = await stage.log_in(bob.bare, "phone")
    room = await alice.create_room(stage.room())

    alice.send(
        f"<message to='{address_of(stage, bob, 'phone', False)}'><x xmlns='jabber:x:conference' jid='{room}'/></message>"
    )

    assert (await phone.expect(direct_invitation(room))).get("to") == phone.full
