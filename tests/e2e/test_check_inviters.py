"""`check` sees from what became of invitations that those who invite are users of a host that grants nothing."""

import pytest
from support.checking import check
from support.prosody import Prosody
from support.server import Setup
from support.stanzas import a, direct_invitation

pytestmark = pytest.mark.one_of_each_make

FOR_EVERYBODY = """
Component "conference.chat.example.test" "muc"
    restrict_room_creation = false
"""
"""Users of another host may make rooms."""


def on_the_wrong_host(text: str) -> str:
    """The privileges are on the host above the component, which has no users."""
    section = 'VirtualHost "example.test"'
    assert section in text
    return text.replace(section, 'VirtualHost "chat.example.test"')


@pytest.fixture
def setup():
    return Setup(muc="conference.chat.example.test", hand_over=5)


@pytest.fixture
async def apart(own_stage):
    """Users at example.test, the component and the rooms below chat.example.test."""
    server = own_stage.server
    server.component = "invites.chat.example.test"
    if isinstance(server, Prosody):
        server.alter, server.pasted = on_the_wrong_host, FOR_EVERYBODY
    await server.restart()
    return own_stage


async def test_the_host_of_those_who_invite_is_named_and_the_remedy_helps(apart, relays, shows):
    server = apart.server
    shows(server.process)
    relay = relays(server)
    await relay.start()
    alice, bob = await apart.people("alice", "bob")
    room = await alice.create_room(apart.room())
    # ejabberd lets all its hosts grant the same: there this one does, and is not heard.
    unheard = not isinstance(server, Prosody)
    before = [line["what"] for line in (await check(relay)).wrong]
    assert before == (["messages"] if unheard else [])

    alice.invite(room, bob.bare)
    [record] = await relay.settled(1)
    assert (record["state"], record["reason"]) == ("handed-back", "not-local")

    checked = await check(relay)
    assert checked.code == 1
    [line] = checked.wrong
    assert (line["state"], line["what"], line["of"]) == ("missing", "messages", server.host)
    assert "of the newest 1 invitations 1 went back to the server (not-local)" in line["found"]
    assert line["found"].startswith("what it grants is not heard" if unheard else "grants nothing")

    [named] = (text for text in line["remedy"].splitlines() if text.startswith("hand_over_from = "))
    relay.config.write_text(relay.config.read_text().replace("[muc]\n", f"[muc]\n{named}\n"))
    if not unheard:
        _, _, lines = line["remedy"].partition("\n\n")
        await server.reconfigure(server.alter, server.pasted + lines)
        shows(server.process)
        await apart.empty()
        alice, bob = await apart.people("alice", "bob")
        room = await alice.create_room(apart.room())
    await relay.restart()
    assert (await check(relay)).wrong == []
    alice.invite(room, bob.bare)
    assert (await bob.expect(direct_invitation(room))).get("from") == alice.bare


async def test_invitations_to_relay_addresses_tell_it_as_well(apart, relays):
    relay = relays(apart.server)
    await relay.start()
    alice, bob = await apart.people("alice", "bob")
    room = await alice.create_room(apart.room())

    alice.invite(room, apart.relay_address(bob.bare))
    await bob.expect(a("message", sender=apart.relay_address(alice.bare)))
    await relay.settled(1)

    [line] = (await check(relay)).wrong
    assert line["of"] == apart.server.host
    assert "0 went back to the server (not-local), 1 left from relay addresses" in line["found"]
