"""The wall clock is set while the relay runs, or stopped: what was promised for a time holds for about that time."""

from datetime import timedelta

import pytest

from faults.crowd import all_arrive, invite
from support.clock import WallClock
from support.stanzas import a

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path)


@pytest.fixture
async def relay(scripted, relays, config, clock):
    relay = relays(scripted, **config)
    relay.env.update(clock.env)
    await relay.start()
    return relay


async def invited_once_more(scripted, relay):
    """Invites bob again; returns what becomes of it."""
    before = len(await relay.history())
    scripted.send(scripted.invitation("bob"))
    return (await relay.settled(before + 1))[-1]["state"]


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (-5 * MINUTE, "suppressed"),
        (9 * MINUTE, "suppressed"),
        (11 * MINUTE, "relayed"),
        (1.5 * DAY, "relayed"),
        # A claim in the future is not waited for.
        (-HOUR, "relayed"),
        (-365 * DAY, "relayed"),
    ],
    ids=["minutes back", "within the window", "past the window", "past any window", "an hour back", "a year back"],
)
async def test_the_window(scripted, relay, clock, ahead, state):
    assert await invited_once_more(scripted, relay) == "relayed"

    clock.set(ahead)

    assert await invited_once_more(scripted, relay) == state
    assert await invited_once_more(scripted, relay) == "suppressed"


@pytest.mark.parametrize("ahead", [-365 * DAY, 365 * DAY], ids=["a year back", "a year on"])
async def test_under_way_while_it_runs(scripted, relay, clock, ahead):
    """What has been read expires an hour later by the time that has passed, whatever the clock says."""
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)

    clock.set(ahead)
    scripted.cut()
    scripted.answers_pings = True

    assert await all_arrive(scripted, relay, contacts) == 20
    assert scripted.connections == 2


async def test_set_back_across_a_restart(scripted, relay, clock):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    await relay.kill()

    clock.set(-365 * DAY)
    scripted.answers_pings = True
    await relay.start_again()

    assert await all_arrive(scripted, relay, contacts) == 20
    for record in await relay.history():
        assert record["received"] > record["settled"], "the clock was set back"


async def test_stopped_for_longer_than_an_invitation_is_good_for(scripted, relay, clock):
    scripted.answers_pings = False
    contacts = invite(scripted, 3)
    await scripted.delivered(*contacts)
    await relay.kill()

    clock.set(2 * HOUR)
    scripted.answers_pings = True
    await relay.start_again()

    records = await relay.settled(3)
    assert {record["state"] for record in records} == {"expired"}
    for _ in contacts:
        told = await scripted.taken.take(a("message"))
        assert "could not be delivered in time" in "".join(told.itertext())
    assert len(scripted.deliveries) == 3
