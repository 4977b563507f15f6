"""SIGTERM while invitations pass: the relay ends well and in time, and the next start goes on where it stopped."""

import signal
import time

import pytest

from faults.crowd import all_arrive, invite
from support import journal

SETTLING = 5
CLOSING = 2
"""Seconds that the server has to close its side of the stream."""
SLACK = 10
"""For a busy machine."""


async def stopped(relay):
    """Stops the relay; returns how long that took."""
    began = time.monotonic()
    relay.process.signal(signal.SIGTERM)
    assert await relay.process.ends(within=SETTLING + CLOSING + SLACK) == 0
    return time.monotonic() - began


@pytest.mark.parametrize("point", [0, 300, 900])
async def test_under_load(scripted, relay, note, point):
    contacts = invite(scripted, 2000)
    await scripted.until(lambda: len(scripted.deliveries) >= point, f"{point} deliveries")

    took = await stopped(relay)

    # The server answered to the end: nothing is in doubt, unless the time was too short. What waits has not been sent.
    left = journal.read(relay.journal)
    settled = {contact for contact, _ in left.settled.values()}
    committed = set(left.pending.values()) | settled
    in_doubt = {delivery.contact for delivery in scripted.deliveries} - settled
    assert not in_doubt or "not everything has settled" in relay.log
    note(f"after {point} of 2000: stopped in {took:.1f} s, {len(left.settled)} settled, {len(left.pending)} pending")

    await relay.start_again()
    await scripted.delivered(*committed)
    unread = [contact for contact in contacts if contact not in committed]
    scripted.send("".join(scripted.invitation(contact.partition("@")[0]) for contact in unread))
    assert await all_arrive(scripted, relay, contacts) == len(in_doubt)


async def test_while_the_server_hangs(scripted, relay, note):
    scripted.answers_pings = False
    contacts = invite(scripted, 200)
    await scripted.delivered(*contacts)

    took = await stopped(relay)

    note(f"stopped in {took:.1f} s, with nothing confirmed")
    scripted.answers_pings = True
    await relay.start_again()
    assert await all_arrive(scripted, relay, contacts) == 200


async def test_while_there_is_no_server(scripted, relay):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    await scripted.kill()
    await relay.process.says("can't be reached")

    await stopped(relay)

    scripted.answers_pings = True
    await scripted.start()
    await relay.start_again()
    assert await all_arrive(scripted, relay, contacts) == 20


async def test_a_second_signal_changes_nothing(scripted, relay):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)

    relay.process.signal(signal.SIGTERM)
    await relay.process.says("stopping")
    relay.process.signal(signal.SIGINT)
    scripted.answer_all()

    assert await relay.process.ends(within=SETTLING + CLOSING + SLACK) == 0
    await relay.start_again()
    assert await all_arrive(scripted, relay, contacts) == 0
