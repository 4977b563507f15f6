"""A server elsewhere that lies: about who it is, about what came back, and about being a module."""

import pytest

from support.handover import HANDOVER, RESOURCE
from support.peer import Peer, StreamEnded
from support.stanzas import STANZA_ERRORS, a, direct_invitation, native_invitation
from support.told import told

ERROR = f"<error type='cancel'><service-unavailable xmlns='{STANZA_ERRORS}'/></error>"


@pytest.fixture
async def evil(names):
    peer = Peer("evil.test", names)
    await peer.start()
    yield peer
    await peer.stop()


async def outcomes(relay):
    return [(record["state"], record["reason"]) for record in await relay.history()]


async def test_it_speaks_for_nobody_of_ours(stage, stage_elsewhere, here, evil, relay):
    """The server itself ends such a connection, or drops what it says."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    invite = (
        f"<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{alice.full}'/></x>"
        f"<x xmlns='jabber:x:conference' jid='{room}'/>"
    )

    for sender, to in [(alice.bare, bob.bare), (room, bob.bare), (f"bob@{stage_elsewhere.server.host}", alice.bare)]:
        connection = await evil.connect(here.host, here.s2s_port)
        connection.send(f"<message from='{sender}' to='{to}' id='forged'>{invite}</message>")
        connection.send(f"<message from='eve@evil.test' to='{to}' id='honest'><body>honest</body></message>")
        try:
            await connection.hears(rb"</stream:stream>")
        except StreamEnded:
            pass
    other = await evil.connect(here.host, here.s2s_port)
    for user in (alice, bob):
        other.send(f"<message from='eve@evil.test' to='{user.bare}' id='last'><body>last</body></message>")
        await user.expect(a("message", sender="eve@evil.test"))
        assert not user.received(native_invitation(room)) and not user.received(direct_invitation(room))
    assert await outcomes(relay) == []


async def test_it_sends_back_its_own_users_invitations_only(stage, stage_elsewhere, here, evil, relay):
    [alice] = await stage.people("alice")
    [bob] = await stage_elsewhere.people("bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, bob.bare)
    id = (await bob.expect(direct_invitation(room))).get("id")
    await relay.settled(1)
    connection = await evil.connect(here.host, here.s2s_port)

    # Errors with the id of another server's invitation: the module tells of them, the relay knows better.
    for sender in ("bob@evil.test", "evil.test"):
        connection.send(f"<message type='error' from='{sender}' to='{alice.bare}' id='{id}'>{ERROR}</message>")
    # It plays a module, and hands over.
    await connection.authorize("evil.test", here.component)
    for sender in (f"evil.test/{RESOURCE}", f"{here.muc}@evil.test/{RESOURCE}"):
        connection.send(
            f"<iq type='set' id='module' from='{sender}' to='{here.component}'>"
            f"<came-back xmlns='{HANDOVER}' id='{id}' from='{bob.bare}' to='{alice.bare}'/></iq>"
        )
        connection.send(f"<iq type='get' id='last' from='{sender}' to='{here.component}'><ping xmlns='urn:xmpp:ping'/></iq>")
        await evil.hears(rb"id=['\"]last['\"]")
        evil.heard = b""
    assert await outcomes(relay) == [("relayed", None)]
    assert not alice.received(told("could not be delivered"))

    # What went to its own users it may send back.
    alice.invite(room, "carol@evil.test")
    mine = (await evil.hears(rb"<message[^>]*\sid=['\"](" + id[: id.index("-")].encode() + rb"-\d+)"))[1].decode()
    connection.send(f"<message type='error' from='carol@evil.test' to='{alice.bare}' id='{mine}'>{ERROR}</message>")
    await alice.expect(told("could not be delivered"))
    assert await outcomes(relay) == [("failed", "bounced"), ("relayed", None)]
