"""Every kind of room, with every kind of right: who is named as the inviter, and who may enter afterwards."""

import pytest

from support.server import Setup
from support.stanzas import bare, direct_invitation, invitation, native_invitation, notice

RIGHTS = {
    "both": Setup(),
    "privileges": Setup(service_admin=False),
    "service admin": Setup(privileges=False),
    "neither": Setup(privileges=False, service_admin=False),
}


def with_rights(*names, alone=None):
    """Runs a test once for each kind of right; `alone` is what a server must offer if privileges are all there is."""
    marks = {"privileges": pytest.mark.needs(alone)} if alone else {}
    return pytest.mark.parametrize("setup", [pytest.param(RIGHTS[n], marks=marks.get(n, ()), id=n) for n in names])


def sender(stage, inviter):
    """In whose name an invitation of a known inviter goes out."""
    return inviter if stage.server.setup.privileges else stage.relay_address(inviter)


@with_rights(*RIGHTS)
async def test_open_room(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)

    alice.invite(room, stage.relay_address(bob.bare), "Come & talk")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(sender(stage, alice.bare), bob, room, reason="Come & talk")
    [record] = await relay.settled(1)
    assert record["state"] == "relayed"
    assert record["route"] == "addressed"
    assert (record["inviter"], record["contact"], record["room"]) == (alice.bare, bob.bare, room)
    assert record["sent_as"] == sender(stage, alice.bare)
    assert not bob.received(native_invitation(room))


@with_rights("both", "service admin")
@pytest.mark.needs("masked-inviter")
async def test_semi_anonymous_room_names_the_real_inviter(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=True)

    alice.invite(room, stage.relay_address(bob.bare))

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(sender(stage, alice.bare), bob, room)


@with_rights("privileges", "neither")
@pytest.mark.needs("masked-inviter")
async def test_semi_anonymous_room_names_the_occupant_if_nobody_tells_more(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=True)

    alice.invite(room, stage.relay_address(bob.bare), "Come in")

    received = invitation(await bob.expect(direct_invitation(room)))
    # A localpart has no capitals.
    occupant = stage.relay_address(f"{room}/{alice.nick}").lower()
    assert received == stage.invitation(occupant, bob, room, reason="Come in")


@pytest.mark.needs("outsiders-invite")
async def test_an_inviter_who_is_not_in_the_room(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await carol.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room)


@with_rights("both", "privileges", "service admin", alone="privileged-iq")
async def test_members_only_room_opens_for_the_contact(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True, anonymous=False)
    bob_at_the_relay = stage.relay_address(bob.bare)

    alice.invite(room, bob_at_the_relay, "Members meet")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(sender(stage, alice.bare), bob, room, reason="Members meet")
    # He is a member by the time he hears of it, and the address that was invited is none.
    assert (await bob.join(room)).get("type") is None
    assert await alice.affiliation(room, bob.bare) == "member"
    await alice.until_affiliation(room, bob_at_the_relay, "none")


@with_rights("both", "service admin")
@pytest.mark.needs("masked-inviter")
async def test_members_only_and_semi_anonymous_room_opens_too(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True, anonymous=True)

    alice.invite(room, stage.relay_address(bob.bare))

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(sender(stage, alice.bare), bob, room)
    assert (await bob.join(room)).get("type") is None


@with_rights("neither")
async def test_what_the_room_does_not_tell_speaks_for_the_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True, anonymous=False)

    alice.invite(room, stage.relay_address(bob.bare))

    # He might be a member already; the relay neither sees that nor could change it.
    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(sender(stage, alice.bare), bob, room)
    await relay.settled(1)
    assert await alice.affiliation(room, bob.bare) == "none"


@pytest.mark.needs("plain-iq")
async def test_a_member_may_invite_where_the_room_lets_members(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await carol.create_room(stage.room(), members_only=True, member_invites=True)
    await carol.set_affiliation(room, alice.bare, "member")
    await alice.join(room)

    alice.invite(room, stage.relay_address(bob.bare))

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room)
    assert (await bob.join(room)).get("type") is None


@pytest.mark.parametrize("config", [{"muc": {"membership": "require"}}], ids=["membership=require"])
async def test_membership_may_be_left_to_the_owners(stage, relay):
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, dave.bare, "member")

    alice.invite(room, stage.relay_address(bob.bare))
    await alice.expect(notice(room))
    alice.invite(room, stage.relay_address(dave.bare))
    await dave.expect(direct_invitation(room))

    refused, relayed = await relay.settled(2)
    assert (refused["state"], refused["reason"]) == ("refused", "not-member")
    assert relayed["state"] == "relayed"
    assert not await stage.reached(bob, room)
    assert await alice.affiliation(room, bob.bare) == "none"


@pytest.mark.parametrize("config", [{"muc": {"membership": "ignore"}}], ids=["membership=ignore"])
async def test_membership_may_be_ignored(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    assert await alice.affiliation(room, bob.bare) == "none"


@pytest.mark.parametrize("affiliation", ["owner", "admin"])
async def test_nobody_is_demoted(stage, relay, affiliation):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, bob.bare, affiliation)

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    assert await alice.affiliation(room, bob.bare) == affiliation


@with_rights("both", "privileges", "service admin", alone="privileged-iq")
async def test_an_outcast_is_not_invited(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    await alice.set_affiliation(room, bob.bare, "outcast")
    bob_at_the_relay = stage.relay_address(bob.bare)

    alice.invite(room, bob_at_the_relay)

    assert bare((await alice.expect(notice(room))).get("from")) == bob_at_the_relay
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "outcast")
    assert await alice.affiliation(room, bob.bare) == "outcast"
    assert not await stage.reached(bob, room)


@with_rights("both", "privileges", "service admin", "neither")
async def test_password_room(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="xyzzy & plugh", anonymous=False)

    alice.invite(room, stage.relay_address(bob.bare), "Say the word")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(
        sender(stage, alice.bare), bob, room, reason="Say the word", password="xyzzy & plugh"
    )
    assert (await bob.join(room, received.password)).get("type") is None
    await relay.settled(1)
    assert "xyzzy" not in relay.log
    assert "xyzzy" not in await relay.command("history", "--json")


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("length", [7800, 7900, 8000, 8100])
async def test_an_invitation_as_long_as_a_read(stage, relay, length):
    """Such a tag ends in the server's next read: newer XML parsers leave it there until as much again has come."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="p" * length)

    alice.invite(room, stage.relay_address(bob.bare))

    [record] = await relay.settled(1)
    assert record["state"] == "relayed"


@pytest.mark.parametrize("config", [{"relay": {"passwords": "strip"}}], ids=["passwords=strip"])
async def test_passwords_may_be_kept_back(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="xyzzy")

    alice.invite(room, stage.relay_address(bob.bare))

    assert invitation(await bob.expect(direct_invitation(room))).password is None


async def test_an_address_that_stands_for_nobody(stage, relay):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    nobody = f"nobody-of-that-name@{stage.server.component}"

    alice.invite(room, nobody)

    assert bare((await alice.expect(notice(room))).get("from")) == nobody
    [record] = await relay.settled(1)
    assert record["state"] == "refused"
