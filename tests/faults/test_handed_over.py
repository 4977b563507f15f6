"""A crash or a lost connection between a hand-over's answer and the server's confirmation: the relay asks the server's
module before it delivers, and does what that knows."""

import asyncio
import sqlite3

import pytest

from support import clock, stanzas
from support.scripted import HAND_OVER, told
from support.stanzas import reply

TAKEN, PASSED, DELIVERED, UNKNOWN = "fate='taken'", "fate='taken' passed='true'", "fate='delivered'", "fate='unknown'"

ENDINGS = {TAKEN: "relayed", PASSED: "relayed", DELIVERED: "handed-back", UNKNOWN: "relayed"}


@pytest.fixture(params=["killed", "cut"])
def interrupt(request, scripted, relay):
    """Ends relay or connection; returns when the relay is back."""

    async def kill():
        await relay.kill()
        await relay.start_again()

    async def cut():
        connections = scripted.connections
        scripted.cut()
        await scripted.connected(connections + 1)

    return {"killed": kill, "cut": cut}[request.param]


async def hand_over(scripted, *contacts):
    """Hands these invitations over. They have been answered and sent then, and nothing is confirmed."""
    scripted.answers_pings = False
    for contact in contacts:
        scripted.send(scripted.hand_over(contact, id=f"h-{contact}"))
    for contact in contacts:
        assert (await scripted.taken.take(reply(f"h-{contact}"))).get("type") == "result"
    await scripted.delivered(*map(scripted.jid, contacts))
    assert scripted.asked_for_fates == [], "on the connection of the answer there is nothing to ask"
    scripted.answers_pings = True


async def test_each_by_its_fate(scripted, relay, interrupt):
    fates = {"bob": TAKEN, "carol": PASSED, "dave": DELIVERED, "erin": UNKNOWN, "frank": None}
    await hand_over(scripted, *fates)
    scripted.fates.update({f"h-{contact}": fate for contact, fate in fates.items()})

    await interrupt()

    records = {record["contact"]: record for record in await relay.settled(len(fates))}
    ended = {contact: records[scripted.jid(contact)]["state"] for contact in fates}
    assert ended == {contact: ENDINGS.get(fate, "relayed") for contact, fate in fates.items()}
    assert sorted(scripted.asked_for_fates) == sorted(f"h-{contact}" for contact in fates)
    sent = {contact: [d.id for d in scripted.deliveries if d.contact == scripted.jid(contact)] for contact in fates}
    assert {contact: len(ids) for contact, ids in sent.items()} == {
        "bob": 2, "carol": 1, "dave": 1, "erin": 2, "frank": 2
    }  # fmt: skip
    assert all(len(set(ids)) == 1 for ids in sent.values())
    assert records[scripted.jid("carol")]["sent_as"] == scripted.jid("alice")
    assert records[scripted.jid("dave")]["reason"] == "too-late"
    # Nobody is told anything.
    assert not [stanza for stanza in scripted.taken.all if told(scripted.jid("alice"))(stanza)]


async def test_what_the_server_delivered_is_the_one_invitation(scripted, relay, interrupt):
    await hand_over(scripted, "bob")
    scripted.fates["h-bob"] = DELIVERED
    await interrupt()
    await relay.settled(1)

    scripted.send(scripted.hand_over("bob", inviter="carol", id="again"))

    assert (await scripted.taken.take(reply("again"))).get("type") == "result"
    assert [record["reason"] for record in await relay.settled(2)] == ["too-late", "duplicate"]
    assert len(scripted.deliveries) == 1


@pytest.mark.parametrize("config", [{"log": {"level": "debug"}}], ids=["debug"])
async def test_one_that_waited_while_its_connection_was_lost(scripted, relay):
    """The server has delivered it at the loss: an answer on the next connection means nothing any more."""
    scripted.fates["h-bob"] = DELIVERED
    with sqlite3.connect(relay.journal) as locked:
        locked.execute("BEGIN IMMEDIATE")
        # The intake waits for the disk with the first ones, and what comes then waits for the intake.
        for stanza in (scripted.invitation("carol"), scripted.invitation("dave"), scripted.hand_over("bob", id="h-bob")):
            scripted.send(stanza)
            # The link has read it when it has read what only the link takes.
            scripted.send(f"<iq type='result' id='nobody' from='{scripted.host}' to='{scripted.component}'/>")
            await relay.process.says("an IQ answer that nobody waits for")
        scripted.cut()
        await scripted.connected(2)
    await scripted.delivered(scripted.jid("carol"), scripted.jid("dave"))
    await scripted.passed()
    await relay.settled(2)

    assert scripted.jid("bob") not in {delivery.contact for delivery in scripted.deliveries}
    assert not [answer for answer in scripted.taken.all if answer.get("id") == "h-bob"]


async def test_asked_again_on_every_new_connection(scripted, relay):
    """Once taken is not yet passed: what went out on a connection that was lost as well may have arrived."""
    await hand_over(scripted, "bob")
    scripted.fates["h-bob"] = TAKEN
    scripted.answers_pings = True
    scripted.on_message = lambda message: scripted.cut() if len(scripted.deliveries) == 2 else None
    scripted.cut()
    await scripted.delivered(scripted.jid("bob"), times=2)
    scripted.fates["h-bob"] = PASSED

    [record] = await relay.settled(1)

    assert record["state"] == "relayed"
    assert len(scripted.deliveries) == 2
    assert scripted.asked_for_fates == ["h-bob", "h-bob"]


async def test_a_module_that_never_answers(scripted, relays, config):
    relay = relays(scripted, **config)
    relay.env.update(clock.faster(10))
    await relay.start()
    await hand_over(scripted, "bob")
    scripted.silent.add(f"{scripted.muc}/muc-invite-relay")

    scripted.cut()

    # Rather twice than never.
    await scripted.delivered(scripted.jid("bob"), times=2)
    assert [record["state"] for record in await relay.settled(1)] == ["relayed"]
    assert scripted.asked_for_fates == ["h-bob"] * 3


@pytest.mark.parametrize("config", [{"relay": {"expiry": "1s"}, "log": {"level": "debug"}}], ids=["expiry 1 s"])
async def test_what_the_server_delivered_does_not_expire(scripted, relay):
    await hand_over(scripted, "bob")
    scripted.fates["h-bob"] = DELIVERED
    await relay.kill()
    await asyncio.sleep(1)
    await relay.start_again()

    [record] = await relay.settled(1)

    assert (record["state"], record["reason"]) == ("handed-back", "too-late")
    assert not [stanza for stanza in scripted.taken.all if told(scripted.jid("alice"))(stanza)]


async def test_nobody_gets_an_answer_to_that_question_from_the_relay(scripted, relay):
    answer = await scripted.ask(f"<handed-over xmlns='{HAND_OVER}' id='h1'/>")
    assert answer.get("type") == "error"
    assert answer.find(f".//{{{stanzas.STANZA_ERRORS}}}service-unavailable") is not None


@pytest.mark.parametrize("config", [{"limits": {"per_contact": "1/1h"}}], ids=["one in an hour"])
async def test_what_is_over_the_contacts_limit_is_the_servers(scripted, relay):
    """As often as it comes; and a duplicate uses up nothing."""
    answers = []
    for id, room in {"first": "tea", "again": "tea", "second": "den", "third": "den"}.items():
        scripted.send(scripted.hand_over("bob", room=room, id=id))
        answers.append((await scripted.taken.take(reply(id))).get("type"))

    assert answers == ["result", "result", "error", "error"]
    records = await relay.settled(4)
    assert [(record["state"], record["reason"]) for record in records] == [
        ("relayed", None), ("suppressed", "duplicate"), *[("handed-back", "rate-limited")] * 2
    ]  # fmt: skip
    assert [delivery.contact for delivery in scripted.deliveries] == [scripted.jid("bob")]
