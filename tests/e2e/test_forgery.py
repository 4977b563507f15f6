"""Forgery: what users, and servers that are not ours, send to the relay so that it speaks in the name of others.

docs/security.md says what stops each of these; rooms that are not believed stand in test_trust.py.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import quoteattr

import pytest

from support.server import Server, Setup
from support.stanzas import (
    CLIENT,
    CONFERENCE,
    DISCO_INFO,
    MUC_ADMIN,
    MUC_USER,
    ROSTER,
    STANZA_ERRORS,
    a,
    asked,
    condition,
    direct_invitation,
    escaped,
    forged_mediated,
    native_invitation,
    notice,
)

HANDOVER = "urn:x-muc-invite-relay:0"
PRIVILEGES = ("urn:xmpp:privilege:1", "urn:xmpp:privilege:2")
BELIEVED = pytest.mark.parametrize(
    "config", [{"muc": {"services": [Server.muc, Server.remote]}}], ids=["the other service is believed"]
)


def handed_over(room, inviter, contact):
    """A hand-over without a fault, but for the one who sends it."""
    deadline = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()
    return (
        f"<handover xmlns='{HANDOVER}' deadline='{deadline}'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<message xmlns='{CLIENT}' from={quoteattr(room)} to={quoteattr(contact)}><x xmlns='{MUC_USER}'>"
        f"<invite from={quoteattr(inviter)}><reason>trust me</reason></invite></x></message></forwarded></handover>"
    )


def advertisement(namespace, type):
    return (
        f"<privilege xmlns='{namespace}'><perm access='message' type='{type}'/><perm access='roster' type='both'/>"
        f"<perm access='iq'><namespace ns='{MUC_ADMIN}' type='both'/></perm></privilege>"
    )


def error(to, id):
    """Somebody says that this message did not reach them."""
    return (
        f"<message type='error' to={quoteattr(to)} id={quoteattr(id)}>"
        f"<error type='cancel'><service-unavailable xmlns='{STANZA_ERRORS}'/></error></message>"
    )


def from_the_relay(stanza, stage):
    return stanza.get("from", "").partition("/")[0].endswith(stage.server.component)


def outcomes(records):
    return [(record["route"], record["state"], record["reason"]) for record in records]


async def test_a_user_who_hands_over(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room())

    answer = await mallory.iq(stage.server.component, handed_over(room, alice.bare, bob.bare), kind="set")

    assert condition(answer) == "forbidden"
    assert outcomes(await relay.settled(1)) == [("handed-over", "refused", "untrusted")]
    assert not await stage.reached(bob, room)


async def test_a_strange_host_that_hands_over(stage, relay):
    """Another server, as it were: nobody has configured it."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    stranger = await stage.remote()

    for sender in (f"{stranger.jid}/muc-invite-relay", f"user@{stranger.jid}/x"):
        forged = handed_over(room, alice.bare, bob.bare)
        answer = await stranger.iq(f"{stage.server.component}/x", forged, kind="set", sender=sender)
        assert condition(answer) == "forbidden"

    assert set(outcomes(await relay.settled(2))) == {("handed-over", "refused", "untrusted")}
    assert not await stage.reached(bob, room)


@BELIEVED
async def test_a_host_hands_over_for_its_own_rooms_only(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    service = await stage.remote()
    sender = f"{service.jid}/muc-invite-relay"

    forged = handed_over(room, alice.bare, bob.bare)
    answer = await service.iq(f"{stage.server.component}/x", forged, kind="set", sender=sender)

    assert condition(answer) == "forbidden"
    assert outcomes(await relay.settled(1)) == [("handed-over", "refused", "untrusted")]
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no privileges"])
async def test_nobody_but_the_server_grants_privileges(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    stranger = await stage.remote()
    room = await alice.create_room(stage.room(), anonymous=False)

    for namespace in PRIVILEGES:
        for type in ("outgoing", "both"):
            granted = advertisement(namespace, type)
            mallory.send(f"<message to='{stage.server.component}'>{granted}</message>")
            stranger.send(f"<message from='{stranger.jid}' to='{stage.server.component}'>{granted}</message>")
    await mallory.passed(stage.server.component)
    await stranger.passed(f"{stage.server.component}/x")
    alice.invite(room, stage.relay_address(bob.bare))

    received = await bob.expect(direct_invitation(room))
    assert received.get("from") == stage.relay_address(alice.bare)
    assert "privileges granted" not in relay.log
    assert not [message for message in stranger.received(a("message")) if from_the_relay(message, stage)]


async def test_nor_takes_them_back(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    stranger = await stage.remote()
    room = await alice.create_room(stage.room(), anonymous=False)

    for namespace in PRIVILEGES:
        nothing = advertisement(namespace, "none")
        mallory.send(f"<message to='{stage.server.component}'>{nothing}</message>")
        stranger.send(f"<message from='{stranger.jid}' to='{stage.server.component}'>{nothing}</message>")
    await mallory.passed(stage.server.component)
    await stranger.passed(f"{stage.server.component}/x")
    alice.invite(room, stage.relay_address(bob.bare))

    assert (await bob.expect(direct_invitation(room))).get("from") == alice.bare


@BELIEVED
@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no privileges"])
async def test_only_the_room_that_was_asked_answers(stage, relay):
    """Mallory knows every id, and is quicker than the room. Believed, he would have the relay think that bob is inside,
    or banned, and drop his invitation."""
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    service = await stage.remote(answers=False)
    room, component = f"den@{service.jid}", stage.server.component
    service.send(
        f"<message from='{room}' to={quoteattr(stage.relay_address(bob.bare))}><x xmlns='{MUC_USER}'>"
        f"<invite from='{alice.full}'/></x></message>"
    )

    lies = (
        f"<query xmlns='{MUC_ADMIN}'><item affiliation='outcast' role='participant' jid='{bob.bare}' nick='Bob'/></query>"
    )
    lied_to = []

    async def lie_then_answer():
        while True:
            question = await service.expect(asked(room))
            id = quoteattr(question.get("id"))
            for type in ("result", "error"):
                mallory.send(f"<iq type='{type}' id={id} to='{component}'>{lies}</iq>")
                for other in (service.jid, f"{room}/Mallory", f"other@{service.jid}"):
                    service.send(f"<iq type='{type}' id={id} from='{other}' to='{component}'>{lies}</iq>")
            await mallory.passed(component)
            await service.passed(f"{component}/x")
            truth = f"<query xmlns='{MUC_ADMIN}'/>"
            if question.find(f"{{{DISCO_INFO}}}query") is not None:
                truth = f"<query xmlns='{DISCO_INFO}'><feature var='muc_open'/></query>"
            lied_to.append(question)
            service.send(f"<iq type='result' id={id} from='{room}' to='{component}'>{truth}</iq>")

    # However many questions it has, in whatever order.
    answering = asyncio.create_task(lie_then_answer())
    received = await bob.expect(direct_invitation(room))
    answering.cancel()
    assert len(lied_to) > 1
    assert received.get("from") == stage.relay_address(alice.bare)


@pytest.mark.parametrize("config", [{"relay": {"strangers": "refuse"}}], ids=["strangers=refuse"])
async def test_nobody_writes_himself_into_a_roster(stage, relay):
    mallory, bob = await stage.people("mallory", "bob")
    stranger = await stage.remote()
    room = await mallory.create_room(stage.room())

    roster = f"<query xmlns='{ROSTER}'><item jid='{mallory.bare}' subscription='both'/></query>"
    for type in ("set", "result"):
        for to in (stage.server.component, stage.relay_address(bob.bare)):
            mallory.send(f"<iq type='{type}' id='1' to={quoteattr(to)}>{roster}</iq>")
            stranger.send(f"<iq type='{type}' id='1' from='{stranger.jid}' to={quoteattr(to)}>{roster}</iq>")
    await mallory.passed(stage.server.component)
    await stranger.passed(f"{stage.server.component}/x")
    mallory.invite(room, stage.relay_address(bob.bare))

    assert outcomes(await relay.settled(1)) == [("addressed", "refused", "stranger")]
    assert not await stage.reached(bob, room)


@pytest.mark.parametrize(
    "forged",
    [
        "<x xmlns='{user}'><invite to='{to}' from='{alice}'/></x>",
        "<x xmlns='{user}'><invite to='{to}' from='{nobody}'/></x>",
        "<x xmlns='{user}'><invite to='{to}'/><invite to='{to}' from='{alice}'/></x>",
        "<x xmlns='{user}'><invite to='{to}'/></x><x xmlns='{user}'><invite to='{to}' from='{alice}'/></x>",
        "<x xmlns='{user}'><invite from='{alice}'/></x><x xmlns='{user}'><invite to='{to}'/></x>",
        "<x xmlns='{user}'><invite to='{to}'><invite from='{alice}'/></invite></x>",
        "<x xmlns='{user}'><invite to='{to}'/></x><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
        "from='{room}' to='{to}'><x xmlns='{user}'><invite from='{alice}'/></x></message></forwarded>",
    ],
    ids=["from", "one who does not exist", "two invites", "two x", "two x, the other way round", "one in the other", "forwarded"],
)
async def test_nobody_invites_in_anothers_name_through_a_room(stage, relay, forged):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await mallory.create_room(stage.room(), anonymous=False)

    names = {"user": MUC_USER, "to": stage.relay_address(bob.bare), "alice": alice.bare, "room": room}
    names["nobody"] = f"nobody@{stage.server.host}"
    mallory.send(f"<message to='{room}'>{forged.format(**names)}</message>")
    await mallory.passed(room)
    # One without a fault behind it, so that something is relayed at any rate.
    mallory.invite(room, stage.relay_address(bob.bare))

    assert (await bob.expect(direct_invitation(room))).get("from") == mallory.bare
    assert len(await stage.reached(bob, room)) == 1
    assert {record["inviter"] for record in await relay.history()} == {mallory.bare}


@pytest.mark.needs("masked-inviter")
async def test_a_nick_that_was_somebody_elses(stage, relay):
    """The relay has just learnt whose it was, and asks anew whose it is."""
    carol, alice, mallory, bob, dave = await stage.people("carol", "alice", "mallory", "bob", "dave")
    room = await carol.create_room(stage.room(), anonymous=True)
    alice.nick = mallory.nick = "Alice"
    await alice.join(room)
    alice.invite(room, stage.relay_address(dave.bare))
    assert (await dave.expect(direct_invitation(room))).get("from") == alice.bare
    alice.send(f"<presence type='unavailable' to='{room}/Alice'/>")
    await alice.expect(a("presence", type="unavailable", sender=room))
    await mallory.join(room)

    mallory.invite(room, stage.relay_address(bob.bare))

    assert (await bob.expect(direct_invitation(room))).get("from") == mallory.bare


async def test_a_room_of_another_server(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    stranger = await stage.remote()
    room, to = f"den@{stranger.jid}", stage.relay_address(bob.bare)

    for sender in (room, f"{room}/Alice", stranger.jid):
        stranger.send(forged_mediated(to, alice.bare).replace("<message ", f"<message from='{sender}' ", 1))

    assert set(outcomes(await relay.settled(3))) == {("addressed", "refused", "untrusted")}
    assert not await stage.reached(bob, room)
    # Only the room that may be lying is told.
    answers = [message for message in stranger.received(a("message")) if from_the_relay(message, stage)]
    assert {answer.get("to") for answer in answers} <= {room}
    await alice.passed(stage.server.component)
    assert not alice.received(notice(room))


async def test_a_direct_invitation_to_a_room_that_is_none_of_the_senders_business(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    for relay_address in (stage.relay_address(bob.bare), stage.server.component):
        mallory.send(f"<message to={quoteattr(relay_address)}><x xmlns='{CONFERENCE}' jid='{room}'/></message>")
    await mallory.passed(stage.server.component)

    assert not await stage.reached(bob, room)
    assert await alice.affiliation(room, bob.bare) == "none"


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])
async def test_only_the_contact_sends_his_invitation_back(stage, relay):
    mallory, alice, bob, carol = await stage.people("mallory", "alice", "bob", "carol")
    room = await alice.create_room(stage.room(), members_only=True)
    for contact in (bob, carol):
        alice.invite(room, stage.relay_address(contact.bare))
    to_bob, to_carol = await bob.expect(direct_invitation(room)), await carol.expect(direct_invitation(room))
    await relay.settled(2)

    # Ids count up: who has one can guess the next.
    for sender in (to_bob.get("from"), stage.server.component, stage.relay_address(bob.bare)):
        mallory.send(error(sender, to_bob.get("id")))
        bob.send(error(sender, to_carol.get("id")))
    carol.send(error(stage.server.component, to_carol.get("id")))
    for forger in (mallory, bob, carol):
        await forger.passed(stage.server.component)

    assert {record["state"] for record in await relay.history()} == {"relayed"}
    assert await alice.affiliation(room, bob.bare) == await alice.affiliation(room, carol.bare) == "member"
    assert not alice.received(notice(room))


async def test_addresses_that_are_nobodys(stage, relay):
    """A room, which a message could make do something; the relay itself, for a loop; a domain, which could be all rooms."""
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    other = await alice.create_room(stage.room("other"))
    component = stage.server.component
    looped = stage.relay_address(f"bob@{stage.server.host}").replace("\\40", "\\5c40")
    nobodies = [
        stage.relay_address(other),
        f"{escaped(looped)}@{component}",
        f"{escaped(stage.server.muc)}@{component}",
        component,
    ]

    for nobody in nobodies:
        alice.invite(room, nobody)
        await alice.passed(room)

    records = await relay.settled(len(nobodies))
    assert set(outcomes(records)) == {("addressed", "refused", "malformed")}
    assert not alice.received(direct_invitation(room))
    assert not alice.received(native_invitation(room))


@pytest.mark.needs("plain-iq")
async def test_an_address_that_normalising_changes_is_nobody_elses(stage, relay):
    """Servers prepare names by rules of several ages: to some of them these two are different accounts."""
    alice, bob = await stage.people("alice", "bob")
    remote = await stage.remote()
    room = await alice.create_room(stage.room())
    owner, other = f"carol@{remote.jid}", f"{chr(0x1D9C)}arol@{remote.jid}"
    await alice.set_affiliation(room, owner, "owner")
    address = stage.relay_address(bob.bare)
    x = f"<x xmlns='{CONFERENCE}' jid='{room}'/>"

    remote.send(f"<message from='{other}/x' to='{address}' id='o1'>{x}</message>")
    await remote.expect(a("message", type="error", sender=address))
    remote.send(f"<message from='{owner}/x' to='{address}' id='o2'>{x}</message>")

    received = await bob.expect(direct_invitation(room))
    assert received.get("from") == stage.relay_address(owner)
    assert [record["inviter"] for record in await relay.settled(1)] == [owner]
