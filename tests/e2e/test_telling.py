"""What inviters are told: an ordinary message from the address that they invited, which no archive keeps."""

from xml.sax.saxutils import quoteattr

import pytest

from support.server import Setup
from support.stanzas import (
    CONFERENCE,
    MUC_USER,
    STANZA_ERRORS,
    a,
    bare,
    condition,
    decline,
    direct_invitation,
    forged_mediated,
    hints,
    notice,
    said,
    text,
    text_of_error,
)

ARCHIVE = pytest.mark.parametrize("setup", [Setup(archive=True)], ids=["offline store and archive"])
OWN_DOMAIN = pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])


def send_decline(client, room, inviter, reason=None):
    """What a client sends whose user declines an invitation."""
    why = f"<reason>{text(reason)}</reason>" if reason else ""
    client.send(
        f"<message to={quoteattr(room)}><x xmlns='{MUC_USER}'><decline to={quoteattr(inviter)}>{why}</decline></x></message>"
    )


def bounce(contact, message):
    """The contact's client sends the invitation back."""
    contact.send(
        f"<message type='error' to={quoteattr(message.get('from'))} id={quoteattr(message.get('id'))}>"
        f"<error type='cancel'><service-unavailable xmlns='{STANZA_ERRORS}'/></error></message>"
    )


@ARCHIVE
async def test_a_refusal_is_an_ordinary_message(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    await alice.set_affiliation(room, bob.bare, "outcast")

    alice.invite(room, stage.relay_address(bob.bare))

    told = await alice.expect(notice(room))
    assert said(told) == f"Your invitation of {bob.bare} to {room}: This contact can't be invited to this room."
    assert bare(told.get("from")) == stage.relay_address(bob.bare)
    assert hints(told) == ["no-permanent-store"]
    await alice.passed(stage.server.component)
    assert not alice.received(decline(room))
    assert not await alice.archived(notice(room))


@ARCHIVE
async def test_so_is_the_sum_of_a_group(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")

    alice.invite(room, f"members@{stage.server.component}")

    told = await alice.expect(notice(room))
    assert said(told) == f"Your invitation of members@{stage.server.component} to {room}: 1 invited"
    await alice.passed(stage.server.component)
    assert not alice.received(decline(room))
    assert not await alice.archived(notice(room))


@pytest.mark.parametrize("setup", [Setup(privileges=False, archive=True)], ids=["own domain, archive"])
async def test_an_inviter_who_is_away_reads_it_later_and_once(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    alice.invite(room, stage.relay_address(bob.bare))
    received = await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await alice.disconnect()

    bounce(bob, received)
    await relay.output.take(lambda line: " failed " in line)
    await bob.passed(stage.server.component)

    again = await stage.log_in(alice.bare)
    assert "could not be delivered" in said(await again.expect(notice(room)))
    assert not await again.archived(notice(room))
    fresh = await stage.log_in(alice.bare, "phone")
    await fresh.passed(stage.server.component)
    assert not fresh.received(notice(room))


@pytest.mark.parametrize("setup", [Setup(service_admin=False)], ids=["privileges alone"])
@pytest.mark.needs("masked-inviter")
async def test_one_whom_nobody_can_name_is_reached_by_the_room_alone(stage, relay):
    """A room that masks its occupants, and does not tell the relay who they are."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, f"nobody-of-that-name@{stage.server.component}")
    await alice.expect(decline(room))
    alice.invite(room, f"members@{stage.server.component}")
    await relay.settled(2)

    await alice.passed(stage.server.component)
    assert not alice.received(notice(room))


@pytest.mark.one_of_each_make
async def test_a_refused_direct_invitation_is_told_of_in_both_ways(stage, relay):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    address = stage.relay_address(bob.bare)
    mallory.send(f"<message to={quoteattr(address)} id='d1'><x xmlns='{CONFERENCE}' jid='{room}'/></message>")

    error = await mallory.expect(a("message", type="error", sender=address))
    assert (error.get("id"), condition(error)) == ("d1", "forbidden")
    told = await mallory.expect(notice(room))
    assert text_of_error(error) == "You may not invite to this room."
    assert said(told) == f"Your invitation of {bob.bare} to {room}: You may not invite to this room."


@OWN_DOMAIN
async def test_a_contact_declines_an_invitation_that_came_from_a_relay_address(stage, relay):
    alice, bob, mallory = await stage.people("alice", "bob", "mallory")
    room = await alice.create_room(stage.room(), anonymous=False)
    other = await alice.create_room(stage.room("other"), anonymous=False)
    alice.invite(room, stage.relay_address(bob.bare))
    inviter = bare((await bob.expect(direct_invitation(room))).get("from"))
    assert inviter == stage.relay_address(alice.bare)
    await relay.settled(1)

    # Nobody else, and nowhere else.
    send_decline(mallory, room, inviter, "Buy this")
    send_decline(bob, other, inviter, "Buy that")
    send_decline(bob, room, stage.relay_address(mallory.bare), "Buy both")
    send_decline(bob, room, inviter, "No\u202e time,\n sorry")
    send_decline(bob, room, inviter, "And again")

    told = await alice.expect(notice(room))
    assert said(told) == f"{bob.bare} declined your invitation to {room}: No time, sorry"
    assert bare(told.get("from")) == stage.relay_address(bob.bare)
    await bob.passed(stage.server.component)
    for someone in (alice, mallory):
        await someone.passed(stage.server.component)
    assert len(alice.received(notice(room))) == 1
    assert not alice.received(notice(other)) and not mallory.received(notice(room))


@OWN_DOMAIN
@pytest.mark.parametrize("config", [{"relay": {"max_reason": 20}}], ids=["20 characters"])
async def test_a_decline_after_a_restart_and_without_end(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    alice.invite(room, stage.relay_address(bob.bare))
    inviter = bare((await bob.expect(direct_invitation(room))).get("from"))
    await relay.settled(1)
    await relay.restart()

    send_decline(bob, room, inviter, "never " * 1000)

    told = said(await alice.expect(notice(room)))
    assert told == f"{bob.bare} declined your invitation to {room}: never never never n…"


async def test_a_room_that_is_not_served_is_told_to_tell_its_inviter(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(service=stage.server.other_muc))

    alice.invite(room, stage.relay_address(bob.bare))

    told = await alice.expect(decline(room))
    reason = told.findtext(f".//{{{MUC_USER}}}decline/{{{MUC_USER}}}reason")
    assert reason == "Invitations to this room are not relayed here. Please invite people by their own addresses."
    [record] = await relay.settled(1)
    assert record["reason"] == "untrusted"


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("config", [{"limits": {"per_inviter": "2/1h"}}], ids=["2 an hour"])
async def test_a_stranger_makes_the_relay_write_to_nobody_else(stage, relay):
    """It may name anybody as the inviter: what comes back goes to the very room, and is bounded."""
    alice, bob = await stage.people("alice", "bob")
    stranger = await stage.remote()
    address, room = stage.relay_address(bob.bare), f"tea@{stranger.jid}"
    for sender in (f"{room}/alice", *[room] * 4, stranger.jid):
        forged = forged_mediated(address, f"{alice.bare}/desk")
        stranger.send(forged.replace("<message ", f"<message from={quoteattr(sender)} ", 1))
    mallory = await stage.log_in(await stage.account("mallory"))
    mallory.send(forged_mediated(address, f"{alice.bare}/desk"))

    answer = a("message", sender=address)
    await stranger.expect(answer)
    for someone in (alice, mallory):
        await someone.passed(stage.server.component)
    answers = stranger.received(answer)
    assert {answer.get("to") for answer in answers} == {room}
    assert len(answers) <= 2
    for someone in (alice, mallory):
        assert not someone.received(notice(room)) and not someone.received(decline(room))


# ejabberd's rooms leave out the language of the inviter's stanza, unless the module is loaded.
LANGUAGES = {
    "de-AT": ("Ihre Einladung an {} in den Raum {}: Dieser Kontakt kann nicht in diesen Raum eingeladen werden.", "de"),
    "fr": ("Votre invitation adressée à {} pour {} : Il n'est pas possible d'inviter ce contact dans ce salon.", "fr"),
    "es-419": ("Su invitación a {} para {}: No se puede invitar a este contacto a esta sala.", "es"),
    "RU": ("Ваше приглашение для {} в {}: Этого собеседника нельзя пригласить в эту комнату.", "ru"),
    "tlh": ("Your invitation of {} to {}: This contact can't be invited to this room.", "en"),
}


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["module"])
async def test_in_the_language_of_the_stanza(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    await alice.set_affiliation(room, bob.bare, "outcast")

    for tag, (what, language) in LANGUAGES.items():
        alice.invite(room, stage.relay_address(bob.bare), **{"xml:lang": tag})
        told = await alice.expect(notice(room))
        assert said(told) == what.format(bob.bare, room)
        assert told.get("{http://www.w3.org/XML/1998/namespace}lang") == language


@pytest.mark.parametrize("setup", [Setup(privileges=False, hand_over=30)], ids=["module, own domain"])
async def test_in_the_same_language_after_a_restart(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    alice.invite(room, stage.relay_address(bob.bare), **{"xml:lang": "ru"})
    received = await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await relay.restart()

    bounce(bob, received)

    assert said(await alice.expect(notice(room))).endswith("Приглашение не удалось доставить.")


@pytest.mark.one_of_each_make
async def test_a_direct_invitation_and_its_error_in_a_language(stage, relay):
    mallory, bob = await stage.people("mallory", "bob")
    address = stage.relay_address(bob.bare)

    mallory.send(f"<message to={quoteattr(address)} xml:lang='de' id='d1'><x xmlns='{CONFERENCE}' jid='tea'/></message>")

    error = await mallory.expect(a("message", type="error", sender=address))
    assert text_of_error(error).startswith("Diese Einladung nennt keinen Raum.")


@pytest.mark.parametrize("setup", [Setup(hand_over=30)], ids=["hand-over"])
async def test_a_hand_over_in_a_language(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    await alice.set_affiliation(room, bob.bare, "outcast")

    alice.invite(room, bob.bare, **{"xml:lang": "es"})

    assert said(await alice.expect(notice(room))).endswith("No se puede invitar a este contacto a esta sala.")
