"""What anybody can send through their server, straight to the relay: the link stays up, the next good invitation is
relayed, and neither memory nor time is wasted on it. What no server may write ends the stream, and it is begun anew."""

import asyncio
import os
from pathlib import Path
from xml.parsers import expat

import pytest

from faults.hostile import CHARACTERS, DEEP, HUGE, LARGE, NAMESPACES, ODD

HEAVY = LARGE | DEEP | HUGE
"""What could cost more than its share."""
ALL = ODD | HEAVY | NAMESPACES | CHARACTERS
MOST_CPU = 50
MOST_CPU_PER_KB = 5
"""Milliseconds for a stanza, the larger of both, in a debug build on a busy machine. What is really used is printed; a
release build uses a tenth or less. What costs the square of its size is far beyond."""
ROUNDS = int(os.environ.get("HOSTILE_ROUNDS", "5"))
"""So often ten of a kind at most, and again; 20 for a long look at what each costs."""
MOST_GROWTH = 8
"""Megabytes, after many of them have passed."""

TICK = 1000 / os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Milliseconds that the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def memory(pid: int) -> float:
    """Resident megabytes."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def from_a_user(scripted, case) -> bytes:
    """As the server passes it on, or would. It declares nothing that the sender's stream header has declared, as ejabberd."""
    stanza = ALL[case](f"bob\\40{scripted.host}@{scripted.component}")
    stanza = stanza if isinstance(stanza, bytes) else stanza.encode()
    return stanza.replace(b" to=", f" from='mallory@{scripted.host}/x' to=".encode(), 1)


def is_xml(stanza: bytes) -> bool:
    """Namespaces apart."""
    try:
        expat.ParserCreate().Parse(stanza, True)
        return True
    except expat.ExpatError:
        return False


@pytest.mark.parametrize("case", HEAVY)
async def test_on_the_stream(scripted, relay, note, case):
    stanza = from_a_user(scripted, case)
    rounds = max(1, min(ROUNDS, 25_000 * ROUNDS // len(stanza)))
    pid = relay.process.pid

    async def send_many():
        for _ in range(rounds):
            scripted.send(stanza * 10)
            await scripted.passed()

    await send_many()
    memory_before, cpu_before = memory(pid), cpu(pid)
    await send_many()
    used, grown = (cpu(pid) - cpu_before) / (rounds * 10), memory(pid) - memory_before

    scripted.send(scripted.invitation("bob"))
    await scripted.delivered(scripted.jid("bob"))
    assert scripted.connections == 1
    assert "link is down" not in relay.log
    note(f"{len(stanza)} bytes, {2 * rounds * 10} times: {used:.2f} ms of CPU each, {grown:+.1f} MB resident")
    assert used < max(MOST_CPU, MOST_CPU_PER_KB * len(stanza) / 1000)
    assert grown < MOST_GROWTH


async def test_all_of_them_between_good_ones(scripted, relay, note):
    """Again and again, and memory stays what it was after the first time."""
    contacts, sizes = [], []
    cases = [case for case in ALL if case not in CHARACTERS and is_xml(from_a_user(scripted, case))]
    for round in range(4):
        for number, case in enumerate(cases):
            contacts.append(f"bob{round}-{number}")
            scripted.send(from_a_user(scripted, case) + scripted.invitation(contacts[-1]).encode())
        await scripted.delivered(*map(scripted.jid, contacts))
        await scripted.passed()
        sizes.append(memory(relay.process.pid))

    assert scripted.connections == 1
    assert {d.contact for d in scripted.deliveries} == set(map(scripted.jid, contacts))
    note(f"{len(cases)} kinds, {', '.join(f'{size:.1f}' for size in sizes)} MB resident after each time")
    assert sizes[-1] - sizes[0] < MOST_GROWTH


DEAF = 20
"""Seconds after which the relay has overlooked that the stream is broken."""


async def test_each_leaves_the_stream_alive_or_begun_anew(scripted, relay, note):
    """Whatever comes, the relay does not go deaf: what came before it is in the journal and arrives, as does what comes
    after it. Only what is no XML, or what XMPP forbids of it, may end the stream; the next one is begun at once."""
    faults, ended = [], []
    for number, case in enumerate(ALL):
        streams, hostile = scripted.connections, from_a_user(scripted, case)
        before, after = f"before{number}", f"after{number}"
        scripted.send(scripted.invitation(before).encode() + hostile)

        alive = asyncio.create_task(scripted.passed())
        anew = asyncio.create_task(scripted.connected(streams + 1))
        done, waiting = await asyncio.wait({alive, anew}, timeout=DEAF, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not done:
            faults.append(f"{case}: deaf")
            scripted.cut()
            await scripted.connected(streams + 1)
        if scripted.connections > streams:
            await relay.connected()
            ended.append(case)
            if case not in CHARACTERS and is_xml(hostile):
                faults.append(f"{case}: ended the stream")

        scripted.send(scripted.invitation(after))
        try:
            await scripted.delivered(scripted.jid(before), scripted.jid(after), within=DEAF)
        except AssertionError:
            faults.append(f"{case}: an invitation is lost")
        if scripted.connections > streams:
            # Pauses grow where streams end again and again.
            assert "the next attempt follows in" not in relay.log
            await relay.restart()

    note(f"{len(ALL)} kinds, {len(ended)} of them end the stream: {', '.join(ended)}")
    assert not faults, "\n".join(faults)
    records = await relay.settled(2 * len(ALL), "--inviter", scripted.jid("alice"), "--limit", "10000")
    good = [record["state"] for record in records if record["contact"].startswith(("before", "after"))]
    assert good == ["relayed"] * 2 * len(ALL)
