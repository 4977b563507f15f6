"""kill -9 of the relay in bursts of hand-overs, on a real server: each contact gets one invitation, never none, never two.

`KILLS` is how often, for each server; `scripts/kill-loop` runs many.
"""

import asyncio
import os
import random
import time
from collections import Counter

import pytest

from faults.conftest import GENEROUS
from support.feed import WITHIN
from support.server import Setup
from support.stanzas import direct_invitation, mediated_invitation, native_invitation

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(1_000_000))))
BURST = 200

PATIENT = 60
"""Seconds that the relay has for its answer: what the server delivers, it delivers because of the kill."""


@pytest.fixture
def setup():
    return Setup(hand_over=PATIENT)


async def test_killed_in_bursts(stage, relays, note):
    chance = random.Random(SEED)
    remote = await stage.remote()
    relay = relays(stage.server, limits=GENEROUS, log={"level": "info"})
    await relay.start()
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())

    # How long a burst takes here, from the first invitation sent to the last one settled.
    began = time.monotonic()
    await burst(alice, room, [f"warm{n}@{remote.jid}" for n in range(BURST)])
    await relay.settled(BURST, "--limit", "1000")
    takes = time.monotonic() - began

    lost, twice, by_both, direct = [], [], [], 0
    for kill in range(KILLS):
        contacts = [f"bob{kill}-{n}@{remote.jid}" for n in range(BURST)]
        seen_before = len(remote.inbox.all)

        def arrived(kind, since=seen_before):
            return Counter(stanza.get("to") for stanza in remote.inbox.all[since:] if kind(room)(stanza))

        inviting = asyncio.create_task(burst(alice, room, contacts))
        await asyncio.sleep(chance.uniform(0, takes))
        await relay.kill()
        await inviting
        await relay.start_again()
        # The room has passed on all that it was told to, or handed it over.
        await alice.passed(room)
        await all_arrive(contacts, lambda: arrived(direct_invitation) + arrived(native_invitation))
        await relay.settled(0, "--limit", "1000")
        await remote.passed(f"{stage.server.host}/barrier")

        relayed, native = arrived(direct_invitation), arrived(native_invitation)
        both = relayed + native
        lost += [contact for contact in contacts if not both[contact]]
        twice += [contact for contact in contacts if both[contact] > 1]
        by_both += [contact for contact in contacts if relayed[contact] and native[contact]]
        direct += len(relayed)

    note(
        f"seed {SEED}: {KILLS} kills, {KILLS * BURST} invitations, {direct} relayed, {len(lost)} lost, "
        f"{len(twice)} twice, {len(by_both)} of them by server and relay"
    )
    assert (len(lost), len(twice)) == (0, 0), f"lost: {lost[:5]}, twice: {twice[:5]}"


async def burst(alice, room, contacts):
    for contact in contacts:
        await alice.pour(mediated_invitation(room, contact))


async def all_arrive(contacts, arrived, within=WITHIN):
    """Waits until each has got one. Who has not by then, has lost it."""
    end = time.monotonic() + within
    while set(contacts) - arrived().keys() and time.monotonic() < end:
        await asyncio.sleep(0.05)
