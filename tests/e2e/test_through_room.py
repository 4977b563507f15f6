"""`relay.support = "ask"`: what came to a relay address for somebody whose clients can't show a direct invitation goes
through the room in the inviter's name, where the room takes that."""

import pytest

from e2e.test_direct import write_to
from support import clock
from support.capabilities import says_what_it_can
from support.server import Setup
from support.stanzas import DATA, MUC_ADMIN, MUC_OWNER, MUC_USER, a, direct_invitation, native_invitation, notice, show, sum_said

pytestmark = [
    pytest.mark.needs("outsiders-invite"),
    # Where there is the module, the room hands this very invitation over.
    pytest.mark.parametrize(
        "setup", [Setup(presence=True), Setup(hand_over=30, presence=True)], ids=["no module", "module"]
    ),
]


@pytest.fixture
def config():
    return {"relay": {"support": "ask"}}


@pytest.fixture
async def relay(server, relays, config):
    """It waits a second for the answer of a contact's client. On its slow clock that is five, in case the tests stand still."""
    relay = relays(server, **config)
    relay.env.update(clock.faster(0.2))
    await relay.start()
    return relay


def inviter(invitation):
    return invitation.find(f".//{{{MUC_USER}}}invite").get("from")


async def moderate(owner, room):
    """From now on only those speak who have voice."""
    field = "<field var='muc#roomconfig_moderatedroom'><value>1</value></field>"
    form_type = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    form = f"<x xmlns='{DATA}' type='submit'>{form_type}{field}</x>"
    answer = await owner.iq(room, f"<query xmlns='{MUC_OWNER}'>{form}</query>", kind="set")
    assert answer.get("type") == "result", show(answer)


async def give_voice(moderator, room, client):
    item = f"<item nick='{client.nick}' role='participant'/>"
    answer = await moderator.iq(room, f"<query xmlns='{MUC_ADMIN}'>{item}</query>", kind="set")
    assert answer.get("type") == "result", show(answer)


def route_and_end(record):
    return tuple(record.get(key) for key in ("route", "state", "reason", "sent_as"))


@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_the_rooms_own_in_the_inviters_name(stage, relay, members_only):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room(), members_only=members_only, password="xyzzy")

    alice.invite(room, stage.relay_address(bob.bare), "Come & talk")

    received = await bob.expect(native_invitation(room))
    assert inviter(received) == alice.bare
    assert received.findtext(f".//{{{MUC_USER}}}reason") == "Come & talk"
    assert received.findtext(f".//{{{MUC_USER}}}password") == "xyzzy"
    # One, and one line in the history.
    [record] = await relay.settled(1)
    assert route_and_end(record) == ("addressed", "relayed", "unsupported", room)
    assert len(await stage.reached(bob, room)) == 1
    assert (await bob.join(room, password="xyzzy")).get("type") != "error"
    assert not alice.received(a("message", type="error"))


@pytest.mark.parametrize("config", [{"relay": {"support": "ask", "passwords": "strip"}}], ids=["strip"])
@pytest.mark.parametrize("password", [None, "xyzzy"], ids=["no password", "password"])
async def test_a_password_that_is_to_be_left_out(stage, relay, password):
    """The room would add it."""
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room(), password=password)

    alice.invite(room, stage.relay_address(bob.bare))

    received = await bob.expect(direct_invitation(room) if password else native_invitation(room))
    assert "xyzzy" not in show(received)
    [record] = await relay.settled(1)
    assert route_and_end(record) == ("addressed", "relayed", "unsupported", alice.bare if password else room)
    assert len(await stage.reached(bob, room)) == 1


async def test_the_next_one_is_a_duplicate(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(native_invitation(room))

    alice.invite(room, stage.relay_address(bob.bare))

    records = await relay.settled(2)
    assert [record.get("reason") for record in records] == ["unsupported", "duplicate"]
    assert len(await stage.reached(bob, room)) == 1


async def test_a_member_who_may_invite(stage, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    for contact in (bob, dave):
        await says_what_it_can(contact, direct=False)
    closed = await alice.create_room(stage.room(), members_only=True, member_invites=True)
    open_to_all = await alice.create_room(stage.room())
    for room in (closed, open_to_all):
        await alice.set_affiliation(room, carol.bare, "member")
        await carol.join(room)

    carol.invite(closed, stage.relay_address(bob.bare))
    carol.invite(open_to_all, stage.relay_address(dave.bare))

    await bob.expect(native_invitation(closed))
    await dave.expect(native_invitation(open_to_all))
    assert {record["sent_as"] for record in await relay.settled(2)} == {closed, open_to_all}


@pytest.mark.parametrize("moderated", [False, True], ids=["open", "moderated"])
async def test_who_is_nothing_to_the_room(stage, relay, moderated):
    """Inside, a moderator may give him voice; in his bare name the room refuses then, without a word to the relay."""
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room())
    if moderated:
        await moderate(alice, room)
    await carol.join(room)
    if moderated:
        await give_voice(alice, room, carol)

    carol.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room) if moderated else native_invitation(room))
    [record] = await relay.settled(1)
    assert route_and_end(record) == ("addressed", "relayed", "unsupported", carol.bare if moderated else room)
    assert len(await stage.reached(bob, room)) == 1


async def test_a_direct_one_to_a_relay_address(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await says_what_it_can(bob, direct=False)
    room = await alice.create_room(stage.room(), members_only=True)

    write_to(alice, stage.relay_address(bob.bare), room)

    assert inviter(await bob.expect(native_invitation(room))) == alice.bare
    [record] = await relay.settled(1)
    assert route_and_end(record) == ("direct", "relayed", "unsupported", room)
    assert len(await stage.reached(bob, room)) == 1


async def test_one_of_many(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    await says_what_it_can(bob, direct=False)
    await says_what_it_can(carol, direct=True)
    room = await alice.create_room(stage.room())
    for member in (bob, carol):
        await alice.set_affiliation(room, member.bare, "member")

    alice.invite(room, f"members@{stage.server.component}")

    await bob.expect(native_invitation(room))
    await carol.expect(direct_invitation(room))
    assert sum_said(await alice.expect(notice(room)), room) == "2 invited"
    sent_as = {record["contact"]: record["sent_as"] for record in await relay.settled(3) if "parent" in record}
    assert sent_as == {bob.bare: room, carol.bare: alice.bare}
    for contact in (bob, carol):
        assert len(await stage.reached(contact, room)) == 1
