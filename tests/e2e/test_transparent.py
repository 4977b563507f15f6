"""The transparent route: people invite each other as ever, and the server's module hands their invitations over.

Whatever becomes of the relay, the contact gets one invitation: the direct one from the inviter, or the room's own.
"""

import signal
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from support import journal, stanzas
from support.feed import Wanted
from support.server import Setup
from support.stanzas import bare, direct_invitation, invitation, mediated_invitation, native_invitation, notice

PATIENT, HASTY = 60, 5
"""Seconds that the relay has for its answer: longer than anything is waited for here; and soon over."""

hasty = pytest.mark.parametrize("setup", [Setup(hand_over=HASTY)], ids=[f"{HASTY} s"])


@pytest.fixture
def setup():
    return Setup(hand_over=PATIENT)


def an_invitation(room, *contacts):
    """Of either kind, for one of these contacts."""
    return Wanted(
        f"an invitation to {room} for {contacts}",
        lambda stanza: (direct_invitation(room)(stanza) or native_invitation(room)(stanza))
        and stanzas.bare(stanza.get("to")) in contacts,
    )


@pytest.fixture
def arrives(note):
    """Waits for the one invitation to this room that the contact gets; notes how long it took, and returns its kind."""

    async def arrives(contact, room, since):
        stanza = await contact.expect(an_invitation(room, contact.bare))
        kind = "direct" if direct_invitation(room)(stanza) else "mediated"
        note(f"{kind}, after {1000 * (time.monotonic() - since):.0f} ms")
        return kind

    return arrives


@contextmanager
def hung(relay):
    """It is there, and does nothing."""
    relay.process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        relay.process.signal(signal.SIGCONT)


async def is_under_way(stage, inviter, contact, room):
    """The room has handed the invitation over, and delivered nothing."""
    await inviter.passed(room)
    await contact.passed(stage.server.host)
    assert not contact.received(an_invitation(room, contact.bare))


# The relay takes it.


@pytest.mark.parametrize("setup", [Setup(hand_over=PATIENT, block_strangers=True)], ids=["stranger filter"])
async def test_a_stranger_filter_lets_a_friends_invitation_through(stage, relay, arrives):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    room = await alice.create_room(stage.room())

    invited = time.monotonic()
    alice.invite(room, bob.bare, "Come & talk")

    assert await arrives(bob, room, invited) == "direct"
    [received] = await stage.reached(bob, room)
    assert invitation(received) == stage.invitation(alice.bare, bob, room, reason="Come & talk")
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", "relayed", None)
    assert (record["room"], record["inviter"], record["contact"]) == (room, alice.bare, bob.bare)
    assert record["sent_as"] == alice.bare


async def test_members_only_room(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    alice.invite(room, bob.bare)

    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    assert (await bob.join(room)).get("type") is None
    assert await alice.affiliation(room, bob.bare) == "member"


async def test_a_member_may_invite_where_the_room_lets_members(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await carol.create_room(stage.room(), members_only=True, member_invites=True)
    await carol.set_affiliation(room, alice.bare, "member")
    await alice.join(room)

    alice.invite(room, bob.bare)

    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    assert (await bob.join(room)).get("type") is None


async def test_password_room(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="xyzzy & plugh")

    alice.invite(room, bob.bare, "Say the word")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, reason="Say the word", password="xyzzy & plugh")
    assert (await bob.join(room, received.password)).get("type") is None
    await relay.settled(1)
    assert "xyzzy" not in relay.log


@pytest.mark.parametrize("anonymous", [True, False], ids=["semi-anonymous", "non-anonymous"])
@pytest.mark.parametrize(
    "setup", [Setup(hand_over=PATIENT, service_admin=False)], ids=["the relay may not look into rooms"]
)
async def test_the_inviter_is_named(stage, relay, anonymous):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=anonymous)

    alice.invite(room, bob.bare)

    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)


async def test_a_contact_who_is_away_finds_one_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.disconnect()

    alice.invite(room, bob.bare)
    await relay.settled(1)

    bob = await stage.log_in(bob.bare)
    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    assert len(await stage.reached(bob, room)) == 1


# The relay takes it, and that is all.


async def test_one_of_many_whichever_way_they_come(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room(), member_invites=True)
    await carol.join(room)

    alice.invite(room, bob.bare)
    await bob.expect(direct_invitation(room))
    alice.invite(room, bob.bare)
    carol.invite(room, bob.bare)
    alice.invite(room, stage.relay_address(bob.bare))

    first, *others = await relay.settled(4)
    assert (first["route"], first["state"]) == ("handed-over", "relayed")
    assert sorted(record["route"] for record in others) == ["addressed", "handed-over", "handed-over"]
    assert {(record["state"], record["reason"]) for record in others} == {("suppressed", "duplicate")}
    assert len(await stage.reached(bob, room)) == 1


@pytest.mark.needs("occupants")
async def test_an_occupant_is_not_invited(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.join(room)

    alice.invite(room, bob.bare)

    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", "suppressed", "occupant")
    assert not await stage.reached(bob, room)
    await alice.passed(stage.server.component)
    assert not alice.received(notice(room))


async def test_an_outcast_is_not_invited(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "outcast")

    alice.invite(room, bob.bare)

    assert bare((await alice.expect(notice(room))).get("from")) == stage.relay_address(bob.bare)
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", "refused", "outcast")
    assert not await stage.reached(bob, room)


# The relay doesn't take it.


async def test_without_a_relay_the_room_delivers_it_at_once(stage, relay, arrives):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await relay.stop()

    invited = time.monotonic()
    alice.invite(room, bob.bare)

    assert await arrives(bob, room, invited) == "mediated"
    await bob.passed(room)
    assert len(bob.received(an_invitation(room, bob.bare))) == 1


@hasty
async def test_a_relay_that_hangs_comes_too_late(stage, relay, arrives):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    with hung(relay):
        invited = time.monotonic()
        alice.invite(room, bob.bare)
        assert await arrives(bob, room, invited) == "mediated"
        assert time.monotonic() - invited > HASTY - 0.1

    # It has read bob's when it takes carol's, and knows that it is not to be acted on any more.
    alice.invite(room, carol.bare)
    await carol.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert record["contact"] == carol.bare
    assert len(await stage.reached(bob, room)) == 1


async def test_a_relay_that_is_killed_over_it(stage, relay, arrives):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())

    with hung(relay):
        alice.invite(room, bob.bare)
        await is_under_way(stage, alice, bob, room)
        killed = time.monotonic()
        await relay.kill()

    assert await arrives(bob, room, killed) == "mediated"

    await relay.start_again()
    alice.invite(room, carol.bare)
    await carol.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert record["contact"] == carol.bare
    assert len(await stage.reached(bob, room)) == 1


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_relay_that_comes_back_knows_what_it_took(stage, relay, crash, arrives):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    await bob.expect(direct_invitation(room))
    await relay.settled(1)

    await relay.restart(crash=crash)

    invited = time.monotonic()
    alice.invite(room, carol.bare)
    assert await arrives(carol, room, invited) == "direct"
    alice.invite(room, bob.bare)
    *_, again = await relay.settled(3)
    assert (again["contact"], again["state"], again["reason"]) == (bob.bare, "suppressed", "duplicate")
    assert len(await stage.reached(bob, room)) == 1
    assert len(await stage.reached(carol, room)) == 1


@pytest.mark.parametrize(
    ("setup", "config", "state", "reason"),
    [
        (Setup(hand_over=PATIENT, privileges=False), {}, "handed-back", "not-local"),
        (Setup(hand_over=PATIENT), {"limits": {"per_inviter": "1/1h"}}, "handed-back", "rate-limited"),
        (Setup(hand_over=PATIENT), {"muc": {"services": ["elsewhere.example.test"]}}, "refused", "untrusted"),
    ],
    ids=["without privileges", "over a limit", "of a MUC service that is not configured"],
)
async def test_what_the_relay_gives_back_the_room_delivers_at_once(stage, relay, config, state, reason, arrives):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    if "limits" in config:
        alice.invite(room, carol.bare)
        await carol.expect(direct_invitation(room))

    invited = time.monotonic()
    alice.invite(room, bob.bare)

    assert await arrives(bob, room, invited) == "mediated"
    *_, record = await relay.settled(1, "--contact", bob.bare)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", state, reason)
    assert len(await stage.reached(bob, room)) == 1


@hasty
async def test_a_module_that_is_reloaded_delivers_what_it_keeps(stage, relay, arrives):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())

    with hung(relay):
        alice.invite(room, bob.bare)
        await is_under_way(stage, alice, bob, room)
        reloaded = time.monotonic()
        await stage.server.reload_module()
        assert await arrives(bob, room, reloaded) == "mediated"
        # The module is there again. And when carol's deadline has passed, bob's has.
        alice.invite(room, carol.bare)
        await is_under_way(stage, alice, carol, room)
        await carol.expect(native_invitation(room))

    alice.invite(room, dave.bare)
    await dave.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert record["contact"] == dave.bare
    for contact in (bob, carol):
        assert len(await stage.reached(contact, room)) == 1


async def test_a_burst_while_the_relay_is_killed_and_comes_back(stage, relay, note):
    [alice] = await stage.people("alice")
    remote = await stage.remote()
    room = await alice.create_room(stage.room())
    contacts = [f"bob{number}@{remote.jid}" for number in range(200)]

    def invite(some):
        alice.send("".join(mediated_invitation(room, contact) for contact in some))

    invite(contacts[:120])
    met = {(await remote.expect(direct_invitation(room))).get("to") for _ in range(40)}
    await relay.kill()
    in_doubt = set(journal.read(relay.journal).pending.values())
    invite(contacts[120:160])
    await relay.start_again()
    invite(contacts[160:])

    while missing := set(contacts) - met:
        met.add((await remote.expect(an_invitation(room, *missing))).get("to"))
    await relay.settled(1, "--limit", "1000")
    await remote.passed(f"{stage.server.host}/barrier")
    direct = Counter(stanza.get("to") for stanza in remote.received(direct_invitation(room)))
    mediated = Counter(stanza.get("to") for stanza in remote.received(native_invitation(room)))
    twice = {contact for contact, times in (direct + mediated).items() if times > 1}
    note(
        f"{len(contacts)} invited, the relay killed with {len(in_doubt)} under way: {len(direct)} got a direct one, "
        f"{len(mediated)} a mediated one, {len(twice)} more than one ({len(direct & mediated)} one of each kind)"
    )
    assert twice <= in_doubt


# None of the relay's business.


async def test_an_address_on_the_relay_goes_the_addressed_way(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    alice.invite(room, stage.relay_address(bob.bare))

    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    [record] = await relay.settled(1)
    assert (record["route"], record["state"]) == ("addressed", "relayed")
    assert len(await stage.reached(bob, room)) == 1


async def test_a_room_of_another_service_is_left_alone(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(service=stage.server.other_muc))

    alice.invite(room, bob.bare)

    await bob.expect(native_invitation(room))
    await stage.reached(bob, room)
    assert not await relay.history()


async def test_another_servers_room_and_people_are_left_alone(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    remote = await stage.remote()
    room = await alice.create_room(stage.room(), member_invites=True)
    mallory = f"mallory@{remote.jid}/desk"
    remote.send(f"<presence from='{mallory}' to='{room}/Mallory'><x xmlns='{stanzas.MUC}'/></presence>")
    await remote.expect(stanzas.a("presence", sender=room))

    remote.send(mediated_invitation(room, bob.bare, **{"from": mallory}))
    elsewhere = f"tea@{remote.jid}"
    remote.send(
        f"<message from='{elsewhere}' to='{carol.bare}'>"
        f"<x xmlns='{stanzas.MUC_USER}'><invite from='{alice.full}'/></x></message>"
    )

    await bob.expect(native_invitation(room))
    await carol.expect(native_invitation(elsewhere))
    assert len(await stage.reached(bob, room)) == len(await stage.reached(carol, elsewhere)) == 1
    assert not await relay.history()
