"""A stanza at which the server ends the connection, whatever the reason: it is found, and costs nobody else anything."""

import pytest

from faults.crowd import invite, is_killer
from support import clock, stanzas
from support.scripted import STREAM_ERRORS
from support.server import Setup

NOT_WELL_FORMED = f"<stream:error><not-well-formed xmlns='{STREAM_ERRORS}'/></stream:error></stream:stream>"
RESTART = f"<stream:error><system-shutdown xmlns='{STREAM_ERRORS}'/></stream:error></stream:stream>"


def connections_for(scripted, contacts):
    """How often each of them was sent an invitation."""
    return {contact: sum(d.contact == contact for d in scripted.deliveries) for contact in contacts}


@pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileged", "own domain"])
@pytest.mark.parametrize("last_words, breaks", [(NOT_WELL_FORMED, 2), ("", 5)], ids=["stream error", "no word"])
async def test_one_among_many(scripted, relays, config, setup, last_words, breaks):
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(10))
    await relay.start()
    scripted.ends_at = lambda message: last_words if is_killer(message) else None

    contacts = invite(scripted, 50, "before")
    scripted.send(scripted.invitation("killer", inviter="mallory", reason="killer"))
    contacts += invite(scripted, 50, "behind")

    await scripted.delivered(*contacts)
    records = await relay.settled(101, "--limit", "1000")
    ended = {record["contact"]: (record["state"], record["reason"]) for record in records}
    assert ended.pop(scripted.jid("killer")) == ("failed", "unsendable")
    assert set(ended.values()) == {("relayed", None)}
    assert max(connections_for(scripted, contacts).values()) <= 2, "what came before it was unconfirmed once"
    assert scripted.connections == breaks + 1
    assert relay.log.count("the server ends the connection at this message") == 1
    told = [m for m in scripted.taken.all if scripted.jid("mallory") in stanzas.show(m) and "too long" in stanzas.show(m)]
    assert len(told) == 1


async def test_several(scripted, relays, config):
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(10))
    await relay.start()
    scripted.ends_at = lambda message: NOT_WELL_FORMED if is_killer(message) else None

    contacts = invite(scripted, 20, "bob")
    killers = invite(scripted, 3, "killer", reason="killer")
    contacts += invite(scripted, 20, "carol")

    await scripted.delivered(*contacts)
    records = await relay.settled(43, "--limit", "1000")
    failed = {record["contact"] for record in records if record["reason"] == "unsendable"}
    assert failed == set(killers)
    assert max(connections_for(scripted, contacts).values()) <= 2


async def test_a_server_that_says_goodbye_blames_nobody(scripted, relay):
    ends = iter([RESTART, RESTART])
    scripted.ends_at = lambda message: next(ends, None) if is_killer(message) else None

    scripted.send(scripted.invitation("bob", reason="killer"))

    await scripted.delivered(scripted.jid("bob"))
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("relayed", None)
