"""What a service manager hears of the relay (systemd's Type=notify), on a socket of its kind: ready, signs of life, the
end. And what `healthy` says at the same time."""

import asyncio
import contextlib
import signal
import socket
from pathlib import Path

import pytest

from faults.crowd import all_arrive, invite
from support.feed import WITHIN
from support.thread import Thread

WATCHDOG = 2
"""Seconds in which it wants to hear from the relay."""


class Manager:
    """What systemd is to a service: a datagram socket, which it reads all the time."""

    def __init__(self, path):
        self.path = path
        self.heard: list[str] = []
        self._unheard: list[str] = []
        self._more = asyncio.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def stop_reading(self):
        asyncio.get_running_loop().remove_reader(self._socket)

    def _read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self._unheard += self._socket.recv(4096).decode().splitlines()
                self._more.set()

    async def hears(self, word, within=WITHIN):
        """Waits for a line that begins like this and has not been waited for before; returns the rest."""
        try:
            async with asyncio.timeout(within):
                while True:
                    while self._unheard:
                        self.heard.append(self._unheard.pop(0))
                        if self.heard[-1].startswith(word):
                            return self.heard[-1].removeprefix(word)
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"not {word} but {self.heard}") from None

    def has_heard_meanwhile(self):
        """What has been said up to this moment and was not waited for."""
        self._read()
        heard, self._unheard = self._unheard, []
        return heard

    def close(self):
        self.stop_reading()
        self._socket.close()


@pytest.fixture
async def manager(tmp_path):
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def relay(scripted, relays, config, manager):
    """Not yet started."""
    relay = relays(scripted, **config)
    relay.env |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG * 1_000_000)}
    return relay


async def healthy(relay):
    """The exit code of `healthy`, and what it says."""
    process = await asyncio.create_subprocess_exec(*relay.argv("healthy"), stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


async def test_ready_alive_stopping(scripted, relay, manager):
    await relay.launch()
    await manager.hears("READY=1")
    assert await manager.hears("STATUS=") == f"connected as {scripted.component}"
    for _ in range(3):
        await manager.hears("WATCHDOG=1")
    assert await healthy(relay) == (0, "alive: connected")

    relay.process.signal(signal.SIGTERM)
    await manager.hears("STOPPING=1")
    assert await relay.process.ends() == 0
    assert await healthy(relay) == (1, f"failed: no relay runs with journal.path = {relay.journal}")


async def test_a_server_that_comes_later_and_goes(scripted, relay, manager):
    """The unit is up without it, and nobody kills the relay for it."""
    await scripted.kill()
    await relay.launch()
    await manager.hears("READY=1")
    assert (await manager.hears("STATUS=")).startswith("no connection: ")
    code, said = await healthy(relay)
    assert (code, said.startswith("alive: no connection: ")) == (0, True), said
    for _ in range(3):
        await manager.hears("WATCHDOG=1")

    await scripted.start()
    await manager.hears("STATUS=connected")
    await scripted.kill()
    await manager.hears("STATUS=no connection")
    await manager.hears("WATCHDOG=1")


async def test_a_refusal_is_a_failed_start(scripted, relay, manager):
    relay.config.write_text(relay.config.read_text().replace(scripted.secret, "another"))
    await relay.launch()
    assert await relay.process.ends() == 3
    assert "READY=1" not in manager.has_heard_meanwhile()


async def test_a_disk_that_does_not_answer(scripted, relay, manager):
    await relay.start()
    contacts = invite(scripted, 20)
    await all_arrive(scripted, relay, contacts)
    await manager.hears("WATCHDOG=1")

    disk = Thread(relay.process.pid, "sqlx-sqlite")
    disk.stand_still()
    contacts += invite(scripted, 20, "carol")
    await relay.process.says("the journal's disk has not answered")
    manager.has_heard_meanwhile()
    await relay.process.says("the journal's disk has not answered")
    assert "WATCHDOG=1" not in manager.has_heard_meanwhile()
    assert scripted.connections == 1

    disk.go_on()
    await manager.hears("WATCHDOG=1")
    assert await all_arrive(scripted, relay, contacts) == 0


async def test_a_full_disk_is_no_reason_to_kill_it(disk, scripted, relays, config, manager):
    relay = relays(scripted, **config, journal={"path": str(disk.directory / "journal.db")})
    relay.env |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG * 1_000_000)}
    await relay.start()
    disk.fill()
    contacts = invite(scripted, 2000, reason="Come & talk. " * 100)
    await relay.process.says("The disk is full")
    manager.has_heard_meanwhile()
    for _ in range(3):
        await manager.hears("WATCHDOG=1")
    code, said = await healthy(relay)
    assert (code, "The disk is full: free some space" in said) == (0, True), said

    disk.free()
    assert await all_arrive(scripted, relay, contacts) == 0


async def test_reading_the_configuration_again_is_over_when_it_says_so(scripted, relay, manager):
    await relay.start()
    await manager.hears("READY=1")
    relay.process.signal(signal.SIGHUP)
    await manager.hears("RELOADING=1")
    assert int(await manager.hears("MONOTONIC_USEC=")) > 0
    await relay.process.says("the configuration was read again")
    await manager.hears("READY=1")


async def test_a_manager_that_does_not_read_holds_nobody_up(scripted, relay, manager):
    await relay.start()
    manager.stop_reading()
    # Two messages each time, and more than may wait in the socket.
    for _ in range(int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())):
        relay.process.signal(signal.SIGHUP)
        await relay.process.says("the configuration was read again")

    contacts = invite(scripted, 20)
    assert await all_arrive(scripted, relay, contacts) == 0
