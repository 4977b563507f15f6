"""Affiliations of whole domains (XEP-0045 §9): a person's own entry comes first, then their domain's.

Both servers keep a banned domain out. ejabberd lets the people of a domain that is a member or an admin in, and gives them
its rights; Prosody does not.
"""

from xml.sax.saxutils import quoteattr

import pytest

from support.server import Setup
from support.stanzas import CONFERENCE, a, condition, direct_invitation, invitation, notice, sum_said

REQUIRE = pytest.mark.parametrize("config", [{"muc": {"membership": "require"}}], ids=["membership=require"])
BY_HAND_OVER = pytest.mark.parametrize("setup", [Setup(), Setup(hand_over=60)], ids=["relay address", "hand-over"])

OTHER = "bücher.example.test"
OTHER_IN_A_LABELS = "xn--bcher-kva.example.test"


def counts_domains(stage):
    """Whether the server gives the people of a domain more than a ban."""
    return stage.server.name.startswith("ejabberd")


def knows_the_lists(stage):
    """Whether somebody tells the relay a room's lists, whoever invites."""
    return "plain-iq" not in stage.server.lacks and stage.server.setup.service_admin


def address_of(stage, contact):
    return contact if stage.server.setup.hand_over else stage.relay_address(contact)


async def outcome(relay, count=1):
    *_, last = await relay.settled(count)
    return last["state"], last.get("reason")


@BY_HAND_OVER
async def test_nobody_of_a_banned_domain_is_invited(stage, relay):
    """Only who has an entry of their own, which the room looks at first."""
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, carol.bare, "member")
    await alice.set_affiliation(room, stage.server.host, "outcast")

    alice.invite(room, address_of(stage, bob.bare))
    assert await outcome(relay) == ("refused", "outcast")
    alice.invite(room, address_of(stage, carol.bare))

    await carol.expect(direct_invitation(room))
    assert not await stage.reached(bob, room)
    assert (await bob.join(room)).get("type") == "error"
    assert (await carol.join(room)).get("type") is None


async def test_nor_is_the_ban_lifted_by_a_membership(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, stage.server.host, "outcast")

    alice.invite(room, stage.relay_address(bob.bare))
    assert await outcome(relay) == ("refused", "outcast")
    alice.send(f"<message to={quoteattr(stage.relay_address(bob.bare))}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")

    assert condition(await alice.expect(a("message", type="error"))) == "not-allowed"
    assert await outcome(relay, 2) == ("refused", "outcast")
    assert await alice.affiliation(room, bob.bare) == "none"
    assert await alice.affiliation(room, stage.server.host) == "outcast"
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize("spelled", [OTHER, OTHER_IN_A_LABELS], ids=["U-label", "A-label"])
@pytest.mark.parametrize("listed", [OTHER, OTHER_IN_A_LABELS], ids=["U-label banned", "A-label banned"])
async def test_a_banned_domain_in_any_spelling(stage, relay, listed, spelled):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, listed, "outcast")

    alice.invite(room, stage.relay_address(f"karl@{spelled}"))

    assert await outcome(relay) == ("refused", "outcast")


async def test_a_domain_above_or_below_is_another_one(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    for domain in ("test", f"sub.{stage.server.host}"):
        await alice.set_affiliation(room, domain, "outcast")

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))


@REQUIRE
async def test_where_members_are_required_their_domain_will_do(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, stage.server.host, "member")

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    assert await outcome(relay) == ("relayed", None)
    assert await alice.affiliation(room, bob.bare) == "none"


@pytest.mark.parametrize("rank", ["member", "admin"])
async def test_whose_domain_is_a_member_can_come_in(stage, relay, rank):
    """Where the room does not count the domain, the contact becomes a member; where it does, that would be a demotion."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, stage.server.host, rank)

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    assert (await bob.join(room)).get("type") is None
    assert await alice.affiliation(room, bob.bare) == ("none" if counts_domains(stage) else "member")
    assert await alice.affiliation(room, stage.server.host) == rank


@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_an_inviter_whose_domain_is_an_admin(stage, relay, members_only):
    """They have the rights that the server gives them, and no more."""
    if not knows_the_lists(stage):
        pytest.skip("nobody tells who may invite")
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room(), members_only=members_only)
    await alice.set_affiliation(room, stage.server.host, "admin")

    address = stage.relay_address(bob.bare)
    mallory.send(f"<message to={quoteattr(address)}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")

    if counts_domains(stage):
        await bob.expect(direct_invitation(room))
    else:
        assert condition(await mallory.expect(a("message", type="error"))) == "forbidden"
        assert not await stage.reached(bob, room)
    assert await alice.affiliation(room, bob.bare) == "none"


async def test_an_inviter_whose_domain_is_banned(stage, relay):
    """An owner bans their own domain, except for those who are on the lists."""
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await alice.set_affiliation(room, bob.bare, "member")
    await alice.set_affiliation(room, stage.server.host, "outcast")
    address = stage.relay_address(bob.bare)

    mallory.send(f"<message to={quoteattr(address)}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")
    assert condition(await mallory.expect(a("message", type="error"))) == "forbidden"
    alice.send(f"<message to={quoteattr(address)}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")

    assert invitation(await bob.expect(direct_invitation(room))).sender == alice.bare
    assert [record["state"] for record in await relay.settled(2)] == ["refused", "relayed"]


async def test_a_domain_on_the_list_is_nobody_to_invite(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")
    for domain, rank in ((stage.server.remote, "member"), ("elsewhere.example", "admin"), (OTHER, "outcast")):
        await alice.set_affiliation(room, domain, rank)

    alice.invite(room, f"members@{stage.server.component}")

    await bob.expect(direct_invitation(room))
    told = await alice.expect(notice(room))
    assert sum_said(told, room) == "1 invited"
    assert len(await relay.settled(2)) == 2
