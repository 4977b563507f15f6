"""What the relay costs beside the server that it serves: its CPU time divided by the server's, for the same invitations.

The figure is printed at the end and not judged: in a short run the start of both counts as much as the invitations. All of
them, with a binary as it is shipped:

    COST_INVITATIONS=10000 RELAY_BIN=target/release/muc-invite-relay \\
        /usr/bin/python3 -m pytest -c tests/pytest.ini tests/e2e/test_cost.py
"""

import os
import time

import pytest

from support.server import Setup
from support.sink import Sink
from support.spent import Spent
from support.stanzas import mediated_invitation

pytestmark = pytest.mark.one_of_each_make

COUNT = int(os.environ.get("COST_INVITATIONS", "300"))

WITHIN = 30 + COUNT / 20
"""Seconds that all of it may take, on a machine that does other things as well."""

UNDER_WAY = 200
"""The most invitations that have not arrived: both sides are busy, and no queue grows."""

PER_BATCH = 20


@pytest.fixture
def config():
    return {"log": {"level": "info"}}


@pytest.mark.parametrize("setup", [Setup(), Setup(hand_over=60)], ids=["relay address", "hand-over"])
async def test_what_an_invitation_costs_the_relay_and_the_server(stage, relay, setup, note):
    """Each goes to somebody else on another domain, where it is counted. Its way through the server is the server's part: from
    the inviter to the room, to the relay, and from there to the contact."""
    server = stage.server
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    address = (lambda jid: jid) if setup.hand_over else stage.relay_address
    # The first find nothing remembered; they are not measured.
    warm_up = [f"w{n}@{server.remote}" for n in range(PER_BATCH)]
    contacts = [f"c{n}@{server.remote}" for n in range(COUNT)]

    async with Sink(server) as sink:

        async def invite(everybody):
            before = len(sink.reached)
            for begin in range(0, len(everybody), PER_BATCH):
                await sink.until(lambda: begin - (len(sink.reached) - before) < UNDER_WAY, WITHIN)
                some = everybody[begin : begin + PER_BATCH]
                await alice.pour("".join(mediated_invitation(room, address(contact), "Come & talk") for contact in some))
            await sink.until(lambda: len(sink.reached) - before == len(everybody), WITHIN)

        await invite(warm_up)
        before, begun = (Spent.by(relay.process), Spent.by(server.process)), time.monotonic()
        await invite(contacts)
        await relay.settled(len(warm_up) + COUNT, "--limit", "1000000", within=WITHIN)
        took = time.monotonic() - begun
        after = Spent.by(relay.process), Spent.by(server.process)
        assert set(sink.reached) == {*warm_up, *contacts}
        assert set(sink.reached.values()) == {1}

    ours, servers = (now.cpu - then.cpu for now, then in zip(after, before))
    each = f"{ours / COUNT * 1e6:.0f} µs of the relay, {servers / COUNT * 1e6:.0f} µs of the server"
    ratio = f"{ours / servers:.2f}" if servers else "unknown (too few to measure)"
    note(f"{COUNT} invitations in {took:.1f} s; CPU for each {each}; relay ÷ server: {ratio}")
