"""The configuration read again while the relay runs: by SIGHUP, and by an admin's command."""

import signal

import pytest

from support.stanzas import direct_invitation, invitation, notice

pytestmark = pytest.mark.one_of_each_make


class File:
    """The configuration of a relay that runs."""

    def __init__(self, server, relay):
        self._server = server
        self._relay = relay

    def write(self, **overrides):
        self._relay.config.write_text(self._server.relay_config(self._relay.journal, **overrides))

    def spoil(self):
        self._relay.config.write_text("[relay]\nwindow = 'soon'\n")

    async def hang_up(self):
        """SIGHUP; returns what the relay says of it."""
        self._relay.process.signal(signal.SIGHUP)
        return await self._relay.process.says("configuration")


@pytest.fixture
def file(server, relay):
    return File(server, relay)


async def test_what_can_change_does_at_once(stage, relay, file):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare), "first")
    assert invitation(await bob.expect(direct_invitation(room))).reason == "first"

    file.write(relay={"max_reason": 3}, log={"level": "info"})
    said = await file.hang_up()

    assert "was read again; changed: log.level, relay.max_reason" in said
    alice.invite(room, stage.relay_address(carol.bare), "second")
    assert invitation(await carol.expect(direct_invitation(room))).reason == "se…"
    assert "link is down" not in relay.log


@pytest.mark.parametrize("config", [{"log": {"level": "info"}}], ids=["info"])
async def test_the_log_says_more_at_once(stage, relay, file, commands):
    [alice] = await stage.people("alice")
    await commands(alice).give("my-data")
    assert "my-data" not in relay.log

    file.write(log={"level": "info,muc_invite_relay::commands=debug"})
    await file.hang_up()
    await commands(alice).give("my-data")

    assert "DEBUG" in await relay.process.says("my-data")


async def test_what_can_not_change_is_named(stage, relay, file):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    file.write(component={"jid": "other.example.test"}, relay={"window": "1h"})
    said = await file.hang_up()

    assert "changed: log.level, relay.window" in said
    assert "after a restart only: component.jid" in await relay.process.says("as well")
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


async def test_a_new_service_is_believed_on_a_new_connection(stage, relay, file):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    rooms = [await alice.create_room(stage.room()) for _ in range(5)]
    elsewhere = await alice.create_room(stage.room(service=stage.server.other_muc))
    alice.invite(elsewhere, stage.relay_address(carol.bare))
    [record] = await relay.settled(1)
    assert record["reason"] == "untrusted"

    for room in rooms:
        alice.invite(room, stage.relay_address(bob.bare))
    await relay.has_taken_in(6)
    file.write(muc={"services": [stage.server.muc, stage.server.other_muc]})
    said = await file.hang_up()

    assert "muc.services" in said and "restart" not in said
    await relay.connected()
    for room in rooms:
        await bob.expect(direct_invitation(room))
        assert len(await stage.reached(bob, room)) == 1
    alice.invite(elsewhere, stage.relay_address(carol.bare))
    await carol.expect(direct_invitation(elsewhere))


async def test_a_secret_that_is_refused_and_then_the_right_one(stage, relay, file):
    """The relay goes on, and connects as soon as it has the right one."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    file.write(component={"secret": "hush-4711"})
    assert "component.secret" in await file.hang_up()
    await relay.process.says("no link: ")
    file.write()
    await file.hang_up()
    await relay.connected()

    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    assert "hush-4711" not in relay.log


async def test_a_wrong_one_changes_nothing(stage, relay, file):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    file.spoil()
    said = await file.hang_up()

    assert "the relay goes on with the one that it has" in said
    assert 'relay.window is "soon": write a duration' in said
    assert "component.jid is missing" in said
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))


@pytest.mark.parametrize("config", [{"limits": {"per_inviter": "2/1h"}}], ids=["two in an hour"])
async def test_it_is_no_amnesty(stage, relay, file):
    alice, *contacts = await stage.people("alice", "bob", "carol", "dave", "erin")
    room = await alice.create_room(stage.room())

    async def invited(contact):
        alice.invite(room, stage.relay_address(contact.bare))
        return (await relay.settled(1, "--contact", contact.bare))[0]["state"]

    assert [await invited(contact) for contact in contacts[:2]] == ["relayed", "relayed"]
    file.write(limits={"per_inviter": "3/1h"})
    assert "limits.per_inviter" in await file.hang_up()

    assert [await invited(contact) for contact in contacts[2:]] == ["relayed", "refused"]
    await alice.expect(notice(room))


async def test_an_admin_may_say_so(stage, server, relays, commands):
    alice, mallory = await stage.people("alice", "mallory")
    relay = relays(server, admins={"jids": [alice.bare]})
    await relay.start()
    file = File(server, relay)
    assert await commands(mallory).refused("reload") == "forbidden"

    services = [server.muc, server.other_muc]
    file.write(admins={"jids": [alice.bare, mallory.bare]}, muc={"services": services}, log={"format": "json"})
    done = await commands(alice).give("reload")

    assert done.lines("changed") == ["admins.jids", "log.level", "muc.services"]
    assert done.fields["restart"] == "log.format"
    await relay.connected()
    file.spoil()
    failed = await commands(mallory).give("reload")
    assert "goes on with the one that it has" in failed.notes[0]
    assert 'relay.window is "soon"' in "\n".join(failed.lines("wrong"))
