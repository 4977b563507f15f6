"""What anybody can send through his server: the link stays up, the next good invitation is relayed, and neither memory
nor time is wasted on it."""

import os
from pathlib import Path

import pytest

from faults.hostile import DEEP, MORE, THROUGH_A_SERVER
from support.stanzas import direct_invitation

CASES = THROUGH_A_SERVER | DEEP | MORE
MOST_CPU = 50
MOST_CPU_PER_KB = 5
"""Milliseconds for a stanza, the larger of both, in a debug build on a busy machine. What is really used is printed; a
release build uses a tenth or less. What costs the square of its size is far beyond."""
MOST_GROWTH = 8
"""Megabytes, after several hundred megabytes have passed."""

TICK = 1000 / os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Milliseconds that the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def memory(pid: int) -> float:
    """Resident megabytes."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def from_a_user(scripted, case):
    """As the server passes it on."""
    stanza = CASES[case](f"bob\\40{scripted.host}@{scripted.component}")
    return stanza.replace(" ", f" from='mallory@{scripted.host}/x' ", 1) if " " in stanza else stanza


@pytest.mark.parametrize("case", CASES)
async def test_on_the_stream(scripted, relay, note, case):
    stanza = from_a_user(scripted, case)
    rounds = max(1, min(20, 500_000 // len(stanza)))
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
    for round in range(4):
        for number, case in enumerate(CASES):
            contacts.append(f"bob{round}-{number}")
            scripted.send(from_a_user(scripted, case) + scripted.invitation(contacts[-1]))
        await scripted.delivered(*map(scripted.jid, contacts))
        await scripted.passed()
        sizes.append(memory(relay.process.pid))

    assert scripted.connections == 1
    assert {d.contact for d in scripted.deliveries} == set(map(scripted.jid, contacts))
    note(f"{len(CASES)} kinds, {', '.join(f'{size:.1f}' for size in sizes)} MB resident after each time")
    assert sizes[-1] - sizes[0] < MOST_GROWTH


async def test_through_a_real_server(own_stage, relays, config, note):
    """Each sent by an ordinary user to a relay address. What the server itself refuses, it may."""
    relay = relays(own_stage.server, **config)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    address = own_stage.relay_address(bob.bare)
    refused = []
    cases = THROUGH_A_SERVER if "deep-nesting" in own_stage.server.lacks else THROUGH_A_SERVER | DEEP
    for case, stanza in cases.items():
        [mallory] = await own_stage.people("mallory")
        mallory.send(stanza(address))
        try:
            await mallory.passed(own_stage.server.component)
        except AssertionError:
            refused.append(case)
        room = await alice.create_room(own_stage.room(), anonymous=False)
        alice.invite(room, address)
        await bob.expect(direct_invitation(room))

    assert "link is down" not in relay.log
    assert relay.log.count("link is up") == 1
    note(f"the server itself refused: {', '.join(refused) or 'none'}; left out: {relay.log.count('left out')}")
