"""Accounts and rooms whose names our rules would change into others' (`ᵃlice` into `alice`): some servers have both, and
what the one does or is must not be taken for the other's."""

import pytest

from support import stanzas
from support.stanzas import reply

A = "\u1d43"
"""A letter that normalises to `a`, and that servers with an older Unicode leave as it is."""


def other(jid):
    """The account that our rules would take for this one of a name with an `a` in front."""
    assert jid.startswith("a")
    return A + jid[1:]


async def refused(relay, scripted, count):
    await scripted.passed()
    records = await relay.settled(count)
    assert scripted.deliveries == []
    return [(record["state"], record["reason"]) for record in records]


async def test_an_inviter(scripted, relay):
    scripted.send(scripted.invitation("bob").replace("alice@", other("alice@")))
    assert await refused(relay, scripted, 1) == [("refused", "malformed")]


async def test_a_contact(scripted, relay):
    scripted.send(scripted.invitation("adam").replace("to=\"adam", f"to=\"{other('adam')}").replace("to='adam", f"to='{other('adam')}"))
    assert await refused(relay, scripted, 1) == [("refused", "malformed")]


async def test_a_room(scripted, relay):
    scripted.send(scripted.invitation("bob", room="attic").replace("attic@", other("attic@")))
    assert await refused(relay, scripted, 1) == [("refused", "malformed")]


@pytest.mark.parametrize("who", ["alice@", "adam@", "attic@"], ids=["inviter", "contact", "room"])
async def test_a_hand_over(scripted, relay, who):
    scripted.send(scripted.hand_over("adam", room="attic").replace(who, other(who)))

    answer = await scripted.taken.take(reply("handover"))

    assert answer.get("type") == "error", "the server delivers its own"
    assert scripted.deliveries == [] and await relay.history() == []


@pytest.mark.parametrize("config", [{"muc": {"membership": "require"}}], ids=["members only"])
async def test_a_member_list(scripted, relay, config):
    """In one room the like is a member, in the other adam himself."""
    scripted.members_only |= {scripted.room("tea"), scripted.room("coffee")}
    scripted.members("tea", [other(scripted.jid("adam"))])
    scripted.members("coffee", [scripted.jid("adam")])

    scripted.send(scripted.invitation("adam") + scripted.invitation("adam", room="coffee"))

    ended = {record["room"]: (record["state"], record["reason"]) for record in await relay.settled(2)}
    assert ended == {
        scripted.room("tea"): ("refused", "not-member"),
        scripted.room("coffee"): ("relayed", None),
    }


async def test_an_answer(scripted, relay):
    """Only the room that was asked answers, letter by letter."""
    room = scripted.room("attic")
    scripted.silent.add(room)
    scripted.send(scripted.invitation("bob", room="attic"))
    question = await scripted.unanswered.take(stanzas.asked(room))
    answer = scripted._answer(question)
    assert room in answer
    scripted.send(answer.replace(room, other(room)))
    await scripted.passed()
    assert [record["state"] for record in await relay.history()] == ["pending"]

    scripted.answer_for(room)
    await scripted.delivered(scripted.jid("bob"))


@pytest.mark.parametrize("config", [{"admins": {"jids": ["admin@example.test"]}}], ids=["an admin"])
async def test_a_command(scripted, relay, config):
    command = "<command xmlns='http://jabber.org/protocol/commands' node='my-settings' action='execute'/>"
    scripted.send(
        f"<iq type='set' id='c1' from='{other('admin@example.test')}/x' to='{scripted.component}'>{command}</iq>"
        f"<iq type='set' id='c2' from='admin@example.test/x' to='{scripted.component}'>{command}</iq>"
    )
    assert (await scripted.taken.take(reply("c1"))).get("type") == "error"
    assert (await scripted.taken.take(reply("c2"))).get("type") == "result"
