"""What stands between the relay and a contact: his stranger filter, his absence, his archive."""

import asyncio

import pytest

from support.feed import WITHIN
from support.server import Setup
from support.stanzas import a, copy_of, direct_invitation, invitation

pytestmark = pytest.mark.every_version


@pytest.mark.parametrize("setup", [Setup(block_strangers=True)], ids=["stranger filter"])
async def test_a_stranger_filter_lets_a_friends_invitation_through(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare), "Come & talk")
    received = invitation(await bob.expect(direct_invitation(room)))
    assert received == stage.invitation(alice.bare, bob, room, reason="Come & talk")


async def test_a_contact_who_is_away_finds_one_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.disconnect()

    alice.invite(room, stage.relay_address(bob.bare))
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(2)

    bob = await stage.log_in(bob.bare)
    assert invitation(await bob.expect(direct_invitation(room))) == stage.invitation(alice.bare, bob, room)
    assert len(await stage.reached(bob, room)) == 1
    again = await stage.log_in(bob.bare, "phone")
    assert not await stage.reached(again, room)


@pytest.mark.parametrize("setup", [Setup(archive=True)], ids=["offline store and archive"])
async def test_an_invitation_comes_back_from_no_archive_unless_it_could_be_lost(stage, relay):
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    room = await alice.create_room(stage.room())
    await dave.disconnect()

    for contact in (bob, dave):
        alice.invite(room, stage.relay_address(contact.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(2)

    dave = await stage.log_in(dave.bare)
    await dave.expect(direct_invitation(room))
    archived = [len(await someone.archived(direct_invitation(room))) for someone in (bob, dave)]
    assert archived == ([0, 0] if stage.server.hint == "no-store" else [1, 1])
    if stage.server.hint == "no-store":
        assert not await alice.archived(direct_invitation(room))


@pytest.mark.parametrize("setup", [Setup(archive=True, offline=False)], ids=["archive alone"])
async def test_where_the_archive_is_all_there_is_it_keeps_the_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.disconnect()

    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)

    bob = await stage.log_in(bob.bare)
    assert not await stage.reached(bob, room)
    [kept] = await bob.archived(direct_invitation(room))
    assert kept.get("from") == alice.bare


async def test_a_contact_on_another_server_whatever_its_make(stage, relay):
    """ejabberd would lose what it is not told to store, in some of its configurations."""
    [alice] = await stage.people("alice")
    remote = await stage.remote()
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(f"bob@{remote.jid}"))

    assert invitation(await remote.expect(direct_invitation(room))).hint == "store"


@pytest.mark.parametrize(
    ("config", "hint"),
    [({"relay": {"archive": word}}, None if word == "none" else word) for word in ("store", "no-store", "none")],
    ids=["archive=store", "archive=no-store", "archive=none"],
)
async def test_the_operator_may_choose_the_hint(stage, relay, hint):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    assert invitation(await bob.expect(direct_invitation(room))).hint == hint


@pytest.mark.parametrize(
    "setup",
    [Setup(resumption=1, archive=True), Setup(resumption=1, archive=True, offline=False)],
    ids=["offline store and archive", "archive alone"],
)
async def test_a_phone_that_drops_off_the_net_loses_none(stage, relay):
    """The server takes it to be online, until it has waited long enough for the client to come back (XEP-0198)."""
    alice, bob = await stage.people("alice", "bob")
    room, lounge = [await alice.create_room(stage.room()) for _ in range(2)]
    phone = await stage.log_in(bob.bare, "phone")
    await phone.join(lounge)
    await bob.disconnect()
    phone.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    await phone.passed(stage.server.host)
    phone.cut()

    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)

    # It leaves when the server has given it up: who comes before that shares its fate.
    await alice.expect(a("presence", type="unavailable", sender=lounge))
    tablet = await stage.log_in(bob.bare, "tablet")
    async with asyncio.timeout(WITHIN):
        while not (await stage.reached(tablet, room) or await tablet.archived(direct_invitation(room))):
            await asyncio.sleep(0.1)


EMPTY_BODIES = """
append_host_config:
  example.test:
    modules: {mod_offline: {store_empty_body: false}, mod_mam: {default: always}}
"""


@pytest.mark.needs("store_empty_body")
@pytest.mark.parametrize("setup", [Setup(offline=False, extra=EMPTY_BODIES)], ids=["store_empty_body: false"])
async def test_a_server_that_keeps_only_bodies_keeps_an_invitation(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await bob.disconnect()

    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)

    bob = await stage.log_in(bob.bare)
    await bob.expect(direct_invitation(room))


async def test_every_device_of_the_contact_is_told(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    phone = await stage.log_in(bob.bare, "phone")
    alices_phone = await stage.log_in(alice.bare, "phone")
    for client in (alice, alices_phone, bob, phone):
        await client.enable_carbons()
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    await phone.expect(direct_invitation(room))
    # And no device of the inviter takes it for one to himself.
    await relay.settled(1)
    for client in (alice, alices_phone, bob, phone):
        await client.passed(stage.server.component)
        assert len(client.received(direct_invitation(room))) == (client in (bob, phone))
        assert not client.received(copy_of(direct_invitation(room)))


async def test_a_long_reason_is_cut(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    reason = "Whoever reads all of this has earned his tea. " * 100

    alice.invite(room, stage.relay_address(bob.bare), reason)

    received = invitation(await bob.expect(direct_invitation(room))).reason
    assert len(received) <= 500
    assert received[:400] == reason[:400]


@pytest.mark.needs("privileged-iq")
@pytest.mark.parametrize("setup", [Setup(), Setup(hand_over=60)], ids=["relay address", "hand-over"])
async def test_an_invitation_to_nobody_has_failed_and_one_to_somebody_who_is_away_has_not(stage, relay, setup):
    alice, bob = await stage.people("alice", "bob")
    await bob.disconnect()
    nobody = f"nobody@{stage.server.host}"
    room = await alice.create_room(stage.room())

    for contact in (nobody, bob.bare):
        alice.invite(room, contact if setup.hand_over else stage.relay_address(contact))

    [lost], [kept] = [await relay.settled(1, "--contact", contact) for contact in (nobody, bob.bare)]
    assert (lost["state"], lost["reason"]) == ("failed", "bounced")
    assert (kept["state"], kept["reason"]) == ("relayed", None)


@pytest.mark.needs("privileged-iq")
async def test_nobody_becomes_a_member_who_does_not_exist(stage, relay):
    [alice] = await stage.people("alice")
    nobody = f"nobody@{stage.server.host}"
    room = await alice.create_room(stage.room(), members_only=True)

    alice.invite(room, stage.relay_address(nobody))

    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("failed", "bounced")
    assert await alice.affiliation(room, nobody) == "none"
    await alice.until_affiliation(room, stage.relay_address(nobody), "none")
