"""The same invitation again: forms and repetitions of one moment are one, a new occasion is a new one, nobody can nag, and
nobody learns from what they are told who is inside or wants none."""

import signal
from datetime import timedelta

import pytest

from support.clock import WallClock
from support.server import Setup
from support.stanzas import CONFERENCE, direct_invitation, invitation, notice, said, sum_said

ADDRESSED, HANDED_OVER = Setup(), Setup(hand_over=60)
EACH_WAY = pytest.mark.parametrize("setup", [ADDRESSED, HANDED_OVER], ids=["addressed", "handed over"])


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
async def relay(server, relays, config, clock):
    relay = relays(server, **config)
    relay.env.update(clock.env)
    await relay.start()
    return relay


@pytest.fixture
def address(stage):
    """How this contact is invited: by relay address, or as always."""
    return lambda jid: jid if stage.server.setup.hand_over else stage.relay_address(jid)


def minutes(count):
    return timedelta(minutes=count)


def verdicts(records):
    return [(record["state"], record["reason"]) for record in records]


RELAYED, REPEATED = ("relayed", None), ("suppressed", "duplicate")


@pytest.mark.one_of_each_make
async def test_a_reminder_arrives_and_who_repeats_it_waits_longer(stage, relay, clock):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await carol.join(room)
    ahead = timedelta()
    expected = [
        (alice, 0, RELAYED),
        (alice, 9, REPEATED),
        (alice, 1, RELAYED),
        (alice, 50, REPEATED),
        (carol, 0, RELAYED),
        (carol, 9, REPEATED),
        (alice, 2, RELAYED),
        (alice, 23 * 60, REPEATED),
        (alice, 61, RELAYED),
    ]
    for count, (inviter, after, verdict) in enumerate(expected, 1):
        ahead += minutes(after)
        clock.set(ahead)
        inviter.invite(room, stage.relay_address(bob.bare))
        records = await relay.settled(count)
        assert verdicts(records)[-1] == verdict, f"the {count}th"
    arrived = [verdict for *_, verdict in expected].count(RELAYED)
    assert len(await stage.reached(bob, room)) == arrived
    for inviter, times in ((alice, 3), (carol, 1)):
        await inviter.passed(stage.server.component)
        told = inviter.received(notice(room))
        assert len(told) == times
        assert all("a short while ago" in said(message) for message in told)


async def test_an_hour_later_it_arrives(stage, relay, clock):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    for _ in range(2):
        alice.invite(room, stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))
        clock.set(minutes(60))
    await relay.settled(2)


@EACH_WAY
async def test_who_is_no_member_any_more_is_invited_again(stage, relay, address):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    for count in (1, 2, 3):
        alice.invite(room, address(bob.bare))
        await bob.expect(direct_invitation(room))
        await relay.settled(count)
        await alice.until_affiliation(room, bob.bare, "member")
        await alice.set_affiliation(room, bob.bare, "none")

    await alice.set_affiliation(room, bob.bare, "member")
    alice.invite(room, address(bob.bare))
    assert verdicts(await relay.settled(4)) == [RELAYED, RELAYED, RELAYED, REPEATED]
    await alice.expect(notice(room))
    assert len(await stage.reached(bob, room)) == 3


@EACH_WAY
async def test_a_room_that_was_closed_meanwhile(stage, relay, address):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await alice.configure(room, members_only=True)

    alice.invite(room, address(bob.bare))

    await bob.expect(direct_invitation(room))
    await alice.until_affiliation(room, bob.bare, "member")


async def test_a_room_that_was_made_anew(stage, relay):
    """Only where members alone can enter: nothing shows it of an open one."""
    alice, bob = await stage.people("alice", "bob")
    name = stage.room()
    for count in (1, 2):
        room = await alice.create_room(name, members_only=True, persistent=False)
        alice.invite(room, stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))
        await relay.settled(count)
        await alice.leave(room)
        await alice.until_gone(room)
    assert verdicts(await relay.history()) == [RELAYED, RELAYED]


async def test_who_was_banned_meanwhile(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await alice.set_affiliation(room, bob.bare, "outcast")
    # The relay may remember for some seconds that nobody is.
    await relay.restart()
    alice.invite(room, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(2)) == [RELAYED, ("refused", "outcast")]
    await alice.set_affiliation(room, bob.bare, "none")
    await relay.restart()

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))


@EACH_WAY
async def test_a_new_password(stage, relay, address):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="one")
    for count, (password, arrives) in enumerate([("one", True), ("one", False), ("two", True), ("two", False)], 1):
        await alice.configure(room, password=password)
        alice.invite(room, address(bob.bare))
        if arrives:
            assert invitation(await bob.expect(direct_invitation(room))).password == password
        else:
            await alice.expect(notice(room))
        records = await relay.settled(count)
    assert verdicts(records) == [RELAYED, REPEATED] * 2
    assert b"two" not in relay.journal.read_bytes()


async def test_two_forms_and_five_people_within_a_minute(stage, relay):
    alice, carol, dave, bob = await stage.people("alice", "carol", "dave", "bob")
    room = await alice.create_room(stage.room(), member_invites=True, anonymous=False)
    for other in (carol, dave):
        await other.join(room)
    to = stage.relay_address(bob.bare)

    alice.invite(room, to)
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    # As some clients do by themselves.
    alice.send(f"<message to='{to}'><x xmlns='{CONFERENCE}' jid='{room}'/></message>")
    assert verdicts(await relay.settled(2)) == [RELAYED, REPEATED]
    await alice.passed(stage.server.component)
    assert not alice.received(notice(room)), "they have invited once"
    carol.invite(room, to)
    await carol.expect(notice(room))
    dave.invite(room, to)
    await dave.expect(notice(room))

    assert verdicts(await relay.settled(4)) == [RELAYED, REPEATED, REPEATED, REPEATED]
    assert len(await stage.reached(bob, room)) == 1


@EACH_WAY
async def test_what_is_told_does_not_depend_on_the_contact(stage, relay, clock, address, take):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())
    await take(carol, "nobody")
    if "occupants" not in stage.server.lacks:
        await dave.join(room)
    contacts = (bob, carol, dave)
    count = 0
    # A server that hands over has a clock, too, and by that it would be too late.
    for ahead in (0, 0, 0) if stage.server.setup.hand_over else (0, 1, 11, 40, 80):
        clock.set(minutes(ahead))
        for contact in contacts:
            alice.invite(room, address(contact.bare))
            count += 1
            await relay.settled(count)
    await alice.passed(stage.server.component)
    told = [said(message) for message in alice.received(notice(room))]
    by_contact = [[text.replace(contact.bare, "CONTACT") for text in told if contact.bare in text] for contact in contacts]
    assert by_contact[0] == by_contact[1] == by_contact[2]
    assert len(by_contact[0]) == 2, "after a minute, and after 29 of an hour"


@pytest.mark.needs("occupants")
async def test_who_has_left_is_invited_again(stage, relay):
    """They had been seen inside, so what they were invited for is over."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await bob.join(room)
    await relay.restart()
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(2)
    await bob.leave(room)
    await relay.restart()

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))


async def test_a_second_invitation_of_all_members_says_who_was_invited_before(stage, relay):
    if "plain-iq" in stage.server.lacks and not stage.server.setup.privileges:
        pytest.skip("nobody tells who is on the lists")
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())
    for contact in (bob, carol):
        await alice.set_affiliation(room, contact.bare, "member")
    everybody = f"members@{stage.server.component}"
    alice.invite(room, everybody)
    assert sum_said(await alice.expect(notice(room)), room) == "2 invited"
    await alice.set_affiliation(room, dave.bare, "member")
    await relay.restart()

    alice.invite(room, everybody)

    assert sum_said(await alice.expect(notice(room)), room) == "1 invited, 2 invited before"
    assert len(await stage.reached(bob, room)) == 1


async def test_the_window_is_read_again(stage, relay, clock):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    clock.set(minutes(3))
    alice.invite(room, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(2))[1] == REPEATED
    relay.config.write_text(stage.server.relay_config(relay.journal, relay={"window": "2m"}))
    relay.process.signal(signal.SIGHUP)
    await relay.process.says("relay.window")

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
