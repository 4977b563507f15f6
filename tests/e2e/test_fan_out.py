"""members@ the relay: one invitation reaches everybody on the room's own lists, each once, and one sum comes back."""

from xml.sax.saxutils import quoteattr

import pytest

from support.server import Setup
from support.stanzas import CONFERENCE, a, condition, direct_invitation, invitation, notice, sum_said

SERVICE_ADMIN = pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileges", "service admin"])


def members(stage):
    return f"members@{stage.server.component}"


async def sum_of(client, room):
    return sum_said(await client.expect(notice(room)), room)


def parts(records):
    """What became of everybody, by contact; the parent apart."""
    [parent] = [record for record in records if "parent" not in record]
    return parent, {record["contact"]: record for record in records if "parent" in record}


@SERVICE_ADMIN
@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_everybody_on_the_lists_is_invited(stage, relay, members_only):
    if "plain-iq" in stage.server.lacks and not stage.server.setup.privileges:
        pytest.skip("nobody tells who is on the lists")
    alice, bob, carol, dave, eve = await stage.people("alice", "bob", "carol", "dave", "eve")
    room = await alice.create_room(stage.room(), members_only=members_only)
    for who, affiliation in ((bob, "owner"), (carol, "admin"), (dave, "member"), (eve, "outcast")):
        await alice.set_affiliation(room, who.bare, affiliation)

    alice.invite(room, members(stage), "Come & talk")

    for contact in (bob, carol, dave):
        received = invitation(await contact.expect(direct_invitation(room)))
        sender = alice.bare if stage.server.setup.privileges else stage.relay_address(alice.bare)
        assert received == stage.invitation(sender, contact, room, reason="Come & talk")
    assert await sum_of(alice, room) == "3 invited"
    parent, children = parts(await relay.settled(4))
    assert (parent["route"], parent["contact"], parent["state"]) == ("fan-out", members(stage), "relayed")
    assert set(children) == {bob.bare, carol.bare, dave.bare}, "not the inviter, nor who is banned"
    assert {(child["route"], child["state"], child["parent"]) for child in children.values()} == {
        ("fan-out", "relayed", parent["id"])
    }
    for who, affiliation in ((bob, "owner"), (carol, "admin"), (dave, "member"), (eve, "outcast")):
        assert await alice.affiliation(room, who.bare) == affiliation
    # The room has made the address a member, as any that is invited; it needs no such rights.
    await alice.until_affiliation(room, members(stage), "none")
    for client in (bob, carol, dave):
        assert len(await stage.reached(client, room)) == 1
    assert not await stage.reached(eve, room)
    assert len(alice.received(notice(room))) == 1


async def test_a_second_one_reaches_only_those_who_are_new(stage, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    for who in (carol, dave):
        await alice.set_affiliation(room, who.bare, "member")

    alice.invite(room, members(stage))

    await carol.expect(direct_invitation(room))
    await dave.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "2 invited, 1 invited before"
    alice.invite(room, members(stage))
    assert await sum_of(alice, room) == "0 invited, 3 invited before"
    records = await relay.settled(5)
    assert (records[-1]["state"], records[-1]["reason"]) == ("suppressed", "nobody")
    for client in (bob, carol, dave):
        assert len(await stage.reached(client, room)) == 1


@pytest.mark.needs("occupants")
async def test_those_inside_are_not_invited(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room(), members_only=True)
    for who in (bob, carol):
        await alice.set_affiliation(room, who.bare, "member")
    await carol.join(room)

    alice.invite(room, members(stage))

    await bob.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "1 invited, 1 already there"
    assert not await stage.reached(carol, room)


@pytest.mark.needs("occupants")
async def test_of_one_person_alone_nobody_learns_whether_he_is_inside(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")
    await bob.join(room)

    alice.invite(room, members(stage))

    assert await sum_of(alice, room) == "1 invited"
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize("config", [{"limits": {"max_recipients": 2}}], ids=["2 at most"])
async def test_above_the_cap_nobody_is_invited(stage, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())
    for who in (bob, carol, dave):
        await alice.set_affiliation(room, who.bare, "member")

    alice.invite(room, members(stage))

    assert "Nobody was invited" in await sum_of(alice, room)
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "too-many")
    # Whoever is invited already does not count.
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(2)
    alice.invite(room, members(stage))
    assert await sum_of(alice, room) == "2 invited, 1 invited before"
    for client in (carol, dave):
        await client.expect(direct_invitation(room))


async def test_wishes_hold_and_nobody_learns_of_them(stage, relay, take):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    for who in (bob, carol):
        await alice.set_affiliation(room, who.bare, "member")
    await take(bob, "nobody")

    alice.invite(room, members(stage))

    await carol.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "2 invited"
    assert not await stage.reached(bob, room)
    _, children = parts(await relay.settled(3))
    assert (children[bob.bare]["state"], children[bob.bare]["reason"]) == ("suppressed", "opted-out")


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["service admin"])
async def test_who_can_not_be_reached_is_counted(stage, relay):
    if "plain-iq" in stage.server.lacks:
        pytest.skip("nobody tells who is on the lists")
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    for who in (bob.bare, f"nobody-at-all@{stage.server.host}"):
        await alice.set_affiliation(room, who, "member")

    alice.invite(room, members(stage))

    assert await sum_of(alice, room) == "1 invited, 1 can't be reached"
    await alice.passed(stage.server.component)
    assert len(alice.received(notice(room))) == 1, "nothing of the parts"


async def test_directly_by_an_owner(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")

    alice.send(f"<message to='{members(stage)}' id='d1'><x xmlns='{CONFERENCE}' jid='{room}' reason='Come'/></message>")

    assert invitation(await bob.expect(direct_invitation(room))).reason == "Come"
    assert await sum_of(alice, room) == "1 invited"
    parent, _ = parts(await relay.settled(2))
    assert (parent["route"], parent["state"]) == ("direct", "relayed")


async def test_directly_by_somebody_who_has_no_business_there(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await alice.set_affiliation(room, bob.bare, "member")

    mallory.send(f"<message to={quoteattr(members(stage))} id='d1'><x xmlns='{CONFERENCE}' jid='{room}'/></message>")

    assert condition(await mallory.expect(a("message", type="error"))) == "forbidden"
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize(
    "setup", [Setup(privileges=False, service_admin=False)], ids=["no rights"]
)
async def test_a_room_that_does_not_tell_who_its_members_are(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    await alice.set_affiliation(room, bob.bare, "member")

    alice.invite(room, members(stage))

    assert "does not tell" in await sum_of(alice, room)
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "no-list")


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_restart_forgets_nothing(stage, relay, crash):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    for who in (bob, carol):
        await alice.set_affiliation(room, who.bare, "member")
    alice.invite(room, members(stage))
    assert await sum_of(alice, room) == "2 invited"
    await relay.settled(3)

    await relay.restart(crash=crash)
    alice.invite(room, members(stage))

    assert await sum_of(alice, room) == "0 invited, 2 invited before"
    for client in (bob, carol):
        assert len(await stage.reached(client, room)) == 1


@pytest.mark.parametrize("config", [{"limits": {"per_contact": "1/1h"}}], ids=["one invitation an hour"])
async def test_each_counts_for_its_contact_wanted_or_not(stage, relay, take):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    tea, den = [await alice.create_room(stage.room(name)) for name in ("tea", "den")]
    for room in (tea, den):
        for who in (bob, carol):
            await alice.set_affiliation(room, who.bare, "member")
    await take(bob, "nobody")

    alice.invite(tea, members(stage))
    assert await sum_of(alice, tea) == "2 invited"
    alice.invite(den, members(stage))
    assert await sum_of(alice, den) == "0 invited, 2 can't be reached"

    records = await relay.settled(6)
    states = [(record["contact"], record["state"], record.get("reason")) for record in records if "parent" in record]
    assert sorted(states[:2]) == sorted([(bob.bare, "suppressed", "opted-out"), (carol.bare, "relayed", None)])
    assert {(state, reason) for _, state, reason in states[2:]} == {("refused", "rate-limited")}
    assert not await stage.reached(bob, tea)
    assert len(await stage.reached(carol, tea)) == 1
