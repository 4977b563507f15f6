"""Nobody pays for another: whatever one inviter, room, contact or host does, invitations between others take about the time
that they always take.

Measured in turns, with and without the load, in one run. Machines are busy, so what counts are medians, and a quarter of a
second more is nothing; and nobody may wait for somebody else's question to time out, which takes ten seconds.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from faults.conftest import GENEROUS
from faults.test_bounces import error, is_invitation
from support import stanzas
from support.scripted import Scripted
from support.server import Setup
from support.stanzas import BLOCKING, CONFERENCE, MUC_ADMIN, MUC_USER

ROUNDS = 2
INVITATIONS = 12
"""Of others, in each round, with the load and without it."""
NOTHING = 0.25
"""Seconds that a busy machine may take for anything."""
TIMEOUT = 10
"""Seconds after which the relay gives a question up."""
MANY = 1100
"""More than run at a time."""
LATE = 8
"""Seconds after which a slow service answers: just before the relay gives up."""
SLOW = "slow.example.test"
"""A MUC service that is slow, or silent."""

DEFAULTS = {"per_inviter": "30/10m", "per_domain": "1000/10m", "per_contact": "20/1h", "per_room": "200/1h"}

_numbers = itertools.count(1)

Load = Callable[[Scripted], Awaitable[None]]
"""Begins; ends when it is cancelled."""


def mediated(scripted: Scripted, to: str, room: str, inviter: str) -> str:
    """An invitation through any room, to any relay address."""
    return (
        f"<message to='{to}' from='{room}'><x xmlns='{MUC_USER}'><invite from='{scripted.jid(inviter)}/desk'/></x></message>"
    )


def is_of_slow(iq) -> bool:
    return iq.get("to", "").endswith(f"@{SLOW}")


def to_slow_rooms(scripted: Scripted, rooms: int) -> str:
    """Invitations to so many rooms of the slow service, each by somebody else."""
    start = next(_numbers)
    return "".join(
        mediated(scripted, scripted.relay_address(f"c{start}-{n}"), f"r{start}-{n % rooms}@{SLOW}", f"m{start}-{n}") for n in range(MANY)
    )


async def silent_service(scripted):
    scripted.leaves_unanswered = is_of_slow
    scripted.send(to_slow_rooms(scripted, rooms=100))
    await forever()


async def late_service(scripted):
    scripted.late = lambda iq: LATE if is_of_slow(iq) else 0
    scripted.send(to_slow_rooms(scripted, rooms=100))
    await forever()


async def silent_room(scripted):
    scripted.leaves_unanswered = is_of_slow
    scripted.send(to_slow_rooms(scripted, rooms=1))
    await forever()


async def huge_lists(scripted):
    """2,000 members of a members-only room."""
    scripted.members("crowd", [scripted.jid(f"somebody-with-a-name-{n}") for n in range(2_000)])
    scripted.members_only.add(scripted.room("crowd"))
    while True:
        scripted.send(scripted.invitation(f"c{next(_numbers)}", "crowd", "mallory"))
        await asyncio.sleep(0.1)


async def flood(scripted, stanza: Callable[[int], str]):
    while True:
        scripted.send("".join(stanza(next(_numbers)) for _ in range(10)))
        await asyncio.sleep(0.05)


async def flood_by_rooms(scripted):
    await flood(scripted, lambda n: scripted.invitation(f"c{n}", "spam", "mallory"))


async def flood_directly(scripted):
    x = f"<x xmlns='{CONFERENCE}' jid='{scripted.room('spam')}'/>"
    sender = f"{scripted.jid('mallory')}/desk"
    await flood(scripted, lambda n: f"<message from='{sender}' to='{scripted.relay_address(f'c{n}')}' id='d{n}'>{x}</message>")


async def flood_of_hand_overs(scripted):
    await flood(scripted, lambda n: scripted.hand_over(f"c{n}", "spam", "mallory", id=f"h{n}"))


async def bouncing_contacts(scripted):
    def comes_back(message):
        return error(message, "service-unavailable") if is_invitation(message) and "@bounces." in message.get("to", "") else None

    scripted.on_message = comes_back
    while True:
        addresses = [f"{stanzas.escaped(f'c{next(_numbers)}@bounces.example')}@{scripted.component}" for _ in range(20)]
        scripted.send("".join(mediated(scripted, it, scripted.room("spam"), "mallory") for it in addresses))
        await asyncio.sleep(0.05)


async def silent_block_list(scripted):
    """Of one contact, whom everybody invites."""
    scripted.silent.add(scripted.jid("silent"))
    start = next(_numbers)
    scripted.send("".join(scripted.invitation("silent", f"s{start}-{n}", f"m{start}-{n}") for n in range(MANY)))
    await forever()


async def huge_block_list(scripted):
    scripted.blocks[scripted.jid("huge")] = [f"somebody-with-a-name-{n}@elsewhere.example" for n in range(2_000)]
    while True:
        scripted.send(scripted.invitation("huge", f"s{next(_numbers)}", "mallory"))
        await asyncio.sleep(0.1)


async def fan_out_of_thousands(scripted):
    scripted.members("crowd", [scripted.jid(f"member{next(_numbers)}") for _ in range(5000)])
    scripted.send(mediated(scripted, f"members@{scripted.component}", scripted.room("crowd"), "mallory"))
    await forever()


async def fan_outs_to_a_slow_service(scripted):
    """It tells its lists at once, and takes its time to make somebody a member: for each of a group."""
    scripted.late = lambda iq: LATE if is_of_slow(iq) and iq.get("type") == "set" and iq[0].tag == f"{{{MUC_ADMIN}}}query" else 0
    start = next(_numbers)
    for n in range(8):
        room = f"f{start}-{n}@{SLOW}"
        scripted.members_only.add(room)
        scripted.owners[room] = scripted.jid(f"m{n}")
        scripted.send(mediated(scripted, f"crew@{scripted.component}", room, f"m{n}"))
    await forever()


async def forever():
    await asyncio.Event().wait()


async def one_by_one(scripted: Scripted) -> list[float]:
    """Seconds that invitations of others take, each from and to somebody else."""
    took = []
    for _ in range(INVITATIONS):
        n = next(_numbers)
        began = time.monotonic()
        scripted.send(scripted.invitation(f"bob{n}", f"tea{n}", f"alice{n}"))
        await scripted.delivered(scripted.jid(f"bob{n}"))
        took.append(time.monotonic() - began)
    return took


async def groups(scripted: Scripted) -> list[float]:
    """The same to two people at once."""
    took = []
    for _ in range(INVITATIONS // 3):
        n = next(_numbers)
        people = [scripted.jid(f"bob{n}-{k}") for k in range(2)]
        scripted.members(f"tea{n}", people)
        began = time.monotonic()
        scripted.send(mediated(scripted, f"members@{scripted.component}", scripted.room(f"tea{n}"), f"alice{n}"))
        await scripted.delivered(*people)
        took.append(time.monotonic() - began)
    return took


@asynccontextmanager
async def under(scripted: Scripted, load: Load) -> AsyncGenerator[None, None]:
    """While a load is under way: the relay has taken in what there was at first."""
    task = asyncio.create_task(load(scripted))
    await asyncio.sleep(0)
    await scripted.passed()
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        # What is left of it ends.
        scripted.leaves_unanswered, scripted.late, scripted.on_message = lambda _: False, lambda _: 0, lambda _: None
        scripted.answer_all()


AT_THEIR_LIMIT = pytest.mark.parametrize("config", [{"log": {"level": "info"}, "limits": DEFAULTS}], ids=["default limits"])


@pytest.fixture
def setup():
    return Setup(iq=(BLOCKING,))


@pytest.fixture
def config(scripted):
    return {
        "log": {"level": "info"},
        "muc": {"services": [scripted.muc, SLOW]},
        "limits": GENEROUS | {"per_domain": "1000000/1m", "max_recipients": 100_000},
        "groups": {"crew": [scripted.jid(f"crew{n}") for n in range(100)]},
    }


async def compare(scripted, load: Load, measured: Callable[[Scripted], Awaitable[list[float]]], note) -> None:
    rounds = []
    for _ in range(ROUNDS):
        without = await measured(scripted)
        async with under(scripted, load):
            rounds.append((without, await measured(scripted)))
    alone, beside = (list(itertools.chain.from_iterable(part)) for part in zip(*rounds, strict=True))
    usual, loaded = statistics.median(alone), statistics.median(beside)
    note(f"alone {usual * 1000:.0f} ms, beside it {loaded * 1000:.0f} ms (worst {max(beside) * 1000:.0f})")
    # The better round counts, and one of the invitations may be late: a machine may stand still once.
    excess = min(statistics.median(with_it) - statistics.median(without) for without, with_it in rounds)
    assert excess <= max(usual, NOTHING)
    assert sorted(beside)[-2] < TIMEOUT / 2, "somebody waited for somebody else's question to time out"


HOLDING = [
    silent_service, late_service, silent_room, silent_block_list, fan_out_of_thousands, fan_outs_to_a_slow_service,
]  # fmt: skip


@pytest.mark.parametrize("load", HOLDING, ids=lambda load: load.__name__.replace("_", " "))
async def test_others_are_invited_as_ever(scripted, relay, load, note):
    await compare(scripted, load, one_by_one, note)


@pytest.mark.parametrize("load", [silent_service, late_service, fan_outs_to_a_slow_service], ids=lambda load: load.__name__.replace("_", " "))
async def test_groups_of_others_are_invited_as_ever(scripted, relay, load, note):
    await compare(scripted, load, groups, note)


LIMITED = [flood_by_rooms, flood_directly, flood_of_hand_overs, bouncing_contacts, huge_lists, huge_block_list]
"""What one inviter can do, at the limits that the relay has by default."""


@AT_THEIR_LIMIT
@pytest.mark.parametrize("load", LIMITED, ids=lambda load: load.__name__.replace("_", " "))
async def test_a_flood_is_its_senders_own(scripted, relay, load, note):
    await compare(scripted, load, one_by_one, note)
