"""ejabberd takes several connections of one component. With the module the newest wins: it has ended the others before it
is told its privileges, so that it keeps them."""

import asyncio

import pytest

from support import stanzas
from support.handover import invited
from support.printed import replaced
from support.raw import RawComponent, StreamEnded
from support.stanzas import direct_invitation, native_invitation

pytestmark = [pytest.mark.every_version, pytest.mark.needs("several-connections")]

MANY = 20


def raw(server, jid=None):
    return RawComponent(jid or server.component, server.secret, server.component_port)


async def granted(relay):
    """A relay that has been told its privileges."""
    return await (await relay).granted()


async def speaks_for(relay, inviter, contact, stage):
    """Whether what it sends in this user's name arrives."""
    room = stage.room()
    relay.invite_as(inviter.bare, contact.bare, room, "0")
    return (await contact.expect(direct_invitation(room))).get("from") == inviter.bare


async def test_the_older_one_is_told_why_it_ends(stage, relays):
    old = await raw(stage.server).connect()

    await relays(stage.server)

    said = await old.hears(rb"</stream:stream>")
    assert b"<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" in said
    assert b"Replaced by a new connection" in said


async def test_the_newest_has_everything(stage, relays):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    old = await granted(relays(stage.server))
    assert await speaks_for(old, alice, bob, stage)

    new = await granted(relays(stage.server))

    for number in range(MANY):
        contact = f"{number}-{bob.bare}"
        alice.invite(room, stage.relay_address(contact))
        await new.expect(invited(room, stage.relay_address(contact), by=native_invitation))
        alice.invite(room, contact)
        new.accept(await new.handed_over(room))
        assert await speaks_for(new, alice, bob, stage)
    assert not old.received(native_invitation(room)) and not old.was_handed(room)


async def test_what_the_older_one_was_asked_is_delivered_at_once(stage, relays):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    old = await relays(stage.server)
    alice.invite(room, bob.bare)
    await old.handed_over(room)

    await relays(stage.server)

    await bob.expect(native_invitation(room), within=1)


async def test_an_older_one_that_takes_nothing_any_more_is_killed(stage, relays):
    """The server's process for it is stuck in writing, and hears nothing."""
    alice, bob = await stage.people("alice", "bob")
    old = await raw(stage.server).connect()
    await fill(stage.server, alice)

    async with asyncio.timeout(8):
        new = await granted(relays(stage.server))

    await stage.server.process.says("killed")
    for _ in range(MANY):
        assert await speaks_for(new, alice, bob, stage)
        await new.passed(f"{stage.server.host}/barrier")
    old.cut()


async def fill(server, sender):
    """Sends to the component until nothing more fits into its connection."""
    text = "x" * 60_000
    for number in range(400):
        await sender.pour(f"<message to='{server.component}' id='{number}'><body>{text}</body></message>")
    await sender.passed(server.host)


async def test_many_at_once(stage, relays):
    """Those that wait for the end of one that waits for theirs would have to be killed."""
    alice, bob = await stage.people("alice", "bob")
    said = len(stage.server.process.output.all)

    others = await asyncio.gather(*(raw(stage.server).open() for _ in range(10)))
    for other in others:
        # Either it was accepted, or it has been replaced before.
        await other.hears(rb"<handshake|<conflict")
    newest = await granted(relays(stage.server))

    for other in others:
        with pytest.raises(StreamEnded):
            await other.hears(rb"what is never said")
    assert not any("killed" in line for line in stage.server.process.output.all[said:])
    for _ in range(MANY):
        assert await speaks_for(newest, alice, bob, stage)
        await newest.passed(f"{stage.server.host}/barrier")


async def test_of_two_at_the_same_time_one_is_left(stage):
    """Neither takes the other one for the older."""
    server = stage.server
    for number in range(400):
        two = await asyncio.gather(raw(server).open(), raw(server).open())
        # The one that is left is accepted last.
        await asyncio.gather(*(relay.hears(rb"<handshake") for relay in two))
        assert sorted([await stays(relay, server) for relay in two]) == [False, True], number
        for relay in two:
            relay.cut()


async def stays(relay, server):
    ping = f"<ping xmlns='{stanzas.PING}'/>"
    relay.send(f"<iq type='get' id='ping' from='{relay.jid}' to='{server.host}/barrier'>{ping}</iq>")
    try:
        await relay.hears(rb"id=.ping")
    except StreamEnded:
        return False
    return True


async def test_other_domains_are_not_the_modules_business(stage, relays):
    server = stage.server
    [alice] = await stage.people("alice")
    remote = [await RawComponent(server.remote, server.secret, server.remote_port).connect() for _ in range(2)]

    await relays(server)

    for number, component in enumerate(remote):
        component.send(f"<message from='{number}@{server.remote}' to='{alice.full}'/>")
        await alice.expect(stanzas.a("message", sender=f"{number}@{server.remote}"))
        component.cut()


async def test_another_component_of_a_shared_listener_ends_nobody(own_stage, relays):
    """Without `global_routes: false` a component is connected for all hosts of its listener: nobody can tell who is who.
    What one of the two was asked is delivered when both are gone, since nobody can tell which one that was."""
    server = own_stage.server
    server.alter = lambda text: shared_listener(text, server)
    await server.restart()
    [alice] = await own_stage.people("alice")
    remote = await own_stage.remote()
    room = await alice.create_room(own_stage.room())
    relay = await relays(server)
    another = await raw(server, f"another.{server.host}").connect()

    contacts = {f"bob{number}@{remote.jid}" for number in range(MANY)}
    for contact in contacts:
        alice.invite(room, contact)
    await another.hears(rb"<handover")
    await relay.handed_over(room)
    another.send("</stream:stream>")
    with pytest.raises(StreamEnded):
        await another.hears(rb"what is never said")

    # What that end does, it has done before this one is delivered.
    carol = f"carol@{remote.jid}"
    alice.invite(room, carol)
    relay.refuse(await handed_over(relay, room, carol))
    await remote.expect(invited(room, carol, by=native_invitation))
    assert len(remote.received(native_invitation(room))) == 1
    relay.cut()
    for contact in contacts:
        await remote.expect(invited(room, contact, by=native_invitation))


async def handed_over(relay, room, contact):
    while (handover := await relay.handed_over(room)).contact != contact:
        pass
    return handover


def shared_listener(text, server):
    """Another component has the listener of the relay's as well."""
    text = replaced(text, "    global_routes: false\n", "")
    return replaced(text, "    hosts:\n", f'    hosts:\n      "another.{server.host}": {{password: "{server.secret}"}}\n')
