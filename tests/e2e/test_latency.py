"""How much later an invitation arrives that the relay passes on, one at a time: printed at the end, not judged.

Machines differ, and most are busy, so the figures are for people. That each one arrives, and in the right shape, is what
a test can ask for. Run it with LATENCY_ROOMS=20 and an optimised binary (RELAY_BIN) on an idle machine; see design/15-latency.md.
"""

import os
import statistics
import time
from dataclasses import dataclass

import pytest

from support.server import Setup
from support.stanzas import direct_invitation, native_invitation

pytestmark = pytest.mark.one_of_each_make

ROOMS = int(os.environ.get("LATENCY_ROOMS", "5"))

QUIET = {"log": {"level": "info"}}
"""As operators run it."""


@dataclass(frozen=True)
class Shown:
    """The times, in seconds, that invitations of one kind took."""

    took: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.took) * 1000

    def added_to(self, own: "Shown") -> str:
        ordered = sorted(self.took)
        p90 = ordered[len(ordered) * 9 // 10] * 1000
        return f"{self.median:.1f} ms (p90 {p90:.1f}), added {self.median - own.median:.1f}"


async def timed(inviter, room, address, contact, wanted) -> float:
    began = time.perf_counter()
    inviter.invite(room, address)
    await contact.expect(wanted(room))
    return time.perf_counter() - began


@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members-only"])
@pytest.mark.parametrize(
    "setup", [Setup(), Setup(hand_over=60)], ids=["relay address", "hand-over"]
)
async def test_one_at_a_time(stage, relays, setup, members_only, note):
    """The first invitation to each room finds nothing remembered of the room or the contact, the second only the room."""
    (alice,) = await stage.people("alice")
    rooms = [await alice.create_room(stage.room(), members_only=members_only) for _ in range(ROOMS)]
    own, first, again = ([], [], [])
    contacts = await stage.people(*(f"contact{n}" for n in range(2 * ROOMS)))
    # Invited by the room itself they may become members, so each contact's own room is another one.
    for n, room in enumerate(rooms):
        contact = contacts[(n + 1) % ROOMS]
        own.append(await timed(alice, room, contact.bare, contact, native_invitation))

    relay = relays(stage.server, **QUIET)
    await relay.start()
    address = (lambda jid: jid) if setup.hand_over else stage.relay_address
    for room, one, two in zip(rooms, contacts[:ROOMS], contacts[ROOMS:]):
        for contact, took in ((one, first), (two, again)):
            took.append(await timed(alice, room, address(contact.bare), contact, direct_invitation))

    own, first, again = Shown(own), Shown(first), Shown(again)
    note(
        f"{stage.server.name}: the room's own {own.median:.1f} ms; by the relay {first.added_to(own)}; "
        f"again in the same room {again.added_to(own)}"
    )
    records = await relay.settled(2 * ROOMS)
    assert [record["state"] for record in records] == ["relayed"] * 2 * ROOMS
