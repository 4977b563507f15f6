"""More is under way than the relay keeps in memory: the rest waits on the disk, and everything comes to an end once."""

import pytest

from faults.crowd import all_arrive, invite
from support import clock
from support.stanzas import asked, reply

LIVES = 1024
"""Invitations that live at the same time, and that may be unconfirmed."""

READY = 2048
"""Those that stand ready in memory; the others wait on the disk alone."""

TAKING_IN = 120
"""Seconds until thousands are on the disk, on a slow machine."""


@pytest.fixture
async def patient(scripted, relays, config):
    """On a slow machine it takes a while to take them in, and the connection is given up over an unanswered ping."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(0.2))
    await relay.start()
    return relay


async def test_more_than_fits(scripted, patient):
    scripted.answers_pings = False
    contacts = invite(scripted, 2 * (LIVES + READY))
    await scripted.until(lambda: len(scripted.deliveries) == LIVES, "as many as may be unconfirmed")
    await patient.has_taken_in(len(contacts), within=TAKING_IN)
    assert len(scripted.deliveries) == LIVES

    scripted.answer_all()

    assert await all_arrive(scripted, patient, contacts) == 0


async def test_a_hand_over_among_them(scripted, patient):
    """It is taken in while others have to wait on the disk, and does not wait there with them."""
    tea, coffee = scripted.room("tea"), scripted.room("coffee")
    scripted.silent = {tea, coffee}
    scripted.send(scripted.hand_over("carol", "coffee"))
    await scripted.unanswered.take(asked(coffee))
    scripted.answers_pings = False
    contacts = invite(scripted, LIVES - 100)
    scripted.send(scripted.invitation("dave") * (READY + 150))
    await patient.has_taken_in(LIVES + READY + 50, within=TAKING_IN)

    scripted.answer_for(coffee)
    assert (await scripted.taken.take(reply("handover"))).get("type") == "result"
    await scripted.delivered(scripted.jid("carol"))
    # All but one of dave's are duplicates. They may overtake others, and end when what they sent is confirmed: then there is
    # room in memory for those on the disk.
    scripted.answer_all()

    await scripted.delivered(*contacts, scripted.jid("dave"))
    await patient.settled(LIVES + READY + 51, "--limit", "10000")
    await patient.stop()
    assert [delivery.contact for delivery in scripted.deliveries].count(scripted.jid("carol")) == 1
