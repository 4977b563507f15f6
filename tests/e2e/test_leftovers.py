"""Relay addresses on member lists: however an invitation comes and ends, none of its addresses stays on the list."""

from contextlib import suppress
from xml.sax.saxutils import quoteattr

import pytest

from support.server import Setup
from support.stanzas import CONFERENCE, direct_invitation, escaped

TEAM = {"groups": {"team": ["somebody@elsewhere.example"]}}
LIMITED = {
    "limits": {"per_inviter": "2/1h", "per_domain": "1000/10m", "per_contact": "20/1h", "per_room": "200/1h"}
}

BY = pytest.mark.parametrize("directly", [False, True], ids=["mediated", "direct"])


def invite(client, room, address, directly):
    if directly:
        client.send(f"<message to={quoteattr(address)}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")
    else:
        client.invite(room, address)


async def is_taken_off_behind_it(relay, owner, room, address, invite):
    """Who puts the address on the list behind an invitation. The room is looked at once more 3 s after the ending: on a machine
    that stood still meanwhile the address comes later, and the next invitation shows it."""
    ended = len(await relay.history())
    for _ in range(3):
        invite()
        ended = len(await relay.settled(ended + 1))
        await owner.set_affiliation(room, address, "member")
        with suppress(AssertionError):
            await owner.until_affiliation(room, address, "none", within=8)
            return
    raise AssertionError(f"{address} stays on the list")


async def reasons(relay, count):
    return [record.get("reason") or record["state"] for record in await relay.settled(count)]


@pytest.mark.one_of_each_make
@BY
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("config", [TEAM], ids=["a group"])
@pytest.mark.parametrize("which", ["contact", "nobody", "members", "team", "relay", "bare"])
async def test_an_owners_client_makes_the_address_a_member(stage, relay, which, when, directly):
    """Gajim does so before it invites, Converse behind it."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    component = stage.server.component
    address = {
        "contact": stage.relay_address(bob.bare),
        "nobody": f"nobody-of-that-name@{component}",
        "members": f"members@{component}",
        "team": f"team@{component}",
        "relay": f"{escaped(f'team@{component}')}@{component}",
        "bare": component,
    }[which]
    if which == "bare" and (directly or "plain-iq-to-hosts" not in stage.server.lacks):
        pytest.skip("no invitation at all, or the owner that the component is anyway")

    if when == "after":
        await is_taken_off_behind_it(relay, alice, room, address, lambda: invite(alice, room, address, directly))
        return
    await alice.set_affiliation(room, address, "member")
    invite(alice, room, address, directly)
    await relay.settled(1)
    await alice.until_affiliation(room, address, "none")


@BY
async def test_however_it_ends(stage, relay, directly):
    """The inviter's client has put each address on the list."""
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, bob.bare, "outcast")
    await alice.set_affiliation(room, carol.bare, "member")
    await carol.join(room)
    addresses = [stage.relay_address(it.bare) for it in (bob, carol, dave, dave)]

    for count, address in enumerate(addresses, 1):
        await alice.set_affiliation(room, address, "member")
        invite(alice, room, address, directly)
        await relay.settled(count)

    inside = "relayed" if "occupants" in stage.server.lacks else "occupant"
    assert await reasons(relay, 4) == ["outcast", inside, "relayed", "duplicate"]
    for address in addresses:
        await alice.until_affiliation(room, address, "none")
    assert await alice.affiliation(room, bob.bare) == "outcast"
    assert await alice.affiliation(room, dave.bare) == "member"


@BY
@pytest.mark.parametrize("config", [LIMITED], ids=["2 an hour"])
async def test_over_a_limit(stage, relay, directly):
    """The first one over it is told so, of those behind it no trace is kept."""
    alice, *others = await stage.people("alice", "bob", "carol", "dave", "eve")
    room = await alice.create_room(stage.room(), members_only=True)
    addresses = [stage.relay_address(it.bare) for it in others]

    for address in addresses:
        await alice.set_affiliation(room, address, "member")
        invite(alice, room, address, directly)

    for address in addresses:
        await alice.until_affiliation(room, address, "none")
    assert await reasons(relay, 3) == ["relayed", "relayed", "rate-limited"]


async def test_what_is_not_the_invitations_own_stays(stage, relay):
    """Nor is an address taken off that is more than a member, or banned: somebody wanted that."""
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    address, other, admin, banned = (
        stage.relay_address(bob.bare), stage.relay_address(f"other@{stage.server.host}"),
        stage.relay_address(carol.bare), stage.relay_address(dave.bare),
    )
    elsewhere = f"{escaped(bob.bare)}@invites.elsewhere.example"
    kept = {other: "member", admin: "admin", elsewhere: "member", banned: "outcast", carol.bare: "member"}
    for jid, affiliation in kept.items():
        await alice.set_affiliation(room, jid, affiliation)

    invite(alice, room, admin, directly=False)
    await carol.expect(direct_invitation(room))
    invite(alice, room, banned, directly=True)
    await relay.settled(2)
    await is_taken_off_behind_it(relay, alice, room, address, lambda: invite(alice, room, address, directly=False))

    await bob.expect(direct_invitation(room))
    for jid, affiliation in kept.items():
        assert await alice.affiliation(room, jid) == affiliation, jid


async def test_an_address_in_another_spelling(stage, relay):
    """The room keeps it as it was written."""
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room(), members_only=True)
    address = rf"karl\40xn--bcher-kva.example.test@{stage.server.component}"

    await alice.set_affiliation(room, address, "member")
    alice.invite(room, address)

    await relay.settled(1)
    await alice.until_affiliation(room, address, "none")
