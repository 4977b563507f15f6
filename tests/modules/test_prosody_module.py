"""What Prosody's module alone does: rooms can opt out, and who is online is not left to the offline storage."""

import pytest

from support import stanzas
from support.prosody import Prosody
from support.stanzas import native_invitation

FIELD = "{urn:x-muc-invite-relay:0}name_inviter"


@pytest.fixture(autouse=True)
def _only_prosody(kind):
    if not issubclass(kind, Prosody):
        pytest.skip(f"not supported by {kind.name}: its rooms always name the inviter")


async def name_inviter(owner, room, value):
    fields = {"FORM_TYPE": "http://jabber.org/protocol/muc#roomconfig", FIELD: value}
    filled = "".join(f"<field var='{name}'><value>{text}</value></field>" for name, text in fields.items())
    form = f"<x xmlns='{stanzas.DATA}' type='submit'>{filled}</x>"
    answer = await owner.iq(room, f"<query xmlns='{stanzas.MUC_OWNER}'>{form}</query>", kind="set")
    assert answer.get("type") == "result", stanzas.show(answer)


async def names_inviter(owner, room):
    form = await owner.iq(room, f"<query xmlns='{stanzas.MUC_OWNER}'/>")
    [field] = (field for field in form.iter(f"{{{stanzas.DATA}}}field") if field.get("var") == FIELD)
    return field.findtext(f"{{{stanzas.DATA}}}value")


async def test_a_room_can_opt_out_and_in_again(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    assert await names_inviter(alice, room) == "1"

    await name_inviter(alice, room, "0")
    assert await names_inviter(alice, room) == "0"
    alice.invite(room, bob.bare)
    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)

    await name_inviter(alice, room, "1")
    alice.invite(room, bob.bare)
    relay.accept(await relay.handed_over(room))


async def test_a_room_stays_out_when_the_server_comes_back(own_stage, relays):
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room())
    await name_inviter(alice, room, "0")

    await own_stage.server.restart()

    relay = await relays(own_stage.server)
    alice, bob = await own_stage.log_in(alice.bare), await own_stage.log_in(bob.bare)
    alice.invite(room, bob.bare)
    await bob.expect(native_invitation(room))
    assert not relay.was_handed(room)


async def test_who_is_online_when_the_server_stops_gets_it_before_his_stream_ends(own_stage, relays):
    relay = await relays(own_stage.server)
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room())

    alice.invite(room, bob.bare)
    await relay.handed_over(room)
    await own_stage.server.stop()

    await bob.expect(native_invitation(room))
