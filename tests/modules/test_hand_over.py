"""What the server hands over, and what it does with each answer and with none."""

from datetime import UTC, datetime, timedelta

import pytest

from support import stanzas
from support.handover import HANDOVER, RESOURCE, invited
from support.prosody import Prosody
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.every_version

soon = pytest.mark.parametrize("timeout", [5])


def inviter(native):
    return native.find(f".//{{{stanzas.MUC_USER}}}invite").get("from")


async def test_the_relay_is_handed_the_finished_invitation(stage, relay, timeout):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True, password="xyzzy")
    before = datetime.now(UTC)

    alice.invite(room, bob.bare, "Come & talk")

    handover = await relay.handed_over(room)
    assert handover.sender == f"{stage.server.muc}/{RESOURCE}"
    assert (handover.room, handover.contact) == (room, bob.bare)
    assert handover.inviter == alice.full
    assert (handover.reason, handover.password) == ("Come & talk", "xyzzy")
    assert before < handover.deadline < before + timedelta(seconds=timeout)
    assert await alice.affiliation(room, bob.bare) == "member"


async def test_the_module_tells_its_own_relay_that_it_is_there(stage, relay, remote, timeout):
    module, question = f"{stage.server.muc}/{RESOURCE}", f"<handover xmlns='{HANDOVER}'/>"
    [alice] = await stage.people("alice")

    before = datetime.now(UTC)
    answer = (await relay.iq(module, question)).find(f"{{{HANDOVER}}}handover")
    assert answer.get("timeout") == str(timeout)
    assert stage.server.version in answer.get("server")
    # Prosody has no nodes.
    assert answer.get("node") == getattr(stage.server, "node", None)
    assert before - timedelta(milliseconds=1) < datetime.fromisoformat(answer.get("now")) <= datetime.now(UTC)

    # Nobody else learns anything.
    assert (await alice.iq(module, question)).get("type") == "error"
    assert (await remote.iq(module, question)).get("type") == "error"


@soon
async def test_what_the_relay_takes_is_left_to_it(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)
    relay.accept(handover)
    relay.invite(handover)
    await bob.expect(direct_invitation(room))

    # Nobody answers carol's, which has the later deadline: after it, bob's is over as well.
    alice.invite(room, carol.bare)
    await carol.expect(native_invitation(room))
    await bob.passed(stage.server.host)
    assert not bob.received(native_invitation(room))
    assert not carol.received(direct_invitation(room))


async def test_what_the_relay_refuses_is_delivered_at_once(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="xyzzy")

    alice.invite(room, bob.bare, "Come & talk")
    relay.refuse(await relay.handed_over(room))

    native = await bob.expect(native_invitation(room))
    # As the room has made it: Prosody's rooms hide the inviter.
    masked = isinstance(stage.server, Prosody)
    assert inviter(native) == (f"{room}/{alice.nick}" if masked else alice.full)
    assert native.findtext(f".//{{{stanzas.MUC_USER}}}reason") == "Come & talk"
    assert native.findtext(f".//{{{stanzas.MUC_USER}}}password") == "xyzzy"


@soon
async def test_what_the_relay_does_not_answer_is_delivered_at_the_deadline(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)
    await bob.expect(native_invitation(room))
    late = datetime.now(UTC) - handover.deadline
    # On a busy machine.
    assert timedelta(0) < late < timedelta(seconds=10)

    # An answer after the deadline changes nothing, and the next invitation is handed over again.
    relay.refuse(handover)
    alice.invite(room, carol.bare)
    relay.accept(await relay.handed_over(room))
    await bob.passed(stage.server.component)
    assert len(bob.received(native_invitation(room))) == 1


async def test_without_a_relay_it_is_delivered_at_once(stage, server):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)

    await bob.expect(native_invitation(room))


async def test_when_the_relay_dies_it_is_delivered_at_once(stage, relay, relays):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    await relay.handed_over(room)
    relay.cut()

    await bob.expect(native_invitation(room))

    relay = await relays(stage.server)
    alice.invite(room, carol.bare)
    relay.accept(await relay.handed_over(room))
    await carol.passed(stage.server.component)
    assert not carol.received(native_invitation(room))


async def test_the_last_answers_of_a_relay_that_leaves_still_count(stage, relay, relays, remote):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    contacts = [f"bob{number}@{remote.jid}" for number in range(200)]

    for contact in contacts:
        alice.invite(room, contact)
    for handover in [await relay.handed_over(room) for _ in contacts]:
        relay.accept(handover)
    await relay.disconnect()

    # The next relay dies without a word. What that one's invitation does, the others have done before it.
    relay = await relays(stage.server)
    carol = f"carol@{remote.jid}"
    alice.invite(room, carol)
    await relay.handed_over(room)
    relay.cut()
    await remote.expect(invited(room, carol, by=native_invitation))
    assert [native.get("to") for native in remote.received(native_invitation(room))] == [carol]


async def test_somebody_else_who_is_refused_a_connection_changes_nothing(stage, relay, relays):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    handover = await relay.handed_over(room)
    with pytest.raises(ConnectionError):
        await relays(stage.server, secret="guessed")

    # A refused one is delivered after all that was delivered before.
    alice.invite(room, carol.bare)
    relay.refuse(await relay.handed_over(room))
    await carol.expect(native_invitation(room))
    relay.accept(handover)
    await bob.passed(stage.server.component)
    assert not bob.received(native_invitation(room))


async def test_reloading_the_module_delivers_what_it_keeps(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    await relay.handed_over(room)
    await stage.server.reload_module()
    await bob.expect(native_invitation(room))

    alice.invite(room, carol.bare)
    relay.accept(await relay.handed_over(room))


async def test_a_server_that_stops_delivers_what_it_keeps(own_stage, relays):
    server = own_stage.server
    relay = await relays(server)
    [alice] = await own_stage.people("alice")
    bob = await own_stage.account("bob")
    room = await alice.create_room(own_stage.room())

    alice.invite(room, bob)
    await relay.handed_over(room)
    await server.restart()

    bob = await own_stage.log_in(bob)
    await bob.expect(native_invitation(room))


async def test_many_can_wait_for_their_answers(stage, relay, remote):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    contacts = [f"bob{number}@{remote.jid}" for number in range(400)]

    for contact in contacts:
        alice.invite(room, contact)
    handovers = [await relay.handed_over(room) for _ in contacts]
    for handover in handovers:
        relay.accept(handover)

    assert {handover.contact for handover in handovers} == set(contacts)
    await remote.passed(f"{stage.server.host}/barrier")
    assert not remote.received(native_invitation(room))


async def test_a_relay_that_dies_in_the_middle_of_a_burst(stage, relay, relays, remote):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    contacts = {f"bob{number}@{remote.jid}" for number in range(200)}
    accepted = {}

    for contact in contacts:
        alice.invite(room, contact)
    for _ in range(100):
        handover = await relay.handed_over(room)
        relay.accept(handover)
        accepted[handover.contact] = handover
    relay.cut()
    for contact in contacts - accepted.keys():
        await remote.expect(invited(room, contact, by=native_invitation))

    # It comes back and does what it has promised.
    relay = await relays(stage.server)
    for handover in accepted.values():
        relay.invite(handover)
    for contact in accepted:
        await remote.expect(invited(room, contact, by=direct_invitation))
    native = [stanza.get("to") for stanza in remote.received(native_invitation(room))]
    twice = accepted.keys() & set(native)
    print(f"{len(contacts)} invited, {len(accepted)} taken by the relay, of which {len(twice)} arrive twice")
    assert len(native) == len(set(native))
    assert contacts - accepted.keys() == set(native) - twice


async def test_the_relay_learns_whom_the_room_has_made_a_member(stage, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    closed = await alice.create_room(stage.room(), members_only=True)
    open_ = await alice.create_room(stage.room())
    await alice.set_affiliation(closed, carol.bare, "member")
    await alice.set_affiliation(closed, dave.bare, "admin")

    for room, contact, made_member in [(closed, bob, True), (closed, carol, False), (closed, dave, False), (open_, bob, False)]:
        alice.invite(room, contact.bare)
        handover = await relay.handed_over(room)
        assert (handover.contact, handover.made_member) == (contact.bare, made_member)
        relay.accept(handover)
    # Not for the second time either.
    alice.invite(closed, bob.bare)
    assert not (await relay.handed_over(closed)).made_member
