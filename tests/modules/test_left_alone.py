"""What is never handed over, and goes the way it would go without the module."""

import pytest

from support import stanzas
from support.stanzas import native_invitation

pytestmark = pytest.mark.every_version


async def test_an_invitation_to_an_address_on_the_relay(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    alice.invite(room, stage.relay_address(bob.bare))

    native = await relay.expect(native_invitation(room))
    assert native.get("to") == stage.relay_address(bob.bare)
    assert not relay.was_handed(room)


async def test_an_invitation_from_an_address_on_the_relay(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    me = stage.relay_address(alice.bare)
    relay.send(f"<presence from='{me}/desk' to='{room}/Relay'><x xmlns='{stanzas.MUC}'/></presence>")
    await relay.expect(stanzas.a("presence", sender=room))

    relay.send(stanzas.mediated_invitation(room, bob.bare, **{"from": f"{me}/desk"}))

    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)


async def test_an_invitation_from_another_servers_user(stage, relay, remote):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), member_invites=True)
    mallory = f"mallory@{remote.jid}/desk"
    remote.send(f"<presence from='{mallory}' to='{room}/Mallory'><x xmlns='{stanzas.MUC}'/></presence>")
    await remote.expect(stanzas.a("presence", sender=room))

    remote.send(stanzas.mediated_invitation(room, bob.bare, **{"from": mallory}))

    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)


async def test_an_invitation_from_another_servers_room(stage, relay, remote):
    alice, bob = await stage.people("alice", "bob")
    room = f"tea@{remote.jid}"

    invite = f"<x xmlns='{stanzas.MUC_USER}'><invite from='{alice.full}'/></x>"
    remote.send(f"<message from='{room}' to='{bob.bare}'>{invite}</message>")

    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)


async def test_an_invitation_from_a_room_of_another_service(stage, relay):
    """Prosody's module is not loaded there; ejabberd's is told so by an access rule."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(service=stage.server.other_muc))

    alice.invite(room, bob.bare)

    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)
