"""A real server is killed while invitations pass: none that the relay had read is lost, those in doubt come once more."""

import asyncio
import random
from collections import Counter

from support import clock, stanzas
from support.stanzas import direct_invitation

CRASHES = 4
EACH = 20


async def test_the_server_is_killed(own_stage, relays, config, note):
    """The contacts are offline, so all that reaches them has been on the server's disk."""
    server, relay = own_stage.server, relays(own_stage.server, **config)
    # Its pauses between two attempts, which grow, are not what is tested.
    relay.env.update(clock.faster(5))
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

    records = await relay.settled(len(contacts), "--limit", "1000")
    assert sorted(record["contact"] for record in records) == sorted(contacts)
    assert {(record["state"], record["reason"]) for record in records} == {("relayed", None)}
    again = 0
    for contact in contacts:
        client = await own_stage.log_in(contact)
        first = await client.expect(direct_invitation(room))
        received = await own_stage.reached(client, room)
        assert {message.get("id") for message in received} == {first.get("id")}
        assert all(stanzas.invitation(message).sender == alice.bare for message in received)
        again += len(received) > 1
    note(f"seed {seed}: {'; '.join(crashes)}; {len(contacts)} arrived, {again} of them more than once")
