"""The relay beside the server of a scenario. A test gives its configuration by parametrising `config`."""

import pytest

from support.relay import Relay


@pytest.fixture
def config():
    """Sections of the relay's configuration that differ from the defaults."""
    return {}


@pytest.fixture
async def relays(tmp_path, shows):
    """Makes relays for a server; whatever still runs after the test must end well."""
    made = []

    def make(server, **overrides):
        directory = tmp_path / f"relay-{len(made)}"
        directory.mkdir()
        relay = Relay(server, directory, **overrides)
        made.append(relay)
        shows(relay.process)
        return relay

    yield make
    for relay in made:
        if relay.process.running:
            await relay.stop()


@pytest.fixture
async def relay(server, relays, config):
    """A relay, connected, with an empty journal."""
    relay = relays(server, **config)
    await relay.start()
    return relay
