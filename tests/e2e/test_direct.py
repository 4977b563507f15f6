"""A direct invitation (XEP-0249) sent to a relay address: its sender must be somebody who may invite in that room."""

from xml.sax.saxutils import quoteattr

import pytest

from support.feed import Wanted
from support.server import Setup
from support.stanzas import CONFERENCE, MUC_USER, a, condition, direct_invitation, invitation, notice, text_of_error

SETUPS = pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileges", "service admin"])
"""Without the service admin's rights, or the inviter's own, nobody tells who may invite."""


def write_to(client, address, room, id="d1", **details):
    """Sends a direct invitation, as a client does that knows nothing of relays."""
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in details.items())
    client.send(
        f"<message to={quoteattr(address)} id='{id}'><x xmlns='{CONFERENCE}' jid={quoteattr(room)}{attributes}/></message>"
    )


def error_for(id, address):
    error = a("message", type="error", sender=address)
    return Wanted(f"{error} for {id}", lambda stanza: error(stanza) and stanza.get("id") == id)


async def refusal(client, address, id="d1"):
    """The error that comes back: its condition and its text."""
    error = await client.expect(error_for(id, address))
    return condition(error), text_of_error(error)


@SETUPS
async def test_an_owner_invites_to_his_room(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    if "plain-iq" in stage.server.lacks and not stage.server.setup.privileges:
        pytest.skip("nobody tells who may invite")

    write_to(alice, stage.relay_address(bob.bare), room, reason="Come & talk", password="xyzzy")

    received = invitation(await bob.expect(direct_invitation(room)))
    sender = alice.bare if stage.server.setup.privileges else stage.relay_address(alice.bare)
    assert received == stage.invitation(sender, bob, room, reason="Come & talk", password="xyzzy")
    assert await alice.affiliation(room, bob.bare) == "member"
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["inviter"]) == ("direct", "relayed", alice.bare)
    assert record["contact"] == bob.bare


async def test_it_is_one_invitation_whichever_way_it_comes(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    write_to(alice, stage.relay_address(bob.bare), room)

    first, second = await relay.settled(2)
    assert (first["route"], first["state"]) == ("addressed", "relayed")
    assert (second["route"], second["state"], second["reason"]) == ("direct", "suppressed", "duplicate")
    assert len(await stage.reached(bob, room)) == 1
    await alice.passed(stage.server.component)
    assert not alice.received(a("message", type="error")), "dropped without a word"


@SETUPS
@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_somebody_without_business_in_the_room_is_refused(stage, relay, members_only):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), members_only=members_only, member_invites=True)

    write_to(mallory, stage.relay_address(bob.bare), room)

    assert await refusal(mallory, stage.relay_address(bob.bare)) == ("forbidden", "You may not invite to this room.")
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("direct", "refused", "may-not-invite")
    assert not await stage.reached(bob, room)
    assert await alice.affiliation(room, bob.bare) == "none"


async def test_one_who_is_banned_is_refused(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await alice.set_affiliation(room, mallory.bare, "outcast")

    write_to(mallory, stage.relay_address(bob.bare), room)

    assert (await refusal(mallory, stage.relay_address(bob.bare)))[0] == "forbidden"


@pytest.mark.needs("occupants")
async def test_everybody_inside_an_open_room_may_invite(stage, relay):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    await carol.join(room)

    write_to(carol, stage.relay_address(bob.bare), room)

    await bob.expect(direct_invitation(room))


@pytest.mark.parametrize("may", [False, True], ids=["they may not", "they may"])
async def test_members_invite_where_the_room_lets_them(stage, relay, may):
    """Nobody lets somebody in by way of the relay whom the room would not let in by him."""
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    room = await alice.create_room(stage.room(), members_only=True, member_invites=may)
    await alice.set_affiliation(room, carol.bare, "member")

    write_to(carol, stage.relay_address(bob.bare), room)

    if may and "plain-iq" not in stage.server.lacks:
        await bob.expect(direct_invitation(room))
        assert await alice.affiliation(room, bob.bare) == "member"
    else:
        assert (await refusal(carol, stage.relay_address(bob.bare)))[0] == "forbidden"
        assert not await stage.reached(bob, room)
        assert await alice.affiliation(room, bob.bare) == "none"


async def test_a_room_that_is_not_ours(stage, relay):
    """Of a service that the relay does not serve nobody tells who may invite."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(service=stage.server.other_muc))

    write_to(alice, stage.relay_address(bob.bare), room)

    assert (await refusal(alice, stage.relay_address(bob.bare)))[0] == "not-acceptable"
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "untrusted")
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize("localpart", ["nobody", r"team\40invites.example.test", r"tea\40conference.example.test"])
async def test_an_address_that_is_nobodys(stage, relay, localpart):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    address = f"{localpart}@{stage.server.component}"

    write_to(alice, address, room)

    assert (await refusal(alice, address))[0] == "item-not-found"
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("refused", "malformed")


async def test_a_user_of_another_server(stage, relay):
    """His server vouches for him as ours does for our own; he is seen under his relay address."""
    alice, bob = await stage.people("alice", "bob")
    remote = await stage.remote()
    dave = f"dave@{remote.jid}"
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, dave, "admin")
    if "plain-iq" in stage.server.lacks:
        pytest.skip("nobody tells who may invite")

    remote.send(
        f"<message from='{dave}/desk' to={quoteattr(stage.relay_address(bob.bare))}>"
        f"<x xmlns='{CONFERENCE}' jid='{room}'/></message>"
    )

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received.sender == stage.relay_address(dave)


@pytest.mark.parametrize("config", [{"limits": {"per_inviter": "2/1h", "per_room": "2/1h"}}], ids=["2 an hour"])
async def test_who_has_no_business_there_uses_up_nothing_of_the_room(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room())

    for n in range(4):
        write_to(mallory, stage.relay_address(bob.bare), room, id=f"d{n}")
    for n in range(3):
        await refusal(mallory, stage.relay_address(bob.bare), id=f"d{n}")
    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    await mallory.passed(stage.server.component)
    assert len(mallory.received(a("message", type="error"))) == 3, "the third says so, the fourth is dropped"
    assert not alice.received(notice(room))


def encoded(room):
    return room.replace("@", "%40")


NAMED = {
    "a nick": lambda room: f"{room}/alice",
    "a link": lambda room: f"xmpp:{room}?join",
    "a URI": lambda room: f"xmpp:{room}",
    "capitals": lambda room: f"XMPP:{room.capitalize()}?join",
    "an account in front": lambda room: f"xmpp://me@example.test/{room}?join",
    "a link to a nick": lambda room: f"xmpp:{room}/a%20b?join",
    "percent-encoded": lambda room: encoded(room),
    "a percent-encoded link": lambda room: f"xmpp:{encoded(room)}?join",
    "spaces": lambda room: f" {room} ",
    "spaces that nobody sees": lambda room: f"\u200b{room}\u00a0\ufeff",
    "lines": lambda room: f"&#xa;  {room}&#xa;",
}


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("named", NAMED)
async def test_a_room_that_is_plain_to_see(stage, relay, named):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    x = f"<x xmlns='{CONFERENCE}' jid='{NAMED[named](room)}'>\n  Come\n  &amp; see\n</x>"
    alice.send(f"<message to='{stage.relay_address(bob.bare)}'>{x}</message>")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, reason="Come & see")


@pytest.mark.parametrize(
    "named",
    ["", "conference.example.test", "tea@", "https://example.test/tea", "ᵗea@conference.example.test"],
    ids=["nothing", "a service", "no service", "another link", "another name when normalised"],
)
async def test_something_that_is_no_room_is_refused(stage, relay, named):
    alice, bob = await stage.people("alice", "bob")

    write_to(alice, stage.relay_address(bob.bare), named)

    told = await refusal(alice, stage.relay_address(bob.bare))
    assert told == (
        "jid-malformed",
        "This invitation names no room. Write its address alone, such as room@conference.example.org.",
    )
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("direct", "refused", "malformed")
    assert (record["room"], record["inviter"], record["contact"]) == (named, alice.bare, bob.bare)


async def test_who_writes_nonsense_silences_nobody_else(stage, relays):
    relay = relays(stage.server, limits={"per_inviter": "5/10m"})
    await relay.start()
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    address = stage.relay_address(bob.bare)
    for _ in range(20):
        write_to(mallory, address, "tea@")
    await mallory.passed(stage.server.component)

    write_to(alice, address, "tea@")

    assert (await refusal(alice, address))[0] == "jid-malformed"


async def test_a_password_in_a_link(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), password="s e&c")

    write_to(alice, stage.relay_address(bob.bare), f"xmpp:{room}?join;password=s%20e%26c")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, password="s e&c")


async def test_several_in_one_and_both_kinds(stage, relay):
    """Of several the first that names a room; a person sends no mediated one, whatever their client adds."""
    alice, bob = await stage.people("alice", "bob")
    room, other = await alice.create_room(stage.room()), stage.room()

    x = "".join(f"<x xmlns='{CONFERENCE}' jid='{jid}'/>" for jid in ("nowhere", room, other))
    mediated = f"<x xmlns='{MUC_USER}'><invite from='{other}/x'><reason>trust me</reason></invite></x>"
    alice.send(f"<message to='{stage.relay_address(bob.bare)}' id='both'>{mediated}{x}</message>")

    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room)
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["room"]) == ("direct", "relayed", room)


@pytest.mark.parametrize("localpart", ["{name}%{host}", "{capital}%{host}"])
async def test_an_address_without_a_backslash(stage, relay, localpart):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    name = bob.bare.partition("@")[0]
    address = localpart.format(name=name, capital=name.capitalize(), host=stage.server.host)

    write_to(alice, f"{address}@{stage.server.component}", room)

    await bob.expect(direct_invitation(room))
    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["contact"]) == ("direct", "relayed", bob.bare)


async def test_an_address_that_normalising_changes_is_nobodys(stage, relay):
    """`alice` and her like with another first letter are two accounts to some servers."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    address = f"{chr(0x1D47)}{stage.relay_address(bob.bare)[1:]}"

    write_to(alice, address, room)

    # Some servers refuse it themselves.
    await alice.expect(a("message", type="error"))
    assert {record["state"] for record in await relay.settled(0)} <= {"refused"}
    assert not await stage.reached(bob, room)
