"""Every server with its hand-over module, and a scripted component in the relay's place.

A test says by parametrising `timeout` how many seconds the relay has. It has a minute otherwise: what then
comes within a test's patience has not waited for the deadline.
"""

import pytest

from support.handover import KINDS, ScriptedRelay, new_setup, remote_domain, shared_setup
from support.stage import Stage
from support.table import PROPERTY


def pytest_generate_tests(metafunc):
    if "make" in metafunc.fixturenames:
        metafunc.parametrize("make", KINDS, ids=[kind.name for kind in KINDS], scope="session")


@pytest.fixture(autouse=True)
def _make_by_name(request, make):
    request.node.user_properties.append((PROPERTY, make.name))


@pytest.fixture
def timeout():
    return 60


@pytest.fixture
async def server(make, timeout, pool, shows):
    server = await pool.shared(make, shared_setup(make, timeout))
    shows(server.process)
    seen_before = len(server.process.output.all)
    yield server
    no_complaints(server.process.output.all[seen_before:])


@pytest.fixture
async def own_server(make, timeout, pool, shows):
    server = await pool.own(make, new_setup(make, timeout))
    shows(server.process)
    seen_before = len(server.process.output.all)
    yield server
    if server.process.running:
        await server.stop()
    no_complaints(server.process.output.all[seen_before:])


def no_complaints(output):
    """Fails if code of the server has failed, which nobody else would see."""
    errors = [line for line in output if "traceback" in line.lower() or "[error]" in line or "[critical]" in line]
    assert not errors, "\n".join(errors)


@pytest.fixture
async def relays():
    """Makes scripted relays, connected; they are gone after the test."""
    made = []

    async def make(server, secret=None):
        relay = ScriptedRelay(server, secret)
        made.append(relay)
        return await relay.connect()

    yield make
    for relay in made:
        await relay.disconnect()


@pytest.fixture
async def relay(server, relays):
    return await relays(server)


@pytest.fixture
async def remote(server):
    """The remote domain, connected."""
    remote = await remote_domain(server).connect()
    yield remote
    await remote.disconnect()


@pytest.fixture
async def stage(server):
    stage = Stage(server)
    yield stage
    await stage.empty()
