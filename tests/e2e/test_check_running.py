"""`check` is never green about a relay that does not do its work, says why within ten seconds, and costs a relay that does
nothing."""

import asyncio
import contextlib
import signal
import sqlite3
import time

import pytest

from faults.disk import SmallDisk
from support.checking import Checked, check
from support.client import Component
from support.server import Server
from support.stanzas import direct_invitation

pytestmark = pytest.mark.one_of_each_make

OTHERWISE_WELL = ("--without", "hand-over,disk")
SLACK = 10
"""Seconds that a busy machine may take on top of those that are promised."""


@pytest.fixture
def disk(tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    disk.directory.mkdir()
    disk.mount()
    yield disk
    disk.unmount()


async def soon(relay, *options: str) -> Checked:
    """What it says, in time."""
    begun = time.monotonic()
    checked = await check(relay, *OTHERWISE_WELL, *options)
    assert time.monotonic() - begun < 10 + SLACK
    return checked


def only(checked: Checked, what: str) -> dict[str, str]:
    """The one line that is not well; with a remedy, and an exit code that says so."""
    assert [finding["what"] for finding in checked.wrong] == [what], checked.wrong
    assert checked.code == 1
    [line] = checked.wrong
    assert line["remedy"]
    return line


async def test_a_relay_that_was_stopped(relay):
    assert (await soon(relay)).code == 0
    await relay.stop()
    line = only(await soon(relay), "relay")
    assert line["found"] == "does not run"
    assert "systemctl" in line["remedy"]


async def test_a_relay_that_was_killed(relay):
    await relay.kill()
    assert "crashed, was killed" in only(await soon(relay), "relay")["found"]


async def test_a_relay_that_crashes_again_and_again(relay):
    for _ in range(2):
        await relay.restart(crash=True)
        assert "may crash again and again" in only(await soon(relay), "relay")["found"]
    # Told to end, it has ended well.
    await relay.restart()
    assert (await soon(relay)).code == 0


async def test_a_relay_that_hangs(relay):
    relay.process.signal(signal.SIGSTOP)
    try:
        line = only(await soon(relay), "relay")
        assert f"process {relay.process.pid} does not answer: it has been stopped by a signal" == line["found"]
    finally:
        relay.process.signal(signal.SIGCONT)
    # ejabberd may have taken what it had granted away, with a connection that ended a moment before this one began.
    async with asyncio.timeout(60):
        while (await soon(relay)).code:
            pass


async def test_a_server_that_hangs(own_server, relays):
    relay = relays(own_server)
    await relay.start()
    own_server.process.signal(signal.SIGSTOP)
    try:
        checked = await soon(relay)
        assert checked.code == 1
        assert checked.state("connection") == "failed"
    finally:
        own_server.process.signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("section", "key", "value", "remedy"),
    [
        ("limits", "per_room", "7/1h", "reload"),
        ("muc", "membership", "require", "reload"),
        # Not tried: the server has another one, and the relay would lose its connection.
        ("component", "secret", "another secret for tests", "SIGHUP"),
        ("journal", "path", "/nowhere/journal.db", None),
    ],
)
async def test_a_configuration_that_was_changed_and_not_read(server, relay, section, key, value, remedy):
    before = relay.config.read_text()
    relay.config.write_text(server.relay_config(relay.journal, **{section: {key: value}, "log": {"level": "debug"}}))
    if section == "limits":
        relay.config.write_text(before.replace('per_room = "1000000/1s"', 'per_room = "7/1h"'))

    checked = await soon(relay)

    assert checked.code == 1
    if remedy is None:
        # Nobody can ask the relay of another journal; but somebody is connected, so nothing is risked.
        assert checked.state("connection") == "failed"
        return
    line = only(checked, "configuration")
    assert line["of"] == "in use"
    assert f"{section}.{key}" in line["found"]
    assert remedy in line["remedy"]
    if remedy == "reload":
        relay.process.signal(signal.SIGHUP)
        await relay.process.says("was read again")
        assert (await soon(relay)).code == 0
    relay.config.write_text(before)


async def test_a_configuration_that_has_become_wrong(relay, tmp_path, relays, server):
    other = relays(server, journal={"path": str(relay.journal)})
    relay.config.write_text("[relay]\nwindow = 'soon'\n")
    line = only(await soon(other), "configuration")
    assert "relay.window" in line["found"]


async def test_a_full_disk(disk, server, relays):
    relay = relays(server, journal={"path": str(disk.directory / "journal.db")})
    await relay.start()
    disk.fill()
    checked = await check(relay, "--without", "hand-over")
    assert checked.code == 1
    assert checked.state("disk") == "failed"
    assert "nothing more can be written" in checked.found("disk")
    disk.free()
    # It is a small one.
    assert (await check(relay, "--without", "hand-over")).state("disk") == "missing"


@pytest.fixture
async def ejabberd(own_stage):
    if "conflict" not in own_stage.server.lacks:
        pytest.skip("it takes one connection of a component only")
    return own_stage


async def test_two_relays(ejabberd, relays):
    first, second = relays(ejabberd.server), relays(ejabberd.server)
    await first.start()
    assert (await soon(first)).code == 0
    await second.start()
    for relay in (first, second):
        checked = await soon(relay)
        assert checked.code == 1
        assert checked.state("arrivals") == "failed"
        assert "another relay is connected" in checked.found("arrivals")
        assert "stop the other" in checked.line("arrivals")["remedy"]


def shared(text: str) -> str:
    """Another component under `hosts` of the relay's listener, and nothing keeps them apart."""
    apart = "    global_routes: false\n"
    hosts = "    hosts:\n"
    assert apart in text and text.count(hosts) == 1
    return text.replace(apart, "").replace(hosts, f'{hosts}      "other.example.test": {{password: "{Server.secret}"}}\n')


async def test_a_listener_that_is_shared(ejabberd, relays):
    server = ejabberd.server
    server.alter = shared
    await server.restart()
    relay = relays(server)
    await relay.start()
    assert (await soon(relay)).code == 0
    other = Component("other.example.test", server.secret, server.component_port)
    await other.connect()
    try:
        line = only(await soon(relay), "arrivals")
        assert "`hosts` of the same listener" in line["found"]
        assert "global_routes: false" in line["remedy"]
    finally:
        await other.disconnect()


async def test_a_listener_as_it_is_printed(ejabberd, relays):
    """With another component below, which is no harm then."""
    server = ejabberd.server
    apart = "    global_routes: false\n"
    server.alter = lambda text: shared(text).replace("    hosts:\n", f"{apart}    hosts:\n")
    await server.restart()
    relay = relays(server)
    await relay.start()
    other = Component("other.example.test", server.secret, server.component_port)
    await other.connect()
    try:
        assert (await soon(relay)).code == 0
    finally:
        await other.disconnect()


@pytest.mark.parametrize("as_what", ["another configuration", "no socket", "no journal either"])
async def test_it_never_takes_a_relays_privileges(own_stage, relays, as_what):
    """A second connection that opens and closes would do so on ejabberd, and put the relay off on Prosody."""
    relay, other = relays(own_stage.server), relays(own_stage.server)
    await relay.start()
    seen_before = len(relay.output.all)
    if as_what == "no socket":
        other = relay
        relay.journal.with_name(f"{relay.journal.name}.sock").unlink()
    if as_what == "no journal either":
        other = relay
        for path in relay.journal.parent.glob("journal.db*"):
            path.unlink()

    checked = await soon(other)

    assert checked.code == 1
    assert not any(line["what"] in ("messages", "rooms") for line in checked.findings)
    assert "link is" not in "\n".join(relay.output.all[seen_before:])
    if as_what != "another configuration":
        return
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room())
    alice.invite(room, own_stage.relay_address(bob.bare))
    assert (await bob.expect(direct_invitation(room))).get("from").startswith(alice.bare)


async def serve(answer: bytes | None):
    """Something that listens, and says this to whoever speaks; or nothing."""

    async def talk(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
                writer.write_eof()
            await reader.read()
            writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "a web server"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server"),
        (None, "says nothing"),
    ],
    ids=["HTTP", "SSH", "silent"],
)
async def test_a_peer_that_speaks_no_xmpp(server, relays, answer, found):
    peer = await serve(answer)
    async with peer:
        port = peer.sockets[0].getsockname()[1]
        relay = relays(server, component={"server": f"127.0.0.1:{port}"})
        checked = await soon(relay, "--without", "relay")
    assert found in only(checked, "connection")["found"]


async def accept_and_be_silent(reader, writer):
    """A server that takes the handshake, and then hangs."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"jabber:component:accept")
        writer.write(
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
            b" xmlns:stream='http://etherx.jabber.org/streams' id='1'><handshake/>"
        )
        await writer.drain()
        while await reader.read(4096):
            pass
    writer.close()


async def test_everything_hangs_at_the_same_time(server, relays):
    """The waits don't add up."""
    peer = await asyncio.start_server(accept_and_be_silent, "127.0.0.1", 0)
    async with peer:
        port = peer.sockets[0].getsockname()[1]
        relay = relays(server, component={"server": f"127.0.0.1:{port}"})
        await relay.launch()
        await relay.process.says("the journal is open")
        await relay.stop()
        with contextlib.closing(sqlite3.connect(relay.journal, isolation_level=None)) as holder:
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
            holder.execute("BEGIN EXCLUSIVE")
            checked = await soon(relay, "--without", "relay")
    assert checked.code == 1
    assert checked.state("journal") == "failed"
    assert checked.state("connection") == "failed"
    assert "the server does not answer" in checked.found("connection")


async def test_the_port_for_clients(server, relays):
    relay = relays(server, component={"server": f"127.0.0.1:{server.c2s_port}"})
    assert "port for clients" in only(await soon(relay, "--without", "relay"), "connection")["found"]
    await relay.launch()
    await relay.process.says("port for clients")
