"""Relays whose journal is in PostgreSQL: one server of it for all tests of a worker, a database for each.

A test may stop, kill and pause the server: it runs again for the next one. Tests of a scripted XMPP server run in one
worker; `relay` is beside a real one unless a file makes another.
"""

import pytest

from support.adhoc import Commands
from support.between import Between
from support.postgres import Postgres
from support.scripted import Scripted


@pytest.fixture(scope="session")
async def _shared_postgres(pool):
    # It ends before the pool does, which then ends all tasks that are left.
    server = Postgres()
    try:
        yield await server.make()
    finally:
        await server.remove()


@pytest.fixture
async def postgres(_shared_postgres, shows):
    """A server of PostgreSQL that runs, without databases."""
    # Not at the end of a test, when its relays may still run.
    await _shared_postgres.drop_databases()
    shows(_shared_postgres)
    yield _shared_postgres
    if _shared_postgres.process.running:
        _shared_postgres.resume()
    else:
        await _shared_postgres.start()


@pytest.fixture
async def database(postgres):
    return await postgres.new_database()


@pytest.fixture
def journal(database, tmp_path):
    """The section of the configuration."""
    return database.journal(tmp_path / "journal.key")


@pytest.fixture
def config(journal):
    return {"journal": journal}


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
async def scripted(setup, tmp_path):
    """A scripted XMPP server that listens."""
    server = Scripted(setup, tmp_path / "scripted")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def replication(postgres):
    """The way from the primary to the replica."""
    between = Between(postgres.port, b"nothing is looked for")
    await between.start()
    yield between
    await between.stop()


@pytest.fixture
async def primary(postgres):
    """A primary that may be killed; what was set meanwhile is forgotten."""
    yield postgres
    if postgres.process.running:
        await postgres.kill()
    (postgres.data / "postgresql.auto.conf").write_text("")
    await postgres.start()


@pytest.fixture
async def replica(primary, replication, database, shows):
    replica = Postgres()
    shows(replica)
    try:
        yield await replica.replicate(primary, replication.port)
    finally:
        await replica.remove()
