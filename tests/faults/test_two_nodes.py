"""A cluster of two nodes, with a connection to each: what was sent by one may be answered by the other, and what one of them
does not confirm goes out by the other, under the same id."""

from datetime import datetime

import pytest

from faults.crowd import invite, is_killer
from faults.test_bounces import error
from support import clock, stanzas
from support.checking import check
from support.ports import free_port
from support.scripted import STREAM_ERRORS, Scripted
from support.server import Setup
from support.web import Web

MANY = 100

NOT_WELL_FORMED = f"<stream:error><not-well-formed xmlns='{STREAM_ERRORS}'/></stream:error></stream:stream>"

FASTER = 3
"""How many times as fast the relay's clock goes where a test waits for it."""


@pytest.fixture
async def nodes(scripted, tmp_path):
    """Two nodes of one server."""
    other = Scripted(scripted.setup, tmp_path / "other")
    await other.start()
    yield scripted, other
    for node in (scripted, other):
        node.reads.turn(on=True)
    await other.kill()


@pytest.fixture
def both(nodes, config):
    """The configuration for both."""
    addresses = [f"127.0.0.1:{node.component_port}" for node in nodes]
    return config | {"component": {"server": None, "servers": addresses}}


@pytest.fixture
async def relay(nodes, relays, both):
    """A relay that is connected to both."""
    relay = relays(nodes[0], **both)
    await relay.start()
    for node in nodes:
        await node.connected(1)
    await relay.connected()
    return relay


def sent(nodes):
    """The ids of what each contact was sent, by any node."""
    ids = {}
    for node in nodes:
        for delivery in node.deliveries:
            ids.setdefault(delivery.contact, []).append(delivery.id)
    return ids


async def arrive(nodes, relay, contacts):
    """Every one of them is relayed, under one id. Returns how many were sent more than once."""
    records = await relay.settled(len(contacts), "--limit", "100000")
    assert {record["state"] for record in records} == {"relayed"}
    ids = sent(nodes)
    assert ids.keys() == set(contacts)
    assert all(len(set(of_one)) == 1 for of_one in ids.values()), "under another id"
    return sum(len(of_one) > 1 for of_one in ids.values())


async def test_invitations_come_by_either(nodes, relay):
    contacts = [contact for n, node in enumerate(nodes) for contact in invite(node, MANY, f"bob{n}-")]
    assert await arrive(nodes, relay, contacts) == 0


async def test_rooms_answer_by_the_other_one(nodes, relay):
    for node, other in zip(nodes, reversed(nodes), strict=True):
        node.home = other
    contacts = [contact for n, node in enumerate(nodes) for contact in invite(node, MANY, f"bob{n}-")]
    assert await arrive(nodes, relay, contacts) == 0


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])
async def test_comes_back_by_the_other_one(nodes, relay):
    """An error that a session of the other node gives, before the node that has taken the invitation confirms it."""
    for node, other in zip(nodes, reversed(nodes), strict=True):
        node.home = other
        node.on_message = lambda message: error(message, "service-unavailable")
        node.answers_pings = False
    [contact] = invite(nodes[0], 1)
    await nodes[0].until(lambda: sent(nodes), "it is sent")
    [record] = await relay.settled(1)
    assert (record["contact"], record["state"], record["reason"]) == (contact, "failed", "bounced")


@pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileged", "own domain"])
async def test_a_node_dies(nodes, relay):
    dies, lives = nodes
    dies.answers_pings = False
    contacts = invite(dies, MANY)
    await dies.delivered(*contacts)

    await dies.kill()

    await lives.delivered(*contacts)
    assert await arrive(nodes, relay, contacts) == MANY
    contacts += invite(lives, MANY, "later")
    assert await arrive(nodes, relay, contacts) == MANY


async def test_a_node_hangs(nodes, relays, both):
    web = Web(free_port())
    both["metrics"] = {"listen": f"127.0.0.1:{web.port}"}
    relay = relays(nodes[0], **both)
    relay.env.update(clock.faster(FASTER))
    await relay.start()
    hangs, lives = nodes
    await lives.connected(1)
    await relay.connected()
    hangs.reads.turn(on=False)

    contacts = invite(lives, MANY)

    await lives.delivered(*contacts)
    await arrive(nodes, relay, contacts)
    await web.until("/readyz", 200)
    hangs.reads.turn(on=True)
    await hangs.connected(2)


async def test_a_hand_over_is_answered_and_sent_by_the_node_that_it_came_by(nodes, relay):
    for number, node in enumerate(nodes):
        node.send(node.hand_over(f"bob{number}", id=f"handover{number}"))
        answer = await node.taken.take(stanzas.reply(to=f"handover{number}"))
        assert answer.get("type") == "result"
        await node.delivered(node.jid(f"bob{number}"))
        assert not node.asked_for_fates
    await relay.settled(2)


async def test_a_stanza_that_ends_every_connection(nodes, relay):
    """It is given up, and all the others arrive."""
    for node in nodes:
        node.ends_at = lambda message: NOT_WELL_FORMED if is_killer(message) else None
    contacts = invite(nodes[0], MANY)
    invite(nodes[0], 1, "killer", reason="killer")
    records = await relay.settled(MANY + 1, "--limit", "1000")
    ends = {record["contact"]: (record["state"], record["reason"]) for record in records}
    assert ends.pop(nodes[0].jid("killer0")) == ("failed", "unsendable")
    assert ends == dict.fromkeys(contacts, ("relayed", None))


async def test_a_node_that_is_not_there(nodes, relays, both):
    """The relay is ready, and says which."""
    there, missing = nodes
    await missing.kill()
    web = Web(free_port())
    both["metrics"] = {"listen": f"127.0.0.1:{web.port}"}
    relay = relays(there, **both)
    await relay.start()
    await web.until("/readyz", 200)
    address = f"127.0.0.1:{missing.component_port}"
    assert address in (await web.get("/")).text
    assert (await web.metrics())["muc_invite_relay_link_nodes_up"] == 1
    findings = (await check(relay)).findings
    [down] = [it for it in findings if it["what"] == "connection" and it["state"] == "failed"]
    assert down["of"] == address and "can't be reached" in down["found"]
    await missing.start()
    await missing.connected(1)
    await web.metrics_when(lambda now: now["muc_invite_relay_link_nodes_up"] == 2)


async def test_a_secret_that_every_node_refuses(nodes, relays, both):
    both["component"]["secret"] = "another secret for the tests"
    relay = relays(nodes[0], **both)
    await relay.launch()
    assert await relay.process.ends() == 3
    nodes[0].secret = both["component"]["secret"]
    relay.prepare_again()
    await relay.start()
    await relay.process.says("refused the handshake")
    assert await arrive(nodes, relay, invite(nodes[0], MANY)) == 0


async def test_a_node_that_does_not_answer_the_handshake(nodes, relays, both):
    """While another node hangs, registering takes until that counts as down. An attempt that is given up before does harm."""
    ready, waits = nodes
    waits.reads.turn(on=False)
    relay = relays(ready, **both)
    relay.env.update(clock.faster(20))
    await relay.launch()
    up = await relay.process.says("link is up")
    contacts = invite(ready, MANY)
    await arrive(nodes, relay, contacts)
    given_up = await relay.process.says("it takes the connection and says nothing")
    # net_ticktime is 60 s, which means up to 75 s.
    assert (at(given_up) - at(up)).total_seconds() > 80


def at(line):
    """When the relay wrote a line."""
    return datetime.fromisoformat(line.split()[0])
