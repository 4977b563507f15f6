"""Two real servers that talk to each other over loopback, each of a make of its own, and a name server.

`here` is the server beside which the relay runs, `elsewhere` the other one. A test says by parametrising `setup` how
the first is set up, and by `setup_elsewhere` the second.
"""

import dataclasses

import pytest

from support.names import NameServer
from support.pool import KINDS
from support.server import Setup
from support.stage import Stage

OTHER_MAKE = {
    "prosody-0.12": "ejabberd-23.01",
    "prosody-13.0": "ejabberd-24.12",
    "ejabberd-23.01": "prosody-0.12",
    "ejabberd-24.12": "prosody-13.0",
    "ejabberd-26.07": "prosody-13.0",
}


@pytest.fixture(scope="session")
async def names():
    names = NameServer()
    await names.start()
    yield names
    names.stop()


@pytest.fixture
def setup(names):
    return Setup(hand_over=60, names=names.port)


@pytest.fixture
def setup_elsewhere():
    return Setup()


@pytest.fixture
def domain():
    """The domain of the server elsewhere. Servers of other tests don't know a new one."""
    return "b.test"


def _known(server, names):
    for domain in (server.host, server.muc):
        names.servers[domain] = server.s2s_port
    return server


@pytest.fixture
async def here(kind, setup, names, pool, shows):
    server = await pool.shared(kind, dataclasses.replace(setup, names=names.port))
    shows(server.process)
    # The relay's messages to people elsewhere come from its own domain.
    names.servers[server.component] = server.s2s_port
    return _known(server, names)


@pytest.fixture
def _elsewhere(kind, setup_elsewhere, domain, names):
    """Kind and setup of the server elsewhere."""
    setup = dataclasses.replace(setup_elsewhere, host=domain, muc=f"conference.{domain}", names=names.port)
    return KINDS[OTHER_MAKE[kind.name]], setup


@pytest.fixture
async def elsewhere(_elsewhere, names, pool, shows):
    server = await pool.shared(*_elsewhere)
    shows(server.process)
    return _known(server, names)


@pytest.fixture
async def own_stage_elsewhere(_elsewhere, names, pool, shows):
    """Another one, which the test may stop and kill."""
    server = await pool.own(*_elsewhere)
    shows(server.process)
    stage = Stage(_known(server, names))
    yield stage
    await stage.empty()
    if server.process.running:
        await server.stop()


@pytest.fixture
async def stage(here):
    stage = Stage(here)
    yield stage
    await stage.empty()


@pytest.fixture
async def stage_elsewhere(elsewhere):
    stage = Stage(elsewhere)
    yield stage
    await stage.empty()


@pytest.fixture
async def relay(here, relays, config):
    """A relay beside the server here, connected, with an empty journal."""
    relay = relays(here, **config)
    await relay.start()
    return relay
