"""A contact's block list, roster and preferences: each is the contact's own, and holds from the moment it is set."""

import pytest

from support.server import Setup
from support.stanzas import BLOCKING, MUC_ADMIN, ROSTER, kind


@pytest.fixture
def setup():
    return Setup(iq=(ROSTER, BLOCKING))


ROUTES = pytest.mark.parametrize("route", ["relay address", "hand-over"])


def send(scripted, route, contact, room="tea"):
    if route == "relay address":
        scripted.send(scripted.invitation(contact, room))
    else:
        scripted.send(scripted.hand_over(contact, room, id=f"{contact}-{room}"))


async def verdict(relay, contact):
    [record] = await relay.settled(1, "--contact", contact)
    return record["state"], record["reason"]


@ROUTES
@pytest.mark.parametrize("fault", ["unreadable", "unanswered"])
async def test_a_list_that_does_not_come_is_one_contacts_own(scripted, relay, route, fault):
    bob, carol, dave = (scripted.jid(name) for name in ("bob", "carol", "dave"))
    (scripted.unreadable if fault == "unreadable" else scripted.silent).add(bob)
    scripted.blocks[carol] = [scripted.muc]
    scripted.blocks[dave] = ["somebody@else.example"]

    send(scripted, route, "bob")
    if fault == "unanswered":
        await relay.process.says("block lists")
    else:
        await relay.settled(1, "--contact", bob)
    for contact in ("carol", "dave"):
        send(scripted, route, contact)

    await scripted.delivered(dave)
    assert await verdict(relay, carol) == ("suppressed", "blocked")
    scripted.answer_all()
    assert not [delivery for delivery in scripted.deliveries if delivery.contact == carol]


@pytest.mark.parametrize(
    ("route", "ending"),
    [("relay address", ("failed", "unsure")), ("hand-over", ("handed-back", "unsure"))],
    ids=["relay address", "hand-over"],
)
async def test_nothing_passes_a_block_list_that_can_not_be_read(scripted, relay, route, ending):
    bob = scripted.jid("bob")
    scripted.unreadable.add(bob)

    send(scripted, route, "bob")

    assert await verdict(relay, bob) == ending
    assert "block lists do not come" not in relay.log
    assert not scripted.deliveries


@ROUTES
async def test_what_the_relay_itself_knows_comes_first(scripted, relay, route):
    bob = scripted.jid("bob")
    scripted.unreadable.add(bob)
    await scripted.wishes(bob, "nobody")

    send(scripted, route, "bob")

    assert await verdict(relay, bob) == ("suppressed", "opted-out")


@pytest.mark.parametrize("setup", [Setup(iq=(ROSTER,))], ids=["rosters granted"])
async def test_a_roster_that_can_not_be_read_stops_nothing(scripted, relay):
    bob = scripted.jid("bob")
    scripted.unreadable.add(bob)

    send(scripted, "relay address", "bob")

    await scripted.delivered(bob)


async def test_a_wish_holds_for_an_invitation_that_waits(scripted, relay):
    room, bob = scripted.room("tea"), scripted.jid("bob")
    scripted.blocks[bob] = []
    scripted.silent.add(room)
    send(scripted, "relay address", "bob")
    await scripted.until(lambda: len(scripted.unanswered.all) >= 5, "the room is asked")

    await scripted.wishes(bob, "nobody")
    # What the relay has read when the invitation came may be used for a moment.
    await scripted.outlasts_what_is_remembered()
    scripted.answer_for(room)

    assert await verdict(relay, bob) == ("suppressed", "opted-out")
    assert not scripted.deliveries


@pytest.mark.parametrize("what", ["opts out", "blocks"])
async def test_a_wish_holds_that_comes_while_the_contact_is_made_a_member(scripted, relay, what):
    room, bob = scripted.room("tea"), scripted.jid("bob")
    scripted.members_only.add(room)
    scripted.blocks[bob] = []
    # The relay has seen the room's list without the address, so it is the room that puts it there.
    send(scripted, "relay address", "dave")
    await relay.settled(1, "--contact", scripted.jid("dave"))
    scripted.members("tea", [scripted.relay_address("bob")])
    scripted.leaves_unanswered = is_set
    send(scripted, "relay address", "bob")
    await scripted.unanswered.take(is_set)

    if what == "blocks":
        scripted.blocks[bob] = [scripted.muc]
    else:
        await scripted.wishes(bob, "nobody")
    await scripted.outlasts_what_is_remembered()
    scripted.leaves_unanswered = lambda _: False
    scripted.answer_all()

    reason = "blocked" if what == "blocks" else "opted-out"
    assert await verdict(relay, bob) == ("suppressed", reason)
    assert not scripted.deliveries
    assert bob not in scripted.members_of("tea")


def is_set(question):
    """Something is set in a room."""
    return question.get("type") == "set" and kind(question) == "iq" and question[0].tag == f"{{{MUC_ADMIN}}}query"
