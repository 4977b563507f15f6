"""What the component says of itself, on its domain and on every relay address."""

import pytest

from support.stanzas import CONFERENCE, DISCO_INFO, PING, VERSION, condition


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
