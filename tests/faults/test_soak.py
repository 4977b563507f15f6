"""Everything goes wrong for a while beside a real server, and in the end every invitation is accounted for.

Half a minute as a test, hours by scripts/soak. SOAK_SEED makes the same sequence of faults again.
"""

import asyncio
import contextlib
import os
import random
import re
from collections import Counter, defaultdict

import pytest

from faults.soak import PATTERN, Accounts, Faults, Load, Rain
from support.between import Between
from support.raw import RawClient, StreamEnded
from support.server import Setup
from support.stage import PASSWORD
from support.stanzas import CONFERENCE, PING

SECONDS = float(os.environ.get("SOAK_SECONDS", "30"))
SEED = int(os.environ.get("SOAK_SEED", str(random.randrange(1_000_000))))
RATE = 5
RAIN = float(os.environ.get("SOAK_RAIN", "5"))
"""Invitations, and hostile stanzas, a second."""
AT_THE_SAME_TIME = 8


@pytest.fixture
def setup():
    return Setup(hand_over=5)


@pytest.fixture
def small_disk(request):
    """None where only root could have one."""
    with contextlib.suppress(pytest.skip.Exception):
        return request.getfixturevalue("disk")


async def reached(server, contact: str) -> tuple[int, int] | None:
    """How many direct invitations, and how many by the room itself, have been kept for a contact who was away; None if
    the server, when it was killed, has forgotten that it has made the account."""
    try:
        client = await RawClient(contact, PASSWORD, server.c2s_port).connect()
    except StreamEnded:
        return None
    client.send("<presence/>")
    heard = await client.hears(rb"<presence[^>]*>")
    for _ in range(2):
        heard += await client.iq("get", f"<ping xmlns='{PING}'/>", server.host)
    client.cut()
    messages = re.split(rb"<message\b", heard)[1:]
    native = sum(b"<invite " in message for message in messages)
    return sum(CONFERENCE.encode() in message for message in messages) - native, native


async def all_reached(server, contacts) -> dict[str, tuple[int, int] | None]:
    turns = asyncio.Semaphore(AT_THE_SAME_TIME)

    async def one(contact):
        async with turns:
            return contact, await reached(server, contact)

    return dict(await asyncio.gather(*map(one, contacts)))


PAUSES = 420
"""Seconds. After many second components ejabberd's grants come back with the next connection only, which the relay makes after
a pause of up to five minutes; more than a minute more may pass before a connection that has ended early is made again."""


async def quiet(running, relay, load, limit: float = PAUSES) -> None:
    """Waits until two invitations, by either route, go through the relay after all the faults."""
    first, lines = len(load.sent), len(relay.output.all)
    records = []
    try:
        async with asyncio.timeout(limit):
            while not any(task.done() for task in running):
                records = await relay.history("--limit", "200")
                done = {record["contact"] for record in records if record["state"] == "relayed"}
                if {sent.handed_over for sent in load.sent[first:] if sent.contact in done} == {True, False}:
                    return
                await asyncio.sleep(0.5)
    except TimeoutError:
        sent = load.sent[first:]
        contacts = {one.contact for one in sent}
        states = Counter((r["route"], r["state"], r["reason"]) for r in records if r["contact"] in contacts)
        confirmed = sum(one.confirmed is not None for one in sent)
        said = "\n".join([*relay.output.all[lines:][:40], "...", *relay.output.all[-20:]])
        raise AssertionError(
            f"{len(sent)} invitations in {limit} s after the faults, {confirmed} confirmed by their rooms, and not one "
            f"by each route relayed: {dict(states)}; alice logged in {load.logins} times; the relay said:\n{said}"
        ) from None


@pytest.mark.one_of_each_make
async def test_all_are_accounted_for(own_stage, relays, config, small_disk, note):
    server = own_stage.server
    between = Between(server.component_port, PATTERN)
    await between.start()
    component = {"jid": server.component, "secret": server.secret, "server": f"127.0.0.1:{between.port}"}
    journal = {"journal": {"path": str(small_disk.directory / "journal.db")}} if small_disk else {}
    relay = relays(server, **config, component=component, **journal)
    await relay.start()
    load, rain = Load(own_stage, RATE), Rain(own_stage, RAIN)
    faults = Faults(random.Random(SEED), own_stage, relay, between, small_disk)

    running = [asyncio.create_task(part.run()) for part in (load, rain)]
    await faults.run(SECONDS)
    note(f"seed {SEED}, {SECONDS:.0f} s: {dict(Counter(fault.name for fault in faults.done))}")
    try:
        await quiet(running, relay, load)
    finally:
        for task in running:
            task.cancel()
    ends = await asyncio.gather(*running, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    # What the server still holds back it delivers now at the latest.
    await asyncio.sleep(server.setup.hand_over + 1)
    records = defaultdict(list)
    for record in await relay.settled(1, "--limit", "10000000", within=60):
        records[record["contact"]].append(record)
    arrived = await all_reached(server, [sent.contact for sent in load.sent])

    accounts = Accounts(server.name, faults.done, between.connections)
    for sent in load.sent:
        accounts.settle(sent, records[sent.contact], arrived[sent.contact])
    await between.stop()
    for word, count in sorted(accounts.words.items()):
        note(f"{count:6} {word}")
    ended = Counter(connection.ended_by for connection in between.connections)
    note(f"{len(between.connections)} connections, ended by {dict(ended)}; {rain.fallen} hostile stanzas; "
         f"without one for {accounts.longest_without_link():.1f} s at most while nothing was wrong")
    assert not accounts.wrong, f"seed {SEED}: {len(accounts.wrong)} of {len(load.sent)}\n" + "\n".join(accounts.wrong)
