"""What the module tells the relay of a hand-over whose answer may have been lost, and nobody else."""

import pytest

from support import stanzas
from support.handover import HANDOVER, RESOURCE, invited
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.every_version

soon = pytest.mark.parametrize("timeout", [5])


async def test_what_was_taken(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)

    relay.accept(handover)
    assert await relay.fate(handover.id) == ("taken", None)
    # However often.
    assert await relay.fate(handover.id) == ("taken", None)
    assert not bob.received(native_invitation(room))


async def test_what_has_passed_in_the_inviters_name_since(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room, other = await alice.create_room(stage.room()), await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)
    relay.accept(handover)
    assert await relay.fate(handover.id) == ("taken", None)

    # Another room, another contact, another inviter: none of them is it.
    for sender, contact, invited_to in [(alice, bob, other), (alice, carol, room), (carol, bob, room)]:
        direct(sender, contact, invited_to)
        await contact.expect(direct_invitation(invited_to))
    assert await relay.fate(handover.id) == ("taken", None)

    direct(alice, bob, room)
    await bob.expect(direct_invitation(room))
    assert await relay.fate(handover.id) == ("taken", "true")


async def test_what_was_refused(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)

    relay.refuse(handover)

    await bob.expect(native_invitation(room))
    assert await relay.fate(handover.id) == ("delivered", None)


@soon
async def test_what_was_answered_too_late(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)
    await bob.expect(native_invitation(room))

    relay.accept(handover)

    assert await relay.fate(handover.id) == ("delivered", None)


async def test_a_relay_that_comes_back_asks(stage, relay, relays, remote):
    """It answered half of them before it died, and knows not which answers arrived."""
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    contacts = [f"bob{number}@{remote.jid}" for number in range(100)]
    for contact in contacts:
        alice.invite(room, contact)
    handovers = [await relay.handed_over(room) for _ in contacts]
    for handover in handovers[::2]:
        relay.accept(handover)
    relay.cut()

    relay = await relays(stage.server)
    fates = {handover.contact: (await relay.fate(handover.id))[0] for handover in handovers}
    delivered = [contact for contact, fate in fates.items() if fate == "delivered"]
    for contact in delivered:
        await remote.expect(invited(room, contact, by=native_invitation))
    assert set(fates.values()) <= {"taken", "delivered"}
    assert all(fates[handover.contact] == "delivered" for handover in handovers[1::2])
    await remote.passed(f"{stage.server.host}/barrier")
    assert sorted(native.get("to") for native in remote.received(native_invitation(room))) == sorted(delivered)


@soon
async def test_what_still_waits_is_its_own_from_then_on(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)

    assert await relay.fate(handover.id) == ("taken", None)

    # Nobody answers carol's, which has the later deadline: after it, bob's is over as well.
    alice.invite(room, carol.bare)
    await carol.expect(native_invitation(room))
    # What the relay says now comes too late.
    relay.refuse(handover)
    assert await relay.fate(handover.id) == ("taken", None)
    await bob.passed(stage.server.host)
    assert not bob.received(native_invitation(room))


async def test_what_nobody_knows(stage, relay):
    for id in ["never-heard-of", "", "' or ''='", "newest", "ä" * 1000]:
        assert await relay.fate(id) == ("unknown", None)


async def test_a_restart_of_the_module_forgets_nothing(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    taken = await relay.handed_over(room)
    relay.accept(taken)
    alice.invite(room, carol.bare)
    waiting = await relay.handed_over(room)
    await relay.fate(taken.id)

    await stage.server.reload_module()

    await carol.expect(native_invitation(room))
    assert await relay.fate(taken.id) == ("taken", None)
    assert await relay.fate(waiting.id) == ("delivered", None)


async def test_nobody_else_is_told(stage, relay, remote):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)

    for stranger in [alice, remote]:
        answer = await stranger.iq(f"{stage.server.muc}/{RESOURCE}", question(handover.id))
        assert answer.get("type") == "error", stanzas.show(answer)

    # Nor have they taken it.
    relay.refuse(handover)
    await bob.expect(native_invitation(room))


def question(id):
    return f"<handed-over xmlns='{HANDOVER}' id='{id}'/>"


def direct(sender, contact, room):
    sender.send(f"<message to='{contact.bare}'><x xmlns='{stanzas.CONFERENCE}' jid='{room}'/></message>")
