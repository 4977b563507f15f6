"""What comes back: before it was confirmed and after, from whom it may come, and what is made of a refused privilege."""

import pytest

from support import stanzas
from support.scripted import FORWARD, PRIVILEGE, told
from support.server import Setup
from support.stanzas import STANZA_ERRORS

own_domain = pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])
in_the_inviters_name = pytest.mark.parametrize("setup", [Setup()], ids=["privileged"])


def error(message, condition, *, sender=None, id=None):
    """A message as it comes back."""
    return (
        f"<message type='error' from='{sender or message.get('to')}' to='{message.get('from')}' "
        f"id='{id or message.get('id')}'><error type='cancel'><{condition} xmlns='{STANZA_ERRORS}'/></error></message>"
    )


def outcome(record):
    return record["state"], record["reason"]


def is_invitation(message):
    """Not what the inviter is told."""
    return not stanzas.said(message)


@own_domain
async def test_before_the_pong(scripted, relay):
    scripted.on_message = lambda m: error(m, "service-unavailable") if is_invitation(m) else None

    scripted.send(scripted.invitation("bob"))

    await scripted.taken.take(told(scripted.jid("alice")))
    [record] = await relay.settled(1)
    assert outcome(record) == ("failed", "bounced")
    assert len(scripted.deliveries) == 1


@own_domain
async def test_after_the_pong(scripted, relay):
    kept = []
    scripted.on_message = lambda m: kept.append(m) if is_invitation(m) else None

    scripted.send(scripted.invitation("bob"))
    assert outcome((await relay.settled(1))[0]) == ("relayed", None)
    [invitation] = kept
    scripted.send(error(invitation, "service-unavailable"))

    await scripted.taken.take(told(scripted.jid("alice")))
    [record] = await relay.history()
    assert outcome(record) == ("failed", "bounced")

    # The contact may be invited anew.
    scripted.send(scripted.invitation("bob"))
    again = await scripted.delivered(scripted.jid("bob"), times=2)
    assert again[0].id != again[1].id


@own_domain
@pytest.mark.parametrize("confirmed", [False, True], ids=["before the pong", "after the pong"])
async def test_an_error_from_somebody_else_changes_nothing(scripted, relay, confirmed):
    """Somebody who has guessed the id, or the contact's own server with another id."""
    kept = []

    def forged(message):
        if not is_invitation(message):
            return None
        kept.append(message)
        return None if confirmed else forgeries(message)

    def forgeries(message):
        return (
            error(message, "service-unavailable", sender="mallory@evil.example/x")
            + error(message, "service-unavailable", sender=scripted.host)
            + error(message, "service-unavailable", sender=f"bob2@{scripted.host}")
            + error(message, "service-unavailable", id=f"{message.get('id')}0")
            + error(message, "service-unavailable", id="no id of ours")
        )

    scripted.on_message = forged
    scripted.send(scripted.invitation("bob"))
    await relay.settled(1)
    if confirmed:
        scripted.send(forgeries(kept[0]))
    await scripted.passed()

    [record] = await relay.history()
    assert outcome(record) == ("relayed", None)
    assert len(scripted.deliveries) == 1


@own_domain
async def test_an_answer_from_somebody_else_confirms_nothing(scripted, relay):
    """Nobody but the host that was pinged can say that an invitation was taken."""
    scripted.answers_pings = False

    scripted.send(scripted.invitation("bob"))
    await scripted.delivered(scripted.jid("bob"))
    # Not any ping: the MUC service is asked too whether it answers.
    ping = await scripted.unanswered.take(stanzas.asked(f"{scripted.host}/barrier"))
    for other in ("mallory@evil.example/barrier", scripted.host, scripted.muc, f"{scripted.muc}/barrier"):
        scripted.send(f"<iq type='result' id='{ping.get('id')}' from='{other}' to='{scripted.component}'/>")
    await scripted.passed()
    assert [record["state"] for record in await relay.history()] == ["pending"]

    # An error of the right one is an answer.
    scripted.send(
        f"<iq type='error' id='{ping.get('id')}' from='{ping.get('to')}' to='{scripted.component}'>"
        f"<error type='cancel'><item-not-found xmlns='{STANZA_ERRORS}'/></error></iq>"
    )
    assert outcome((await relay.settled(1))[0]) == ("relayed", None)


@in_the_inviters_name
async def test_a_forbidden_wrapper_goes_out_once_more_from_the_relay_address(scripted, relay):
    scripted.on_message = lambda m: error(m, "forbidden") if m.get("to") == scripted.host else None

    scripted.send(scripted.invitation("bob"))

    # What was granted may be gone: the relay connects again, once.
    [refused, again, taken] = await scripted.delivered(scripted.jid("bob"), times=3)
    assert again.privileged and (refused.connection, again.connection, taken.connection) == (1, 2, 2)
    [record] = await relay.settled(1)
    escaped = f"{stanzas.escaped(scripted.jid('alice'))}@{scripted.component}"
    assert (refused.privileged, refused.sender) == (True, scripted.jid("alice"))
    assert (taken.privileged, taken.sender) == (False, escaped)
    assert refused.id == taken.id
    assert (outcome(record), record["sent_as"]) == (("relayed", None), escaped)
    assert len(scripted.deliveries) == 3
    assert "did not let the relay speak for alice@example.test" in relay.log
    assert 'message = "outgoing"' in relay.log


@in_the_inviters_name
async def test_and_no_third_time(scripted, relay):
    scripted.on_message = lambda m: error(m, "forbidden") if is_invitation(m) else None

    scripted.send(scripted.invitation("bob"))

    await scripted.taken.take(told(scripted.jid("alice")))
    [record] = await relay.settled(1)
    assert outcome(record) == ("failed", "bounced")
    assert [delivery.privileged for delivery in scripted.deliveries] == [True, True, False]


@in_the_inviters_name
async def test_a_firewall_is_named_with_the_rule_that_it_lacks(scripted, relay):
    scripted.on_message = lambda m: error(m, "policy-violation") if m.get("to") == scripted.host else None

    scripted.send(scripted.invitation("bob"))

    await scripted.taken.take(told(scripted.jid("alice")))
    [record] = await relay.settled(1)
    assert outcome(record) == ("failed", "not-permitted")
    assert len(scripted.deliveries) == 1
    assert f"FROM: <{scripted.component}>" in relay.log


@pytest.mark.parametrize("setup", [Setup(presence=True)], ids=["presence"])
@pytest.mark.parametrize("config", [{"relay": {"support": "ask"}}], ids=["ask"])
async def test_what_is_not_let_through_to_its_room_goes_directly(scripted, relay):
    def through_the_room(message):
        inner = message.find(f"{{{PRIVILEGE}}}privilege/{{{FORWARD}}}forwarded/{{{stanzas.CLIENT}}}message")
        return inner is not None and inner.get("to") == scripted.room("tea")

    scripted.software = "Prosody"
    scripted.on_message = lambda m: error(m, "forbidden") if through_the_room(m) else None
    scripted.send(f"<presence from='{scripted.jid('bob')}/desk' to='{scripted.component}'/>")
    scripted.send(scripted.invitation("bob"))

    [record] = await relay.settled(1)
    assert outcome(record) == ("relayed", "unsupported")
    assert record["sent_as"] == scripted.jid("alice")
    assert [delivery.contact for delivery in scripted.deliveries] == [scripted.jid("bob")]
    assert len([message for message in scripted.taken.all if through_the_room(message)]) == 1, "it is not tried again"


@in_the_inviters_name
async def test_a_refusal_of_the_wrapper_by_somebody_else_changes_nothing(scripted, relay):
    def forged(message):
        return error(message, "forbidden", sender=scripted.jid("bob")) + error(message, "forbidden", sender=scripted.muc)

    scripted.on_message = forged
    scripted.send(scripted.invitation("bob"))

    [record] = await relay.settled(1)
    assert outcome(record) == ("relayed", None)
    assert [delivery.privileged for delivery in scripted.deliveries] == [True]


def by_module(message, host, *, id=None, contact=None, inviter=None):
    """What a server's module makes of an error that went to an inviter."""
    inner = message.find(f"{{{PRIVILEGE}}}privilege/{{{FORWARD}}}forwarded/{{{stanzas.CLIENT}}}message")
    return (
        f"<iq type='set' id='error-1' from='{host}/muc-invite-relay' to='{message.get('from')}'>"
        f"<came-back xmlns='urn:x-muc-invite-relay:0' id='{id or inner.get('id')}' "
        f"from='{contact or inner.get('to')}' to='{inviter or inner.get('from')}'/></iq>"
    )


@in_the_inviters_name
@pytest.mark.parametrize("confirmed", [False, True], ids=["before the pong", "after the pong"])
async def test_a_module_tells_of_an_error_that_went_to_the_inviter(scripted, relay, confirmed):
    kept = []

    def comes_back(message):
        if not is_invitation(message):
            return None
        kept.append(message)
        return None if confirmed else by_module(message, scripted.host)

    scripted.on_message = comes_back
    scripted.send(scripted.invitation("bob"))
    if confirmed:
        assert outcome((await relay.settled(1))[0]) == ("relayed", None)
        scripted.send(by_module(kept[0], scripted.host))

    await scripted.taken.take(told(scripted.jid("alice")))
    [record] = await relay.settled(1)
    assert outcome(record) == ("failed", "bounced")
    # The module need not tell again.
    assert (await scripted.taken.take(stanzas.reply(to="error-1"))).get("type") == "result"

    # The contact may be invited anew.
    scripted.on_message = lambda _: None
    scripted.send(scripted.invitation("bob"))
    again = await scripted.delivered(scripted.jid("bob"), times=2)
    assert again[0].id != again[1].id


@in_the_inviters_name
async def test_what_somebody_else_tells_of_errors_changes_nothing(scripted, relay):
    kept = []
    scripted.on_message = lambda message: kept.append(message) if is_invitation(message) else None
    scripted.send(scripted.invitation("bob"))
    await relay.settled(1)

    [sent] = kept
    for forged in (
        by_module(sent, "evil.example"),
        by_module(sent, f"mallory@{scripted.host}"),
        by_module(sent, scripted.muc),
        by_module(sent, scripted.host, contact="mallory@evil.example"),
        by_module(sent, scripted.host, inviter=f"mallory@{scripted.host}"),
        by_module(sent, scripted.host, inviter="alice@evil.example"),
        by_module(sent, scripted.host, id="ffff0000-1"),
        by_module(sent, scripted.host, id="no id of ours"),
    ):
        scripted.send(forged)
    await scripted.passed()

    [record] = await relay.history()
    assert outcome(record) == ("relayed", None)
