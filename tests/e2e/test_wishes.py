"""What a contact wants holds, whoever invites him, and nobody can see that he wants it."""

import asyncio

import pytest

from support.adhoc import Commands
from support.server import Setup
from support.stanzas import BLOCKING, direct_invitation, native_invitation, notice, said

SETTINGS = "my-settings"
A_SECOND = 1
"""So long the relay may remember what a server has said of a contact."""
GROUPS = {"groups", "group-create", "group-add", "group-remove", "group-allow", "group-delete"}
ADMINS_COMMANDS = {"statistics", "recent-invitations", "block-for-everybody", "reload", "invite"} | GROUPS


def verdicts(records):
    return [(record["state"], record["reason"]) for record in records]


async def test_who_opts_out_is_invited_no_more_until_he_opts_in_again(stage, relay, take):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await take(bob, "nobody")

    alice.invite(room, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(1)) == [("suppressed", "opted-out")]
    assert not await stage.reached(bob, room)

    await take(bob, "everybody")
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


async def test_nobody_becomes_a_member_who_wants_no_invitation(stage, relay, take):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)
    await take(bob, "nobody")

    alice.invite(room, stage.relay_address(bob.bare))

    assert verdicts(await relay.settled(1)) == [("suppressed", "opted-out")]
    assert not await stage.reached(bob, room)
    assert await alice.affiliation(room, bob.bare) == "none"
    # And the room is rid of the relay address, as it is of anybody's.
    await alice.until_affiliation(room, stage.relay_address(bob.bare), "none")


@pytest.mark.parametrize("config", [{"limits": {"per_contact": "1/1h"}}], ids=["one invitation an hour"])
async def test_an_inviter_sees_no_difference(stage, relay, take):
    alice, bob, dave = await stage.people("alice", "bob", "dave")
    tea, den = [await alice.create_room(stage.room(name)) for name in ("tea", "den")]
    await take(bob, "nobody")

    for contact in (bob, dave):
        alice.invite(tea, stage.relay_address(contact.bare))
        await relay.settled(1, "--contact", contact.bare)
        alice.invite(tea, stage.relay_address(contact.bare))
        await relay.settled(2, "--contact", contact.bare)
        alice.invite(den, stage.relay_address(contact.bare))
        # One is too many for either of them, and somebody who takes none is no exception.
        await alice.expect(notice(den))
    await alice.passed(stage.server.component)

    # Of the second invitation each time, in the same words.
    again = [said(message).replace(contact.bare, "CONTACT") for message, contact in zip(alice.received(notice(tea)), (bob, dave))]
    assert len(again) == 2 and again[0] == again[1]
    assert len(alice.received(notice(den))) == 2
    assert not await stage.reached(bob, tea)
    assert len(await stage.reached(dave, tea)) == 1


async def test_from_contacts_only(stage, relay, take):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    await alice.befriend(bob)
    rooms = [await inviter.create_room(stage.room()) for inviter in (alice, carol)]
    await take(bob, "contacts")

    for inviter, room in zip((carol, alice), reversed(rooms)):
        inviter.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(rooms[0]))
    records = {record["inviter"]: record for record in await relay.settled(2)}
    assert records[alice.bare]["state"] == "relayed"
    assert (records[carol.bare]["state"], records[carol.bare]["reason"]) == ("suppressed", "stranger")
    assert not await stage.reached(bob, rooms[1])
    await carol.passed(stage.server.component)
    assert not carol.received(notice(rooms[1]))


@pytest.mark.parametrize("config", [{"relay": {"strangers": "refuse"}}], ids=["strangers=refuse"])
async def test_the_operator_may_refuse_strangers(stage, relay):
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    await alice.befriend(bob)
    rooms = [await inviter.create_room(stage.room()) for inviter in (alice, carol)]

    for inviter, room in zip((carol, alice), reversed(rooms)):
        inviter.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(rooms[0]))
    records = {record["inviter"]: record for record in await relay.settled(2)}
    assert (records[carol.bare]["state"], records[carol.bare]["reason"]) == ("refused", "stranger")
    assert not await stage.reached(bob, rooms[1])


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no privileges"])
@pytest.mark.parametrize("config", [{"relay": {"strangers": "refuse"}}], ids=["strangers=refuse"])
async def test_where_nobody_tells_who_is_a_stranger_nobody_is(stage, relay, commands):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    page = await commands(bob).give(SETTINGS)
    assert page.options["takes"] == ["everybody", "nobody", "server"], "what can't be done is not offered"


@pytest.mark.needs("privileged-iq")
@pytest.mark.parametrize("what", ["room", "MUC service"])
async def test_the_servers_own_block_list_holds(stage, relay, what):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    item = f"<item jid='{room if what == 'room' else stage.server.muc}'/>"
    await bob.iq(None, f"<block xmlns='{BLOCKING}'>{item}</block>", kind="set")

    alice.invite(room, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(1)) == [("suppressed", "blocked")]
    assert not await stage.reached(bob, room)

    await bob.iq(None, f"<unblock xmlns='{BLOCKING}'>{item}</unblock>", kind="set")
    await asyncio.sleep(A_SECOND)
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


@pytest.mark.needs("privileged-iq")
@pytest.mark.parametrize("setup", [Setup(), Setup(hand_over=60)], ids=["relay address", "hand-over"])
async def test_a_block_holds_a_second_after_it_was_set(stage, relay, setup):
    alice, bob = await stage.people("alice", "bob")
    tea, den = [await alice.create_room(stage.room(name)) for name in ("tea", "den")]
    address = bob.bare if setup.hand_over else stage.relay_address(bob.bare)
    alice.invite(tea, address)
    await bob.expect(direct_invitation(tea))

    await bob.iq(None, f"<block xmlns='{BLOCKING}'><item jid='{stage.server.muc}'/></block>", kind="set")
    await asyncio.sleep(A_SECOND)
    alice.invite(den, address)

    assert verdicts(await relay.settled(1, "--room", den)) == [("suppressed", "blocked")]
    assert not await stage.reached(bob, den)


@pytest.mark.parametrize("what", ["room", "MUC service", "inviter", "inviter's relay address"])
async def test_what_is_blocked_in_the_settings(stage, relay, commands, what):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    jid, shown = {
        "room": (room, room),
        "MUC service": (stage.server.muc, stage.server.muc),
        "inviter": (f"{alice.bare}/phone", alice.bare),
        "inviter's relay address": (stage.relay_address(alice.bare), alice.bare),
    }[what]
    saved = await commands(bob).give(SETTINGS, {"block": jid})
    assert (saved.status, saved.fields["blocks"]) == ("completed", shown)

    alice.invite(room, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(1)) == [("suppressed", "blocked")]
    assert not await stage.reached(bob, room)

    await commands(bob).give(SETTINGS, {"lift": shown})
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


@pytest.mark.parametrize("crash", [False, True], ids=["SIGTERM", "SIGKILL"])
async def test_a_wish_survives_a_restart(stage, relay, take, crash):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await take(bob, "nobody")

    await relay.restart(crash=crash)
    alice.invite(room, stage.relay_address(bob.bare))

    assert verdicts(await relay.settled(1)) == [("suppressed", "opted-out")]
    assert not await stage.reached(bob, room)


async def test_who_wants_to_know_is_told_and_forgotten(stage, relay, commands, take):
    alice, bob = await stage.people("alice", "bob")
    tea, den = [await alice.create_room(stage.room(name)) for name in ("tea", "den")]
    alice.invite(tea, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))
    await take(bob, "nobody")
    alice.invite(den, stage.relay_address(bob.bare))
    await relay.settled(2)

    bobs, alices = await commands(bob).give("my-data"), await commands(alice).give("my-data")
    newest, oldest = bobs.lines("received")
    assert newest.endswith(f"to {den} by {alice.bare}: suppressed (opted-out)")
    assert oldest.endswith(f"to {tea} by {alice.bare}: relayed")
    sent = alices.lines("sent")
    assert [line.partition(" UTC ")[2] for line in sent] == [f"to {room} for {bob.bare}" for room in (den, tea)]

    forgotten = await commands(bob).give("forget-me", {"what": "invitations"})
    assert forgotten.notes == ["2 invitations are forgotten. Your settings stay as they are."]
    assert await relay.history() == []
    alice.invite(tea, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(1)) == [("suppressed", "opted-out")]

    await commands(bob).give("forget-me", {"what": "everything"})
    alice.invite(tea, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))


async def test_the_operator_who_forgets_somebody_forgets_his_wishes_and_says_so(stage, relay, take):
    [bob] = await stage.people("bob")
    await take(bob, "nobody")

    said = await relay.command("forget", bob.bare)

    assert "invitations reach this address again" in said


async def test_only_admins_see_and_give_the_admins_commands(stage, server, relays, commands):
    alice, bob, mallory = await stage.people("alice", "bob", "mallory")
    relay = relays(server, admins={"jids": [alice.bare]})
    await relay.start()
    tea, den = [await mallory.create_room(stage.room(name)) for name in ("tea", "den")]

    assert await commands(alice).listed() == {SETTINGS, "my-data", "forget-me"} | ADMINS_COMMANDS
    assert await commands(mallory).listed() == {SETTINGS, "my-data", "forget-me"}
    for node in ADMINS_COMMANDS:
        assert await commands(mallory).refused(node) == "forbidden"

    blocked = await commands(alice).give("block-for-everybody", {"block": f"{mallory.bare} {den}"})
    assert blocked.status == "completed"
    mallory.invite(tea, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(1)) == [("suppressed", "blocked")]

    await relay.restart()
    mallory.invite(den, stage.relay_address(bob.bare))
    assert verdicts(await relay.settled(2)) == [("suppressed", "blocked")] * 2
    await commands(alice).give("block-for-everybody", {"lift": mallory.bare})
    mallory.invite(tea, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(tea))
    await relay.settled(3)
    assert not await stage.reached(bob, den)

    statistics = await commands(alice).give("statistics")
    assert statistics.fields["total"] == "3"
    assert set(statistics.lines("ended")) == {"1 relayed", "2 suppressed (blocked)"}
    recent = await commands(alice).give("recent-invitations")
    assert f"to {den} by {mallory.bare} for {bob.bare}: suppressed (blocked)" in "\n".join(recent.lines("invitations"))


@pytest.mark.parametrize("setup", [Setup(hand_over=60)], ids=["hand-over"])
async def test_a_hand_over_of_what_nobody_wants_ends_with_the_relay(stage, relay, take):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await take(bob, "nobody")

    alice.invite(room, bob.bare)

    [record] = await relay.settled(1)
    assert (record["route"], record["state"], record["reason"]) == ("handed-over", "suppressed", "opted-out")
    await bob.passed(stage.server.host)
    assert not await stage.reached(bob, room)
    await alice.passed(stage.server.component)
    assert not alice.received(notice(room))


@pytest.mark.parametrize("setup", [Setup(hand_over=60)], ids=["hand-over"])
async def test_who_leaves_it_to_his_server_gets_what_his_server_delivers(stage, relay, take):
    alice, bob = await stage.people("alice", "bob")
    tea, den = [await alice.create_room(stage.room(name)) for name in ("tea", "den")]
    await take(bob, "server")

    alice.invite(tea, bob.bare)

    await bob.expect(native_invitation(tea))
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("handed-back", "opted-out")
    # Where the server has nothing to deliver, the relay does.
    alice.invite(den, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(den))
