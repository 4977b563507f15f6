"""Every server with its hand-over module, and a scripted component in the relay's place.

A test says by parametrising `timeout` how many seconds the relay has. It has a minute otherwise: what then
comes within a test's patience has not waited for the deadline.
"""

import pytest

from support.handover import ScriptedRelay
from support.server import Setup


@pytest.fixture
def timeout():
    return 60


@pytest.fixture
def setup(timeout):
    return Setup(hand_over=timeout)


@pytest.fixture(autouse=True)
def _no_complaints(request, shows):
    """Fails if code of the server has failed, which nobody else would see."""
    yield
    for program, seen_before in request.node.programs:
        output = program.output.all[seen_before:]
        errors = [
            line
            for line, following in zip(output, [*output, ""][1:], strict=True)
            if "traceback" in line.lower() or "[error]" in line or "[critical]" in line
            # Erlang gives its own parts 2 s to end, and reports a machine that takes longer.
            if "sasl_safe_sup" not in following
        ]
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
async def remote(stage):
    return await stage.remote()
