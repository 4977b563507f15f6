"""A real server is killed while invitations pass: none that the relay had read is lost, those in doubt come once more.

What the server has taken is the server's: ejabberd answers before all of that is written, and what it took last can die
with it. That much is allowed, and counted.
"""

import asyncio
import os
import random
import re
from collections import Counter
from datetime import datetime, timedelta

from support import clock, stanzas
from support.stanzas import direct_invitation

CRASHES = int(os.environ.get("CRASHES", "2"))
EACH = 20

FASTER = 5
"""The relay's clock."""

UNWRITTEN = FASTER * timedelta(seconds=3)
"""How long ejabberd may keep in memory what it has taken, on a machine that is slow."""

AT_THE_LAST_MOMENT = FASTER * timedelta(seconds=1)
"""How long after a connection has ended the journal may note what was confirmed on it."""


def died_with_the_server(server, relay, records):
    """Whose invitations the server may have taken and not written when it was killed."""
    if not server.name.startswith("ejabberd"):
        return set()
    ends = [datetime.fromisoformat(end) for end in re.findall(r"(\S+) +WARN \S+: link is down", relay.log)]
    assert len(ends) == CRASHES
    taken = {record["contact"]: datetime.fromisoformat(record["settled"]) for record in records}
    return {
        contact for contact, at in taken.items() if any(-AT_THE_LAST_MOMENT < end - at < UNWRITTEN for end in ends)
    }


async def test_the_server_is_killed(own_stage, relays, config, note):
    """The contacts are offline, so all that reaches them has been on the server's disk."""
    server, relay = own_stage.server, relays(own_stage.server, **config)
    # Its pauses between two attempts, which grow, are not what is tested.
    relay.env.update(clock.faster(FASTER))
    await relay.start()
    [alice] = await own_stage.people("alice")
    room = await alice.create_room(own_stage.room(), anonymous=False)
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)

    contacts, crashes = [], []
    for _ in range(CRASHES):
        new = [await own_stage.account("bob") for _ in range(EACH)]
        contacts += new
        for contact in new:
            alice.invite(room, own_stage.relay_address(contact))
        await asyncio.sleep(chance.uniform(0, 0.06))
        await server.kill()

        known = {record["contact"]: record["state"] for record in await relay.history("--limit", "1000")}
        states = Counter(known.get(contact, "unread") for contact in new)
        crashes.append(", ".join(f"{states[word]} {word}" for word in ("relayed", "pending", "unread")))
        await server.start()
        await relay.connected()
        alice = await own_stage.log_in(alice.bare)
        await alice.join(room)
        # What had reached the server and not the relay died with the server: the inviter tries again.
        # Twice: it answers the first one while what it has read with that is on its way to the disk.
        for _ in range(2):
            await alice.passed(server.component)
        known = {record["contact"] for record in await relay.history("--limit", "1000")}
        for contact in new:
            if contact not in known:
                alice.invite(room, own_stage.relay_address(contact))
        # Else the next crash takes those that the server has not passed on yet.
        records = await relay.settled(len(contacts), "--limit", "1000")

    assert sorted(record["contact"] for record in records) == sorted(contacts)
    assert {(record["state"], record["reason"]) for record in records} == {("relayed", None)}
    in_doubt = died_with_the_server(server, relay, records)
    again = died = 0
    for contact in contacts:
        client = await own_stage.log_in(contact)
        if contact not in in_doubt:
            await client.expect(direct_invitation(room))
        received = await own_stage.reached(client, room)
        died += not received
        assert len({message.get("id") for message in received}) <= 1
        assert all(stanzas.invitation(message).sender == alice.bare for message in received)
        again += len(received) > 1
    arrived = f"{len(contacts) - died} arrived, {again} of them more than once, {died} died with the server"
    note(f"seed {seed}: {'; '.join(crashes)}; {arrived}")
