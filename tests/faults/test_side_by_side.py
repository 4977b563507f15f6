"""What does not depend on each other is asked side by side: shown by a server that answers nothing until all was asked."""

import pytest

from support.feed import Wanted
from support.server import Setup
from support.stanzas import BLOCKING, ROSTER, escaped, show

OF_A_ROOM = {"http://jabber.org/protocol/disco#info", "moderator", "participant", "visitor", "outcast"}
"""What an open room is asked for."""
OF_A_CLOSED_ROOM = OF_A_ROOM | {"member", "admin", "owner"}
OF_A_CONTACT = {ROSTER, BLOCKING}

GRANTED = pytest.mark.parametrize("setup", [Setup(iq=(ROSTER, BLOCKING))], ids=["all granted"])
ROUTES = pytest.mark.parametrize("route", ["relay address", "hand-over"])


def subject(question):
    """What a question is about, be it asked in somebody's name or not."""
    for element in question.iter():
        namespace, _, name = element.tag[1:].partition("}")
        if name == "item":
            return element.get("role") or element.get("affiliation")
        if name in ("query", "blocklist") and not len(element):
            return namespace
    raise AssertionError(show(question))


async def asked(scripted, address, subjects):
    """Waits until all of this was asked, and nothing of it twice, while nothing is answered."""
    for wanted in sorted(subjects):
        question = Wanted(
            f"a question for {wanted}",
            lambda stanza: stanza.get("to") == address and subject(stanza) == wanted,
        )
        await scripted.unanswered.take(question)
    questions = [question for question in scripted.unanswered.all if question.get("to") == address]
    assert len(questions) == len(subjects), [show(question) for question in questions]


def send(scripted, route, contact, room="tea"):
    take = scripted.invitation if route == "relay address" else scripted.hand_over
    scripted.send(take(contact, room))


@ROUTES
async def test_a_room_is_asked_for_everything_at_once(scripted, relay, route):
    room = scripted.room("tea")
    scripted.silent.add(room)

    send(scripted, route, "bob")
    await asked(scripted, room, OF_A_ROOM)
    scripted.answer_for(room)

    await scripted.delivered(scripted.jid("bob"))
    lists = [item.get("role") or item.get("affiliation") for item in scripted.asked]
    assert sorted(lists) == sorted(OF_A_ROOM - {"http://jabber.org/protocol/disco#info"}), "once"


async def test_a_closed_room_that_is_known_is_asked_for_everything_at_once(scripted, relay):
    room = scripted.room("tea")
    scripted.members_only.add(room)
    send(scripted, "relay address", "bob")
    await relay.settled(1)

    # The room makes the relay address a member when it passes the invitation on: it lets the inviter invite.
    scripted.members("tea", [f"{escaped(scripted.jid('carol'))}@{scripted.component}"])
    scripted.silent.add(room)
    send(scripted, "relay address", "carol")
    await asked(scripted, room, OF_A_CLOSED_ROOM)
    scripted.answer_for(room)

    await scripted.delivered(scripted.jid("carol"))


@GRANTED
@ROUTES
async def test_a_contacts_server_is_asked_for_both_lists_at_once(scripted, relay, route):
    contact = scripted.jid("bob")
    scripted.silent.add(contact)

    send(scripted, route, "bob")
    await asked(scripted, contact, OF_A_CONTACT)
    scripted.answer_for(contact)

    await scripted.delivered(contact)


@GRANTED
@ROUTES
async def test_a_contacts_server_is_asked_beside_the_room(scripted, relay, route):
    room, contact = scripted.room("tea"), scripted.jid("bob")
    scripted.silent.update((room, contact))

    send(scripted, route, "bob")
    await asked(scripted, room, OF_A_ROOM)
    await asked(scripted, contact, OF_A_CONTACT)

    scripted.answer_all()
    await scripted.delivered(contact)


@GRANTED
@ROUTES
async def test_those_of_one_moment_share_a_question_about_the_contact(scripted, relay, route):
    contact = scripted.jid("bob")
    scripted.silent.add(contact)
    rooms = [f"tea{number}" for number in range(5)]

    for room in rooms:
        scripted.send(
            scripted.invitation("bob", room) if route == "relay address" else scripted.hand_over("bob", room, id=room)
        )
    await scripted.passed()
    await asked(scripted, contact, OF_A_CONTACT)
    scripted.answer_for(contact)

    await scripted.delivered(contact, times=len(rooms))
