"""A relay beside a scripted server, for faults that real servers won't produce."""

import pytest

from faults.disk import SmallDisk
from support.scripted import Scripted

GENEROUS = {"per_inviter": "1000000/1m", "per_contact": "1000000/1m", "per_room": "1000000/1m"}
"""Limits that no test of faults runs into."""


@pytest.fixture
async def scripted(setup, tmp_path):
    """A scripted server that listens; `setup.privileges` decides in whose name invitations go out."""
    server = Scripted(setup, tmp_path / "scripted")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
def config():
    return {"log": {"level": "info"}, "limits": GENEROUS}


@pytest.fixture
async def relay(scripted, relays, config):
    """A relay, connected to the scripted server, with an empty journal."""
    relay = relays(scripted, **config)
    await relay.start()
    return relay


@pytest.fixture
def disk(tmp_path):
    """A small disk; only root can have one."""
    directory = tmp_path / "disk"
    directory.mkdir()
    disk = SmallDisk(directory)
    disk.mount()
    yield disk
    disk.unmount()
