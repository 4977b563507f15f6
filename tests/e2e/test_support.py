"""`relay.support = "ask"`: who has only clients that can't show a direct invitation gets the room's own, where there is
a way."""

import pytest

from support import clock, stanzas
from support.capabilities import CAPS, says_what_it_can
from support.feed import Wanted
from support.server import Setup
from support.stanzas import a, direct_invitation, native_invitation

pytestmark = pytest.mark.parametrize("setup", [Setup(hand_over=30, presence=True)], ids=["presence"])


@pytest.fixture
def config():
    return {"relay": {"support": "ask"}}


@pytest.fixture
async def relay(server, relays, config):
    """It waits a second for the answer of a contact's client. On its slow clock that is five, in case the tests stand still."""
    relay = relays(server, **config)
    relay.env.update(clock.faster(0.2))
    await relay.start()
    return relay


@pytest.mark.parametrize("hashed", [True, False], ids=["hash", "no hash"])
async def test_a_client_that_can_not_gets_the_rooms_own(stage, relay, hashed):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False, hashed=hashed)
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await bob.expect(native_invitation(room))
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", "handed-back", "unsupported")
    assert not bob.received(direct_invitation(room))


@pytest.mark.parametrize("hashed", [True, False], ids=["hash", "no hash"])
async def test_a_client_that_can_gets_a_direct_one(stage, relay, hashed):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=True, hashed=hashed)
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await bob.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("relayed", None)


async def test_one_client_that_can_is_enough(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    phone = await stage.log_in(bob.bare, "phone")
    await says_what_it_can(bob, direct=False)
    await says_what_it_can(phone, direct=True)
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await phone.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert record["state"] == "relayed"


async def test_a_client_that_does_not_say_is_taken_for_one_that_can(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await bob.expect(direct_invitation(room))


async def test_who_has_gone_offline_gets_a_direct_one(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room())
    bob.send("<presence type='unavailable'/>")
    await bob.passed(stage.server.component)

    alice.invite(room, bob.bare)

    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("relayed", None)


async def test_what_has_no_other_way_is_relayed_all_the_same(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    # Where the room takes it from outside it goes through the room (test_through_room.py).
    direct = "outsiders-invite" in stage.server.lacks
    await bob.expect(direct_invitation(room) if direct else native_invitation(room))
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("addressed", "relayed", "unsupported")
    assert record["sent_as"] == (alice.bare if direct else room)
    assert len(await stage.reached(bob, room)) == 1


async def test_a_hash_that_was_verified_stands_for_the_same_client_elsewhere(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    caps = (await says_what_it_can(bob, direct=False)).find(CAPS)
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    await bob.expect(native_invitation(room))

    # Carol's client does not answer questions.
    words = " ".join(f"{name}='{caps.get(name)}'" for name in ("hash", "node", "ver"))
    carol.send(f"<presence><c xmlns='http://jabber.org/protocol/caps' {words}/></presence>")
    await carol.expect(a("presence", sender=carol.bare))
    await carol.passed(stage.server.component)
    alice.invite(room, carol.bare)

    await carol.expect(native_invitation(room))


def questions(client):
    """What this client was asked of what it can do."""
    return client.received(
        Wanted("disco#info", lambda iq: iq.get("type") == "get" and iq.find(f"{{{stanzas.DISCO_INFO}}}query") is not None)
    )


async def test_a_restart_asks_nobody_again(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    tea, coffee = await alice.create_room(stage.room()), await alice.create_room(stage.room())
    alice.invite(tea, bob.bare)
    await bob.expect(native_invitation(tea))
    asked = len(questions(bob))

    await relay.restart()
    # Not every server tells of those who were there before the relay.
    await says_what_it_can(bob, direct=False)
    alice.invite(coffee, bob.bare)
    await bob.expect(native_invitation(coffee))

    assert asked == len(questions(bob)) == 1


async def test_a_hash_of_something_else_harms_nobody_but_its_client(stage, relay):
    alice, mallory, carol = await stage.people("alice", "mallory", "carol")
    caps = (await says_what_it_can(carol, direct=True)).find(CAPS)
    words = " ".join(f"{name}='{caps.get(name)}'" for name in ("hash", "node", "ver"))
    room = await alice.create_room(stage.room())

    # Mallory's client claims carol's hash, and answers that it can't.
    node = f"{caps.get('node')}#{caps.get('ver')}"
    await mallory.plugin("xep_0030").add_feature("urn:x-something-else", node=node)
    mallory.send(f"<presence><c xmlns='http://jabber.org/protocol/caps' {words}/></presence>")
    await mallory.expect(a("presence", sender=mallory.bare))
    await mallory.passed(stage.server.component)
    alice.invite(room, mallory.bare)
    await relay.settled(1)
    alice.invite(room, carol.bare)

    await carol.expect(direct_invitation(room))
