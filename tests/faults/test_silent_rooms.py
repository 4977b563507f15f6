"""Rooms that never answer: whoever invites to other rooms does not notice, and whoever invites to them is told in the end."""

from collections import Counter

import pytest

from support import clock
from support.stanzas import MUC_USER, bare

ROOMS = 30
INVITATIONS = 1500
"""More than run at a time."""

ATTEMPTS = 3
QUESTIONS = 8
"""What a room is asked in one attempt: what it is, who is inside, its lists."""


def members_of(scripted, room, inviter):
    """An invitation to members@, as the room sends it."""
    room = scripted.room(room)
    return (
        f"<message to='members@{scripted.component}' from='{room}'><x xmlns='{MUC_USER}'>"
        f"<invite from='{scripted.jid(inviter)}/desk'/></x></message>"
    )


def silent_rooms(scripted):
    rooms = [f"silent{n}" for n in range(ROOMS)]
    scripted.silent.update(scripted.room(room) for room in rooms)
    return rooms


async def test_nobody_waits_for_rooms_that_do_not_answer(scripted, relay):
    rooms = silent_rooms(scripted)
    await scripted.passed()
    scripted.members("coffee", [scripted.jid(f"member{n}") for n in range(20)])

    for n in range(INVITATIONS):
        scripted.send(scripted.invitation(f"nobody{n}", room=rooms[n % ROOMS], inviter="mallory"))
    for room in rooms:
        scripted.send(members_of(scripted, room, "mallory"))
    scripted.send(scripted.invitation("bob", room="tea"))
    scripted.send(members_of(scripted, "coffee", "alice"))

    await scripted.delivered(scripted.jid("bob"), *(scripted.jid(f"member{n}") for n in range(20)))
    records = await relay.history("--limit", "100000")
    states = Counter(record["state"] for record in records if record["inviter"] == scripted.jid("mallory"))
    assert states == {"pending": INVITATIONS + ROOMS}, "the others overtook all of them"


async def test_one_room_that_does_not_answer(scripted, relay):
    """Whoever invites to it."""
    scripted.silent.add(scripted.room("silent"))
    await scripted.passed()

    for n in range(INVITATIONS):
        scripted.send(scripted.invitation(f"nobody{n}", room="silent", inviter=f"person{n}"))
    scripted.send(scripted.invitation("bob", room="tea"))

    await scripted.delivered(scripted.jid("bob"))
    records = await relay.history("--limit", "100000")
    states = Counter(record["state"] for record in records if record["room"] == scripted.room("silent"))
    assert states == {"pending": INVITATIONS}


@pytest.mark.parametrize("times", [10], ids=["10 times as fast"])
async def test_whoever_invites_to_one_is_told_after_a_few_attempts(scripted, relays, config, times):
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(times))
    await relay.start()
    [room, *others] = silent_rooms(scripted)
    people = [f"person{n}" for n in range(200)]

    for person in people:
        scripted.send(scripted.invitation(f"contact-of-{person}", room=room, inviter=person))
    for other in others:
        scripted.send(members_of(scripted, other, "mallory"))

    records = await relay.settled(len(people) + len(others), "--limit", "100000", within=90)
    ended = Counter((record["contact"].partition("@")[0] == "members", record["state"], record["reason"]) for record in records)
    assert ended == {(False, "failed", "unsure"): len(people), (True, "refused", "no-list"): len(others)}
    asked = Counter(question.get("to") for question in scripted.unanswered.all)
    for silent in scripted.silent:
        # Once more for relay addresses that may have been left on the list. What a connection's end takes along is asked anew.
        assert asked[silent] <= (ATTEMPTS + scripted.connections - 1) * QUESTIONS + 1, f"{silent} was asked {asked[silent]} times"
    # Each is told once.
    told = Counter(bare(message.get("from")) for message in scripted.taken.all if message.tag.endswith("message"))
    assert {told[f"contact-of-{person}\\40{scripted.host}@{scripted.component}"] for person in people} == {1}
