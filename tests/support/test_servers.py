"""What the relay relies on, seen on the servers themselves with a component that only looks on."""

import pytest

from support import stanzas
from support.prosody import Prosody
from support.server import Setup
from support.stanzas import a, copy_of, direct_invitation, native_invitation

pytestmark = pytest.mark.every_version


async def test_an_addressed_invitation_reaches_the_component(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare), "Come & talk")

    seen = await relay.expect(native_invitation(room))
    assert seen.get("to") == stage.relay_address(bob.bare)
    invite = seen.find(f".//{{{stanzas.MUC_USER}}}invite")
    assert invite.findtext(f"{{{stanzas.MUC_USER}}}reason") == "Come & talk"


@pytest.mark.needs("masked-inviter")
async def test_a_semi_anonymous_room_masks_the_inviter(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    masked = await alice.create_room(stage.room())
    open_faced = await alice.create_room(stage.room(), anonymous=False)

    alice.invite(masked, stage.relay_address(bob.bare))
    alice.invite(open_faced, stage.relay_address(bob.bare))

    assert await _inviter(relay, masked) == f"{masked}/{alice.nick}"
    assert await _inviter(relay, open_faced) == alice.full


async def _inviter(relay, room):
    seen = await relay.expect(native_invitation(room))
    return seen.find(f".//{{{stanzas.MUC_USER}}}invite").get("from")


@pytest.mark.parametrize("setup", [Setup(service_admin=False)], ids=["no service admin"])
async def test_a_members_only_room_takes_in_the_escaped_address_and_not_the_contact(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    alice.invite(room, stage.relay_address(bob.bare))
    await relay.expect(native_invitation(room))

    assert await alice.affiliation(room, stage.relay_address(bob.bare)) == "member"
    assert await alice.affiliation(room, bob.bare) == "none"
    assert (await bob.join(room)).get("type") == "error"


@pytest.mark.parametrize(
    "setup",
    [Setup(privileges=False, service_admin=False), Setup(privileges=False)],
    ids=["no rights", "service admin"],
)
async def test_only_a_service_admin_may_read_and_set_affiliations(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    members = f"<query xmlns='{stanzas.MUC_ADMIN}'><item affiliation='member'/></query>"
    add_bob = f"<query xmlns='{stanzas.MUC_ADMIN}'><item affiliation='member' jid='{bob.bare}'/></query>"
    listed, added = await relay.iq(room, members), await relay.iq(room, add_bob, kind="set")

    allowed = stage.server.setup.service_admin
    assert (listed.get("type"), added.get("type")) == (("result",) * 2 if allowed else ("error",) * 2)
    assert await alice.affiliation(room, bob.bare) == ("member" if allowed else "none")


@pytest.mark.needs("filter-drops-rooms")
@pytest.mark.parametrize("setup", [Setup(block_strangers=True)], ids=["stranger filter"])
async def test_a_stranger_filter_drops_the_room_and_passes_a_friend(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    room = await alice.create_room(stage.room())

    alice.invite(room, bob.bare)
    await alice.passed(room)
    await bob.passed(stage.server.host)
    assert not bob.received(native_invitation(room))

    relay.send(in_the_name_of(alice.bare, stage.server, bob.bare, room))
    assert (await bob.expect(direct_invitation(room))).get("from") == alice.bare


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no privileges"])
async def test_without_privileges_nobody_speaks_for_another(stage):
    relay = await stage.stand_in()
    alice, bob = await stage.people("alice", "bob")
    room = stage.room()

    relay.send(in_the_name_of(alice.bare, stage.server, bob.bare, room))

    await relay.passed(f"{stage.server.host}/barrier")
    await bob.passed(stage.server.host)
    assert not bob.received(direct_invitation(room))


ENDS_UP_IN = {
    # hint: (the store for a contact who is away, his archive, the inviter's archive)
    "Prosody": {
        None: (True, True, True),
        "store": (True, True, True),
        "no-permanent-store": (True, False, False),
        "no-store": (True, False, False),
    },
    "ejabberd": {
        None: (True, False, False),
        "store": (True, True, True),
        "no-permanent-store": (True, False, False),
        "no-store": (False, False, False),
    },
    # Its mod_privilege passes the inviter's archive by.
    "ejabberd 23.01": {"store": (True, True, False)},
}


# Prosody 13.0 copies what it archives to the inviter's other clients (XEP-0280), from some 13.0.x on.
COPIED = {"prosody-13.0": (None, "store")}


def ends_up_in(server, hint):
    make = "Prosody" if isinstance(server, Prosody) else "ejabberd"
    stored, *archived = (ENDS_UP_IN[make] | ENDS_UP_IN.get(f"{make} {server.version}", {}))[hint]
    return stored and server.setup.offline, *archived


@pytest.mark.parametrize("hint", ENDS_UP_IN["Prosody"])
@pytest.mark.parametrize(
    "setup", [Setup(archive=True), Setup(archive=True, offline=False)], ids=["offline store and archive", "archive alone"]
)
async def test_where_each_archive_hint_leads(stage, hint):
    relay = await stage.stand_in()
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    await alice.enable_carbons()
    room = stage.room()
    await bob.disconnect()

    for contact in (bob, dave):
        relay.send(in_the_name_of(alice.bare, stage.server, contact.bare, room, hint))
    await dave.expect(direct_invitation(room))
    await relay.passed(f"{stage.server.host}/barrier")

    bob = await stage.log_in(bob.bare)
    stored, contacts, inviters = ends_up_in(stage.server, hint)
    if stored:
        await bob.expect(direct_invitation(room))
    await bob.passed(stage.server.host)
    assert len(bob.received(direct_invitation(room))) == stored
    assert len(await bob.archived(direct_invitation(room))) == contacts
    assert len(await dave.archived(direct_invitation(room))) == contacts
    assert len(await alice.archived(direct_invitation(room))) == 2 * inviters
    assert not alice.received(direct_invitation(room))
    copies = alice.received(copy_of(direct_invitation(room)))
    assert len(copies) == (2 if hint in COPIED.get(stage.server.name, ()) else 0)


async def test_declines_reach_the_masked_inviter(stage):
    relay = await stage.stand_in()
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    bob = stage.relay_address(f"bob@{stage.server.host}")

    alice.invite(room, bob)
    inviter = await _inviter(relay, room)
    relay.send(
        f"<message from='{bob}' to='{room}'><x xmlns='{stanzas.MUC_USER}'>"
        f"<decline to='{inviter}'><reason>no such user</reason></decline></x></message>"
    )

    await alice.expect(stanzas.decline(room))


async def test_users_and_rooms_outlive_a_crash(own_stage):
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room(), members_only=True)
    await alice.set_affiliation(room, bob.bare, "member")
    await alice.passed(room)

    await own_stage.server.kill()
    await own_stage.server.start()

    alice = await own_stage.log_in(alice.bare)
    assert await alice.affiliation(room, bob.bare) == "member"


def in_the_name_of(inviter, server, contact, room, hint=None):
    hint = f"<{hint} xmlns='{stanzas.HINTS}'/>" if hint else ""
    return (
        f"<message from='{server.component}' to='{server.host}'><privilege xmlns='{server.privilege}'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{inviter}' to='{contact}'>"
        f"<x xmlns='{stanzas.CONFERENCE}' jid='{room}'/>{hint}"
        "</message></forwarded></privilege></message>"
    )
