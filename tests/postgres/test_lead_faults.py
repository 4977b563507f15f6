"""What becomes of a stream of invitations when the relay that leads, its way to the database, or the database itself fails: another
relay goes on, nothing that was journaled is lost, and the one that led says nothing more. What it had read when it hung, or was cut
off, it hands on as soon as it can.

LEAD_ROUNDS makes all of these, and then so many one after the other with the same relays; LEAD_SEED the same ones again.
"""

import asyncio
import os
import random
import signal
import time

import pytest

from postgres.leads import STANDS_BY, Leads, Watched

pytestmark = pytest.mark.xdist_group("postgres")

PART = 20

ROUNDS = int(os.environ.get("LEAD_ROUNDS", "0"))
SEED = int(os.environ.get("LEAD_SEED", str(random.randrange(1_000_000))))

HANGS = 30 if ROUNDS else 8
"""Seconds: longer than the lead holds."""


@pytest.fixture
async def scripted(setup, tmp_path):
    server = Watched(setup, tmp_path / "scripted")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def leads(scripted, database, relays, tmp_path):
    leads = Leads(scripted, database, relays, tmp_path / "journal.key")
    yield leads
    await leads.end()


async def gone_on(relay):
    """After it hung, or was cut off, it stands by, and has handed on what it had read."""
    await relay.process.says("another relay has taken the lead", within=60)
    # Not "nobody leads yet", as it said when it was about to take the lead.
    await relay.process.says("relay.sock leads")


# Each makes what leads fail while a stream arrives, and brings it back as a standby. Returns how many may be lost with it: what the
# server has written to the connection of a process that is killed.


async def killed(leads, first, second):
    leads.send(PART)
    await first.kill()
    await leads.leads(second)
    first.prepare_again()
    await first.launch()
    await first.process.says(STANDS_BY)
    return PART


async def stopped(leads, first, second):
    leads.send(PART)
    await first.stop()
    await leads.leads(second)
    first.prepare_again()
    await first.launch()
    await first.process.says(STANDS_BY)
    return 0


async def hangs(leads, first, second):
    first.process.signal(signal.SIGSTOP)
    begun = time.monotonic()
    leads.send(PART)
    await leads.leads(second)
    leads.send(PART)
    await asyncio.sleep(max(0, begun + HANGS - time.monotonic()))
    first.process.signal(signal.SIGCONT)
    await gone_on(first)
    return 0


async def hangs_in_its_transaction(leads, first, second):
    async with leads.locked("pending"):
        leads.send(PART)
        await leads.until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t")
        first.process.signal(signal.SIGSTOP)
    await leads.leads(second)
    leads.send(PART)
    first.process.signal(signal.SIGCONT)
    await gone_on(first)
    return 0


async def hangs_before_it_sends(leads, first, second):
    """As soon as a row is there."""
    newest = await leads.sql("SELECT coalesce(max(id), 0) FROM pending")
    there = asyncio.create_task(leads.appeared(f"1 FROM pending WHERE id > {newest}"))
    await leads.until("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %LOOP%'", "1")
    leads.send(PART)
    await there
    first.process.signal(signal.SIGSTOP)
    await leads.leads(second)
    leads.send(PART)
    first.process.signal(signal.SIGCONT)
    await gone_on(first)
    return 0


async def is_cut_off(leads, first, second):
    leads.send(PART)
    leads.ways[first].hang()
    await leads.leads(second)
    leads.send(PART)
    leads.ways[first].go_on()
    await gone_on(first)
    return 0


async def is_refused(leads, first, second):
    leads.send(PART)
    await leads.ways[first].stop()
    await leads.leads(second)
    leads.send(PART)
    await leads.ways[first].start()
    await gone_on(first)
    return 0


async def loses_an_answer_to_commit(leads, first, second):
    """And when it asks again, another relay leads."""
    cut, way = asyncio.Event(), leads.ways[first]

    def cuts():
        way.hang("relay")
        cut.set()
        yield True

    way.cuts = cuts()
    leads.send(PART)
    await cut.wait()
    await leads.leads(second)
    way.go_on()
    await gone_on(first)
    return 0


ON_DEMAND = pytest.mark.skipif(not ROUNDS, reason="LEAD_ROUNDS is not set")

FAULTS = [killed, stopped, hangs, hangs_in_its_transaction, hangs_before_it_sends, is_cut_off, is_refused, loses_an_answer_to_commit]


# The others are much like those of test_lead.py: on demand.
@pytest.mark.parametrize(
    "fault",
    [pytest.param(it, marks=ON_DEMAND if it not in (hangs, loses_an_answer_to_commit) else ()) for it in FAULTS],
    ids=lambda fault: fault.__name__,
)
async def test_the_leader(scripted, leads, fault, note):
    first, second = await leads.pair()
    await leads.works()
    # Sent, and not confirmed: these arrive again.
    scripted.answers_pings = False
    await scripted.delivered(*leads.send(PART))
    scripted.answers_pings = True

    lost = await fault(leads, first, second)

    await leads.works()
    note(await leads.account(lost=lost, again=2 * PART))


@ON_DEMAND
async def test_many_faults(leads, note):
    note(f"LEAD_SEED={SEED}")
    chance = random.Random(SEED)
    first, second = await leads.pair()
    lost = 0
    for number in range(ROUNDS):
        await leads.works()
        fault = chance.choice(FAULTS)
        lost += await fault(leads, first, second)
        first, second = second, first
        note(f"{number} {fault.__name__}: {await leads.account(lost=lost, again=2 * PART * (number + 1))}")
    await leads.works()
    note(await leads.account(lost=lost, again=2 * PART * ROUNDS))
