"""Errors for what the relay has sent in an inviter's name: the module tells the relay of them.

The servers here talk to no others, so whatever goes elsewhere comes back.
"""

import itertools

import pytest

from support import stanzas
from support.handover import HANDOVER, RESOURCE, came_back

ELSEWHERE = "bob@elsewhere.test"

_numbers = itertools.count(1)


@pytest.fixture
def id():
    """As the relay's ids are."""
    return f"0123abcd-{next(_numbers)}"


def told(iq):
    return iq.find(f"{{{HANDOVER}}}came-back").attrib


async def test_the_relay_is_told(stage, relay, id):
    [alice] = await stage.people("alice")
    room = stage.room()

    relay.invite_as(alice.bare, ELSEWHERE, room, id)

    iq = await relay.expect(came_back(id))
    assert (iq.get("type"), iq.get("from")) == ("set", f"{stage.server.host}/{RESOURCE}")
    assert told(iq) == {"id": id, "from": ELSEWHERE, "to": alice.bare}
    relay.answer(iq.get("id"), iq.get("from"))
    await alice.passed(stage.server.host)
    assert not alice.received(stanzas.a("message", type="error"))


async def test_until_it_has_answered(stage, relay, relays, id):
    [alice] = await stage.people("alice")
    relay.invite_as(alice.bare, ELSEWHERE, stage.room(), id)
    answered = await relay.expect(came_back(id))
    relay.answer(answered.get("id"), answered.get("from"))
    unanswered = f"{id}1"
    relay.invite_as(alice.bare, ELSEWHERE, stage.room(), unanswered)
    await relay.expect(came_back(unanswered))
    await relay.disconnect()

    relay = await relays(stage.server)

    again = await relay.expect(came_back(unanswered))
    assert told(again)["to"] == alice.bare
    relay.answer(again.get("id"), again.get("from"))
    await relay.passed(f"{stage.server.host}/barrier")
    assert not relay.received(came_back(id))


@pytest.mark.parametrize("other", ["hello", "0123abcd-", "0123abcd-x", "x0123abcd-1", "0123abc-1"])
async def test_errors_for_other_messages_are_not_told(stage, relay, other, id):
    [alice] = await stage.people("alice")
    relay.invite_as(alice.bare, ELSEWHERE, stage.room(), other)
    relay.invite_as(alice.bare, ELSEWHERE, stage.room(), id)

    iq = await relay.expect(came_back(id))
    relay.answer(iq.get("id"), iq.get("from"))
    assert not relay.received(came_back(other))


async def test_errors_of_local_contacts_are_not_told(stage, relay, id):
    """They say who blocks whom."""
    if stage.server.name.startswith("prosody"):
        pytest.skip("its mod_privilege fails at errors of local contacts, and nobody gets them")
    alice, bob = await stage.people("alice", "bob")
    answer = await bob.iq(None, f"<block xmlns='urn:xmpp:blocking'><item jid='{alice.bare}'/></block>", kind="set")
    assert answer.get("type") == "result", stanzas.show(answer)
    relay.invite_as(alice.bare, bob.bare, stage.room(), f"{id}1")
    relay.invite_as(alice.bare, ELSEWHERE, stage.room(), id)

    iq = await relay.expect(came_back(id))
    relay.answer(iq.get("id"), iq.get("from"))
    await relay.passed(f"{stage.server.host}/barrier")
    assert not relay.received(came_back(f"{id}1"))


async def test_a_user_can_tell_nothing(stage, relay, id):
    """Errors that a user sends to another one are no errors of another server."""
    alice, eve = await stage.people("alice", "eve")
    error = f"<error type='cancel'><service-unavailable xmlns='{stanzas.STANZA_ERRORS}'/></error>"
    eve.send(f"<message type='error' to='{alice.bare}' id='{id}'>{error}</message>")
    await eve.passed(stage.server.host)
    await relay.passed(f"{stage.server.host}/barrier")
    assert not relay.received(came_back(id))
