"""The connection is cut, hangs, crawls, or speaks nonsense: the relay comes back, sends again what was not confirmed
under the same id, and loses none."""

import asyncio
import contextlib
import random
import signal
import sqlite3

import pytest

from faults.crowd import all_arrive, invite
from support import clock
from support.server import Setup

MANY = 200

CUTS = 6

BEHIND_A_FULL_INTAKE = 2000

FASTER = 3
"""How many times as fast the relay's clock goes: not so fast that a pause of the machine is a silence of 20 s, which ends
the connection as well."""


@pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileged", "own domain"])
async def test_cut_before_the_pong(scripted, relay, setup):
    scripted.answers_pings = False
    contacts = invite(scripted, MANY)
    await scripted.delivered(*contacts)
    scripted.answers_pings = True

    scripted.cut()

    # Nothing was confirmed, so everything comes again, once.
    await scripted.delivered(*contacts, times=2)
    assert await all_arrive(scripted, relay, contacts) == MANY
    assert len(scripted.deliveries) == 2 * MANY


@pytest.mark.parametrize("seconds", [0, 5])
async def test_renewed_while_the_journal_takes_nothing(scripted, relays, config, seconds):
    """What stands behind a full intake is read before the connection ends, however long the journal takes nothing: the
    server believes that the relay has it."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(FASTER))
    await relay.start()
    with contextlib.closing(sqlite3.connect(relay.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        contacts = invite(scripted, BEHIND_A_FULL_INTAKE)
        await relay.process.says("the journal can't be written")
        sections = config | {"muc": {"hand_over_from": ["another.example.test"]}}
        relay.config.write_text(scripted.relay_config(relay.journal, **sections))
        relay.process.signal(signal.SIGHUP)
        await relay.process.says("connecting again")
        # So long on the relay's clock, which waits 2 s for a server that is silent.
        await asyncio.sleep(seconds / FASTER)
        other.execute("ROLLBACK")

    await scripted.connected(2)
    await scripted.delivered(*contacts)
    await all_arrive(scripted, relay, contacts)


async def test_renewed_while_the_server_stands_still(scripted, relay, config):
    """A server that says nothing for some seconds has not closed its side: what it sends then is taken in."""
    sections = config | {"muc": {"hand_over_from": ["another.example.test"]}}
    relay.config.write_text(scripted.relay_config(relay.journal, **sections))
    scripted.reads.turn(on=False)
    relay.process.signal(signal.SIGHUP)
    await relay.process.says("connecting again")
    await asyncio.sleep(4)
    contacts = invite(scripted, MANY)
    scripted.reads.turn(on=True)
    await scripted.connected(2)
    await all_arrive(scripted, relay, contacts)


async def test_a_machine_that_stands_still(scripted, relays, config):
    """The relay does not take its own pause for the server's: the connection goes on, and nothing is sent twice."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(10))
    await relay.start()
    scripted.answers_pings = False
    contacts = invite(scripted, MANY)
    await scripted.delivered(*contacts)
    relay.process.signal(signal.SIGSTOP)
    await asyncio.sleep(3)
    relay.process.signal(signal.SIGCONT)
    await relay.history()
    scripted.answer_all()
    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1


async def test_cut_after_the_pong(scripted, relay):
    contacts = invite(scripted, MANY)
    assert await all_arrive(scripted, relay, contacts) == 0

    scripted.cut()
    await scripted.connected(2)
    await scripted.passed()

    assert len(scripted.deliveries) == MANY


async def test_cut_again_and_again(scripted, relays, config, note):
    """The pauses between attempts grow as long as connections do not last, so this takes a clock that goes fast."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(FASTER))
    await relay.start()
    chance = random.Random(3)
    contacts = []
    for cut in range(CUTS):
        point = len(scripted.deliveries) + chance.randrange(MANY)
        contacts += invite(scripted, MANY, f"bob{cut}-")
        await scripted.until(lambda: len(scripted.deliveries) >= point, f"{point} deliveries")
        scripted.cut()
        await scripted.connected(cut + 2)
        await scripted.passed()
        assert scripted.connections == cut + 2, "a connection ended that nobody had cut"
        # What the relay had not read was lost with the connection.
        read = {record["contact"] for record in await relay.history("--limit", "10000")}
        scripted.send("".join(scripted.invitation(c.partition("@")[0]) for c in contacts if c not in read))

    again = await all_arrive(scripted, relay, contacts)
    assert all(delivery.privileged for delivery in scripted.deliveries), "no link is not: nothing is granted"
    note(f"{CUTS} cuts while {len(contacts)} invitations passed: {again} of them sent more than once")


def half_a_stanza(scripted):
    whole = scripted.invitation("nobody")
    return whole[: len(whole) // 2]


BREAKS = {
    "half a stanza": half_a_stanza,
    "half a tag": lambda s: "<message from='tea@confer",
    "a tag without a name": lambda s: "<>",
    "a second stream header": lambda s: "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='2'>",
    "a doctype": lambda s: "<!DOCTYPE message [<!ENTITY a 'aaaa'>]>",
    "a stream error": lambda s: (
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    ),
    "an unknown stream error": lambda s: "<stream:error><never-heard-of-it xmlns='urn:example'/></stream:error>",
    "the end of the stream": lambda s: "</stream:stream>",
}


@pytest.mark.parametrize("what", BREAKS)
async def test_broken_off_by(scripted, relay, what):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    scripted.answers_pings = True

    scripted.send(BREAKS[what](scripted))
    if what.startswith("half"):
        scripted.cut()

    await scripted.connected(2)
    assert await all_arrive(scripted, relay, contacts) == 20
    assert "link is down" in relay.log


# What concerns nothing but itself.
LEFT_OUT = {
    "no XML": lambda s: b"\x00\xff\xfe GET / HTTP/1.1\r\n\r\n",
    "the wrong end tag": lambda s: "<message></presence>",
    "an undeclared prefix": lambda s: "<message><a:b/></message>",
    "an undeclared entity": lambda s: "<message><body>&nbsp;</body></message>",
    "something that is no stanza": lambda s: "<unheard-of xmlns='urn:example'/>",
    "a comment": lambda s: "<!-- comment -->",
    "bytes that are no UTF-8": lambda s: b"<message><body>\xc3\x28</body></message>",
}


@pytest.mark.parametrize("what", LEFT_OUT)
async def test_left_out(scripted, relay, what):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    scripted.answers_pings = True

    scripted.send(LEFT_OUT[what](scripted))

    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1
    assert relay.log.count("left out a stanza") == 1


async def test_slow(scripted, relay):
    """A few bytes at a time in both directions: slow, but alive."""
    scripted.trickle = 7
    contacts = invite(scripted, 8)
    scripted.send("<message from='tea@conference.example.test' to='x@invites.example.test'><body>\u20ac\U0001f916</body></message>")

    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1


async def test_a_server_that_does_not_read_for_a_while(scripted, relay):
    """What can't be written waits; what comes in meanwhile is taken in."""
    scripted.reads.turn(on=False)
    contacts = invite(scripted, 2000)
    await relay.has_taken_in(2000)
    scripted.reads.turn(on=True)

    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1
