"""kill -9 of the relay at random points: what it had committed arrives, twice only what was in doubt at the kill.

The server of these tests counts as having taken a stanza when it has read it, and answers a ping when it has read all
before. An invitation is committed when it stands in the journal; what the relay was killed over before that, a real
server has lost with the connection, and its inviter sends it again.
"""

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from support import journal
from support.server import Setup

ROUNDS = int(os.environ.get("KILL_ROUNDS", "6"))
INVITATIONS = 2000
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(1_000_000))))


@dataclass
class Doubt:
    """What may arrive twice: sent, and not known to be confirmed when the relay died."""

    times: Counter[str] = field(default_factory=Counter)
    committed: set[str] = field(default_factory=set)
    at_kills: list[str] = field(default_factory=list)


async def kill(relay, scripted, doubt):
    """Kills the relay and compares what it had committed with what the server had taken by then.

    Returns the number of those that are still under way.
    """
    connection = scripted.connections
    await relay.kill()
    await scripted.until(lambda: not scripted.is_connected, "the server sees the end of the connection")
    left = journal.read(relay.journal)

    pending, sent = set(left.pending.values()), {delivery.contact for delivery in scripted.deliveries}
    relayed = {contact for contact, state in left.settled.values() if state == "relayed"}
    assert relayed <= sent, "confirmed without having been taken"
    assert sent <= relayed | pending, "sent before it was committed"
    assert doubt.committed <= relayed | pending, "forgotten by the journal"
    in_doubt = {d.contact for d in scripted.deliveries if d.connection == connection} & pending
    doubt.times.update(in_doubt)
    doubt.committed |= relayed | pending
    doubt.at_kills.append(f"{len(relayed)} settled, {len(pending)} pending, {len(in_doubt)} of them taken")
    return len(pending)


async def random_moment(chance, scripted, left):
    """Soon, while invitations are still coming in; or any time while those that are left go out."""
    if chance.random() < 0.5:
        await asyncio.sleep(chance.uniform(0, 0.4))
    else:
        point = len(scripted.deliveries) + chance.randint(0, left)
        await scripted.until(lambda: len(scripted.deliveries) >= point, f"{point} deliveries")
        await asyncio.sleep(chance.uniform(0, 0.02))


@pytest.fixture
def setup(round):
    return Setup(privileges=round % 2 == 0)


@pytest.mark.parametrize("round", range(ROUNDS))
async def test_killed_at_random_points(scripted, relay, note, round):
    chance = random.Random(f"{SEED}/{round}")
    contacts = [scripted.jid(f"bob{n}") for n in range(INVITATIONS)]
    invitations = {contact: scripted.invitation(contact.partition("@")[0]) for contact in contacts}
    doubt = Doubt()

    # While they come in, and more often than not once or twice again while the relay picks up what was left.
    scripted.send("".join(invitations.values()))
    left = INVITATIONS
    for _ in range(chance.choice((1, 2, 2, 3))):
        await random_moment(chance, scripted, left)
        left = await kill(relay, scripted, doubt)
        await relay.start_again()

    # Nothing that was committed needs anybody's help.
    await scripted.delivered(*doubt.committed)
    # What was not is sent again, and some that was as well: it is known.
    again = [contact for contact in contacts if contact not in doubt.committed]
    known = chance.sample(sorted(doubt.committed), min(20, len(doubt.committed)))
    scripted.send("".join(invitations[contact] for contact in again + known))
    await scripted.delivered(*contacts)
    await relay.settled(len(contacts) + len(known), "--limit", str(3 * INVITATIONS))
    await relay.stop()

    left = journal.read(relay.journal)
    relayed = Counter(contact for contact, state in left.settled.values() if state == "relayed")
    assert relayed == Counter(contacts), "each of them once"
    assert len(left.settled) == len(contacts) + len(known)
    assert not left.pending

    ids = {}
    for delivery in scripted.deliveries:
        ids.setdefault(delivery.contact, []).append(delivery.id)
    twice = {contact for contact, sent in ids.items() if len(sent) > 1}
    note(
        f"seed {SEED}: {'; '.join(doubt.at_kills)}; sent again {len(again)}; "
        f"{len(contacts)} arrived, {len(twice)} of them more than once"
    )
    for contact, sent in ids.items():
        assert len(sent) <= 1 + doubt.times[contact], f"{contact} was not in doubt and came {len(sent)} times"
        assert len(set(sent)) == 1, f"{contact} has other ids: {sent}"
