"""The relay beside the server of a scenario. A test gives its configuration by parametrising `config`."""

import pytest


@pytest.fixture
async def relay(server, relays, config):
    """A relay, connected, with an empty journal."""
    relay = relays(server, **config)
    await relay.start()
    return relay
