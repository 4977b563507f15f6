"""Membership through the relay: nobody gets it from an inviter who may not give it, nor keeps it without an invitation."""

import asyncio
import signal
from xml.sax.saxutils import quoteattr

import pytest

from support.server import Setup
from support.stanzas import STANZA_ERRORS, direct_invitation, invitation, notice

pytestmark = pytest.mark.every_version

OWN_DOMAIN = pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["service admin"])
"""Only a message of the component's own comes back to it; one in the inviter's name does not."""

FRESH = 1.1
"""Seconds after which the relay looks at a room again."""


def bounce(contact, message):
    """The contact's client sends the invitation back."""
    contact.send(
        f"<message type='error' to={quoteattr(message.get('from'))} id={quoteattr(message.get('id'))}>"
        f"<error type='cancel'><service-unavailable xmlns='{STANZA_ERRORS}'/></error></message>"
    )


@OWN_DOMAIN
async def test_an_invitation_to_nobody_leaves_no_member(stage, relay):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    nobody = f"nobody-at-all@{stage.server.host}"

    alice.invite(room, stage.relay_address(nobody))

    await alice.expect(notice(room))
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("failed", "bounced")
    assert f"{nobody} is no member any more" in relay.log
    assert await alice.affiliation(room, nobody) == "none"
    await alice.until_affiliation(room, stage.relay_address(nobody), "none")


@OWN_DOMAIN
@pytest.mark.parametrize("restart", [None, False, True], ids=["at once", "after a restart", "after a crash"])
async def test_one_that_comes_back_late_takes_the_membership_with_it(stage, relay, restart):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    alice.invite(room, stage.relay_address(bob.bare))
    received = await bob.expect(direct_invitation(room))
    await relay.settled(1)
    assert await alice.affiliation(room, bob.bare) == "member"

    if restart is not None:
        await relay.restart(crash=restart)
    bounce(bob, received)

    await alice.expect(notice(room))
    await alice.until_affiliation(room, bob.bare, "none")
    [record] = await relay.history()
    assert (record["state"], record["reason"]) == ("failed", "bounced")


@OWN_DOMAIN
@pytest.mark.parametrize("affiliation", ["member", "admin"])
async def test_what_was_not_given_by_us_is_not_taken_back(stage, relay, affiliation):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, bob.bare, affiliation)
    alice.invite(room, stage.relay_address(bob.bare))
    received = await bob.expect(direct_invitation(room))

    bounce(bob, received)

    await alice.expect(notice(room))
    assert await alice.affiliation(room, bob.bare) == affiliation


@OWN_DOMAIN
async def test_nor_from_one_whom_an_owner_has_made_more_meanwhile(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    alice.invite(room, stage.relay_address(bob.bare))
    received = await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await alice.set_affiliation(room, bob.bare, "admin")

    bounce(bob, received)

    await alice.expect(notice(room))
    assert await alice.affiliation(room, bob.bare) == "admin"


@OWN_DOMAIN
@pytest.mark.needs("occupants")
async def test_nor_from_one_who_is_inside(stage, relay):
    """Whichever way he has heard of the room."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    alice.invite(room, stage.relay_address(bob.bare))
    received = await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await bob.join(room)

    bounce(bob, received)

    await alice.expect(notice(room))
    assert await alice.affiliation(room, bob.bare) == "member"


async def test_a_room_that_closes_before_the_relay_has_looked(stage, relay):
    """Everybody may invite to an open room; that is no right to bring people into one that has closed since."""
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await mallory.join(room)

    relay.process.signal(signal.SIGSTOP)
    mallory.invite(room, stage.relay_address(bob.bare))
    await mallory.passed(room)
    await alice.configure(room, members_only=True)
    relay.process.signal(signal.SIGCONT)

    [record] = await relay.settled(1)
    assert await alice.affiliation(room, bob.bare) == "none"
    if "plain-iq" in stage.server.lacks:
        # Nobody tells the relay who is a member: he might be one already, and gets an invitation to a closed door.
        assert record["state"] == "relayed"
    else:
        assert (record["state"], record["reason"]) == ("refused", "may-not-invite")
        assert not await stage.reached(bob, room)


@OWN_DOMAIN
@pytest.mark.parametrize("known", [True, False], ids=["a room that the relay knows", "one that it never saw"])
async def test_an_inviter_who_is_no_admin_any_more_when_the_relay_looks(stage, relay, known):
    """The room let him invite, and shows it by the address that it made a member: that stands, if it was not one before."""
    alice, carol, bob, dave = await stage.people("alice", "carol", "bob", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, carol.bare, "admin")
    await carol.join(room)
    if known:
        alice.invite(room, stage.relay_address(dave.bare))
        await dave.expect(direct_invitation(room))

    relay.process.signal(signal.SIGSTOP)
    carol.invite(room, stage.relay_address(bob.bare))
    await carol.passed(room)
    await alice.set_affiliation(room, carol.bare, "none")
    relay.process.signal(signal.SIGCONT)

    last = (await relay.settled(1 + known))[-1]
    if "plain-iq" in stage.server.lacks:
        pass  # Nobody tells.
    elif known:
        await bob.expect(direct_invitation(room))
        assert await alice.affiliation(room, bob.bare) == "member"
    else:
        # The address may have been on the list for any reason.
        assert (last["state"], last["reason"]) == ("refused", "may-not-invite")
        assert await alice.affiliation(room, bob.bare) == "none"


@OWN_DOMAIN
@pytest.mark.parametrize("left_by", ["an owner", "a refused invitation"])
async def test_an_address_that_was_on_the_list_before_vouches_for_nothing(stage, relay, left_by):
    """Everybody inside may invite to an open room; when it has closed, the address on its list is nobody's word for him."""
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    address, count = stage.relay_address(bob.bare), 0
    if left_by == "an owner":
        await alice.set_affiliation(room, address, "member")
    else:
        await alice.set_affiliation(room, bob.bare, "outcast")
        alice.invite(room, address)
        await relay.settled(count := 1)
        await alice.set_affiliation(room, bob.bare, "none")
        await asyncio.sleep(FRESH)
    await alice.configure(room, member_invites=True)
    await alice.set_affiliation(room, carol.bare, "member")
    await carol.join(room)

    relay.process.signal(signal.SIGSTOP)
    carol.invite(room, address)
    await carol.passed(room)
    await alice.configure(room, members_only=True)
    relay.process.signal(signal.SIGCONT)

    last = (await relay.settled(count + 1))[-1]
    assert await alice.affiliation(room, bob.bare) == "none"
    if "plain-iq" not in stage.server.lacks:
        assert (last["state"], last["reason"]) == ("refused", "may-not-invite")


@pytest.mark.parametrize("what", ["banned", "closed"])
async def test_what_has_changed_a_moment_ago_counts(stage, relay, what):
    """The relay has looked at the room a moment before, and looks again."""
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    room = await alice.create_room(stage.room(), anonymous=False)
    alice.invite(room, stage.relay_address(dave.bare))
    await dave.expect(direct_invitation(room))
    await relay.settled(1)

    if what == "banned":
        await alice.set_affiliation(room, bob.bare, "outcast")
    else:
        await alice.configure(room, members_only=True, anonymous=False)
    await asyncio.sleep(FRESH)
    alice.invite(room, stage.relay_address(bob.bare))

    last = (await relay.settled(2))[-1]
    if what == "banned":
        assert (last["state"], last["reason"]) == ("refused", "outcast")
        assert not await stage.reached(bob, room)
    else:
        assert last["state"] == "relayed"
        assert await alice.affiliation(room, bob.bare) == "member"


@pytest.mark.parametrize("setup", [Setup(service_admin=False), Setup()], ids=["privileges", "both"])
@pytest.mark.needs("privileged-iq")
async def test_a_member_may_not_invite_where_the_room_does_not_let_members(stage, relay):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), members_only=True, anonymous=False)
    await alice.set_affiliation(room, carol.bare, "member")
    await carol.join(room)

    carol.invite(room, stage.relay_address(bob.bare))
    await carol.passed(room)
    alice.invite(room, stage.relay_address(bob.bare), "the owner's own")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, reason="the owner's own")
    assert len(await relay.settled(1)) == 1
