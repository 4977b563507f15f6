"""A server that is there and says nothing. The relay's clock goes fast: its patience is 20 s, and an idle minute."""

import asyncio
import os
import signal
from subprocess import PIPE

import pytest

from faults.crowd import all_arrive, invite
from support import clock
from support.server import Setup
from support.stanzas import direct_invitation


SLOWER = pytest.mark.parametrize("times", [5], ids=["5 times as fast"])
"""Where the relay must not lose its patience with a server that is slow, and a test that is."""


@pytest.fixture
def times():
    """How much faster the relay's clock goes; tests parametrise this."""
    return 20


@pytest.fixture
async def relay(scripted, relays, config, times):
    """A relay for which time flies."""
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(times))
    await relay.start()
    return relay


async def test_no_pong(scripted, relay):
    scripted.answers_pings = False
    contacts = invite(scripted, 20)

    await relay.process.says("link is down: no answer to a ping for 20 s")
    scripted.answers_pings = True

    await relay.connected()
    assert await all_arrive(scripted, relay, contacts) == 20


async def test_reads_nothing(scripted, relay):
    contacts = invite(scripted, 20)
    await scripted.delivered(*contacts)
    await relay.settled(20)

    scripted.reads.turn(on=False)
    more = invite(scripted, 2000, "carol")
    await relay.process.says("link is down: no answer to a ping for 20 s")
    scripted.reads.turn(on=True)

    await relay.connected()
    await all_arrive(scripted, relay, contacts + more)


async def test_dead_while_nothing_is_to_be_said(scripted, relay):
    scripted.answers_pings = False

    await relay.process.says("link is down: no answer to a ping for 20 s")
    scripted.answers_pings = True

    await relay.connected()
    assert await all_arrive(scripted, relay, invite(scripted, 20)) == 0


@pytest.mark.parametrize("times", [10], ids=["10 times as fast"])
async def test_alive_while_nothing_is_to_be_said(scripted, relay):
    before = scripted.pings

    await scripted.until(lambda: scripted.pings >= before + 2, "two pings")

    assert scripted.connections == 1
    assert "link is down" not in relay.log


@SLOWER
async def test_slow_is_not_dead(scripted, relay):
    """The pong has to queue behind everything else that the server has to say."""
    first = invite(scripted, 1, "carol")
    await scripted.delivered(*first)

    # The room is known by now, so invitations go out while others still come in.
    scripted.trickle = 100
    contacts = first + invite(scripted, 400)

    assert await all_arrive(scripted, relay, contacts) == 0
    assert scripted.connections == 1


async def test_nobody_answers_any_ping(scripted, relay):
    scripted.answers_pings = False
    scripted.cut()
    await scripted.connected(2)
    contacts = invite(scripted, 20)

    await relay.process.says("none of the server's hosts answers a ping")
    scripted.answers_pings = True

    await relay.connected()
    await all_arrive(scripted, relay, contacts)


async def test_no_answer_to_the_handshake(scripted, relay):
    contacts = invite(scripted, 20)
    await relay.settled(20)
    scripted.reads.turn(on=False)
    scripted.cut()

    await relay.process.says("takes the connection and says nothing")
    scripted.reads.turn(on=True)

    await relay.connected()
    more = invite(scripted, 20, "carol")
    await all_arrive(scripted, relay, contacts + more)


@pytest.mark.parametrize("setup", [Setup(hand_over=60)], ids=["hand-over"])
async def test_a_real_server_stands_still(own_stage, relays, config):
    """It stops in the middle: the relay has read the invitations and can't ask the room.

    When it goes on it finds the old connection and the new one, and ends the old one: on ejabberd the module does.
    """
    server, relay = own_stage.server, relays(own_stage.server, **config)
    relay.env.update(clock.faster(10))
    await relay.start()
    alice, *contacts = await own_stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(own_stage.room(), anonymous=False)

    relay.process.signal(signal.SIGSTOP)
    for contact in contacts:
        alice.invite(room, own_stage.relay_address(contact.bare))
    await alice.passed(room)
    server.process.signal(signal.SIGSTOP)
    relay.process.signal(signal.SIGCONT)
    await relay.process.says("link is down: no answer to a ping for 20 s")
    server.process.signal(signal.SIGCONT)

    await relay.connected()
    for contact in contacts:
        await contact.expect(direct_invitation(room))
    records = await relay.settled(len(contacts))
    assert {(record["state"], record["sent_as"]) for record in records} == {("relayed", alice.bare)}
    for contact in contacts:
        assert len(await own_stage.reached(contact, room)) == 1


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["service admin"])
async def test_a_muc_service_that_was_slow_to_wake_up(scripted, relays, config):
    """It answers nothing for longer than a question may take, and is asked as ever when it does."""
    scripted.silent.add(scripted.muc)
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(5))
    await relay.start()
    await relay.process.says("the server swallows ordinary IQs")

    for question in [question for question in scripted.unanswered.all if question.get("to") == scripted.muc]:
        scripted.answer(question)
    await scripted.passed()

    assert await all_arrive(scripted, relay, invite(scripted, 1)) == 0
    assert scripted.asked, "the room's lists"


async def test_what_was_ordered_while_the_relay_hung(scripted, relays, config):
    """Operators are told that it is not done; so it must not be done when the relay goes on."""
    relay = relays(scripted, **config)
    await relay.start()
    person = scripted.jid("bob")
    orders = [
        ("invite", f"tea@{scripted.muc}", person, "--as", scripted.jid("alice")),
        ("block", "evil.example"),
        ("groups", "create", "crew", person),
        ("block", "worse.example"),
    ]

    async def give(order):
        env = {**os.environ, **relay.env}
        return await asyncio.create_subprocess_exec(*relay.argv(*order), stdout=PIPE, stderr=PIPE, env=env)

    relay.process.signal(signal.SIGSTOP)
    try:
        *given, interrupted = [await give(order) for order in orders]
        interrupted.send_signal(signal.SIGINT)
        await interrupted.wait()
        async with asyncio.timeout(10):
            for process in given:
                output, errors = await process.communicate()
                assert (process.returncode, output) == (4, b""), errors
                assert f"process {relay.process.pid} does not answer: it has been stopped by a signal" in errors.decode()
    finally:
        relay.process.signal(signal.SIGCONT)

    assert await relay.command("blocks") == ""
    assert "crew" not in await relay.command("groups", "list")
    assert await relay.history() == []
    await relay.command("block", "evil.example")
    assert await relay.command("blocks") == "evil.example\n"
