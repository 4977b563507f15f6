"""What the component says of itself, on its domain and on every relay address."""

import time

import pytest

from support.feed import Wanted
from support.stanzas import CONFERENCE, DISCO_INFO, PING, VERSION, condition

pytestmark = pytest.mark.one_of_each_make


@pytest.fixture(params=["domain", "relay address"])
def address(request, server):
    return server.component if request.param == "domain" else f"bob\\40{server.host}@{server.component}"


async def test_disco(stage, relay, address):
    [alice] = await stage.people("alice")

    answer = await alice.iq(address, f"<query xmlns='{DISCO_INFO}'/>")

    assert answer.get("type") == "result"
    identities = {(i.get("category"), i.get("type")) for i in answer.iter(f"{{{DISCO_INFO}}}identity")}
    assert ("component", "generic") in identities
    features = {feature.get("var") for feature in answer.iter(f"{{{DISCO_INFO}}}feature")}
    assert {CONFERENCE, DISCO_INFO, PING, VERSION} <= features


async def test_version(stage, relay, address):
    [alice] = await stage.people("alice")

    answer = await alice.iq(address, f"<query xmlns='{VERSION}'/>")

    assert answer.findtext(f".//{{{VERSION}}}name") == "muc-invite-relay"
    assert answer.findtext(f".//{{{VERSION}}}version")


async def test_ping(stage, relay, address):
    [alice] = await stage.people("alice")

    answer = await alice.iq(address, f"<ping xmlns='{PING}'/>")

    assert answer.get("type") == "result"


@pytest.mark.parametrize("type", ["get", "set"])
async def test_what_it_does_not_know_is_refused_and_never_left_unanswered(stage, relay, address, type):
    [alice] = await stage.people("alice")

    answer = await alice.iq(address, "<query xmlns='urn:example:unheard-of'/>", kind=type)

    assert answer.get("type") == "error"
    assert condition(answer) == "service-unavailable"


@pytest.mark.parametrize(
    "stanza",
    [
        "<message type='chat'{}><body>Hello?</body></message>",
        "<message{}><body>Hello?</body></message>",
        "<message{}><x xmlns='urn:example:unheard-of'/></message>",
        "<message type='groupchat'{}><body>Hello?</body></message>",
        "<message type='groupchat'{}><x xmlns='jabber:x:conference' jid='tea@conference.example.test'/></message>",
        "<message{}><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
        "<message{}><x xmlns='http://jabber.org/protocol/muc#user'><invite to='dave@example.test'/></x></message>",
        "<message{}><x xmlns='http://jabber.org/protocol/muc#user'><decline to='dave@example.test'/></x></message>",
        "<message{}><received xmlns='urn:xmpp:receipts' id='r1'/></message>",
        "<presence type='subscribe'{}/>",
    ],
    ids=[
        "chat",
        "normal",
        "unknown payload",
        "groupchat",
        "an invitation as groupchat",
        "a room's element without an invitation",
        "an invitation through no room",
        "a decline through no room",
        "a receipt",
        "subscription",
    ],
)
async def test_what_has_no_business_here_comes_back_once(stage, relay, address, stanza):
    [alice] = await stage.people("alice")

    alice.send(stanza.format(f" to='{address}' id='s1'"))

    error = await alice.expect(error_from(address))
    assert condition(error) == "service-unavailable"
    await alice.passed(address)
    assert len(alice.received(error_from(address))) == 1
    await relay.process.says("service-unavailable")


@pytest.mark.parametrize("type", ["error", "headline"])
async def test_what_asks_for_no_answer_gets_none(stage, relay, address, type):
    [alice] = await stage.people("alice")

    alice.send(f"<message type='{type}' to='{address}'><body>Hello?</body></message>")
    alice.send(f"<presence to='{address}'/>")

    await alice.passed(address)
    assert not alice.received(error_from(address))


async def test_a_flood_is_not_answered_with_a_flood(stage, relay, address):
    [alice] = await stage.people("alice")

    began = time.monotonic()
    for _ in range(50):
        alice.send(f"<message type='chat' to='{address}'><body>Hello?</body></message>")

    await alice.passed(address)
    # 20 in a minute, and what has come back of them while this lasted.
    assert 20 <= len(alice.received(error_from(address))) <= 20 + (time.monotonic() - began) / 3


def error_from(address):
    return Wanted(
        f"an error from {address}",
        lambda stanza: stanza.get("type") == "error" and (stanza.get("from") or "").partition("/")[0] == address,
    )
