"""The relay beside the server of a scenario. A test gives its configuration by parametrising `config`."""

import pytest

from support.adhoc import Commands


@pytest.fixture
async def relay(server, relays, config):
    """A relay, connected, with an empty journal."""
    relay = relays(server, **config)
    await relay.start()
    return relay


@pytest.fixture
def commands(stage):
    """The relay's commands, for a client."""
    return lambda client: Commands(client, stage.server.component)


@pytest.fixture
def take(commands):
    """Says from whom a client's user takes invitations."""

    async def take(client, whom):
        answer = await commands(client).give("my-settings", {"takes": whom})
        assert answer.status == "completed", answer

    return take
