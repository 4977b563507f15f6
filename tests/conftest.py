"""Fixtures that every test with a real server shares: which servers, how set up, and a stage on each.

A test says how its server is set up by parametrising `setup`, and what it needs of it by `needs`. Unless EVERY_SERVER is
set, a test runs on the oldest and the newest version of each make; on those between if it is about what servers do
(`every_version`), and on the newest alone if no version can make it different (`one_of_each_make`).

    @pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no privileges"])
    @pytest.mark.needs("masked-inviter")
    async def test_…(stage): …
"""

import asyncio
import os
from zlib import crc32

import pytest
import pytest_asyncio

from support import notes
from support.pool import KINDS, Pool
from support.relay import Relay
from support.server import Setup
from support.stage import Stage
from support.table import PROPERTY, pytest_terminal_summary  # noqa: F401 (a hook of pytest)


ONE_OF_EACH_MAKE = ["ejabberd-26.07", "prosody-13.0"]
OLDEST_AND_NEWEST = ["ejabberd-23.01", "prosody-0.12", *ONE_OF_EACH_MAKE]

GROUPS_OF_A_SERVER = 3

MARKS_CHOOSE_THE_LOOP = hasattr(pytest_asyncio, "is_async_test")


def pytest_addoption(parser):
    parser.addoption(
        "--server", action="append", choices=sorted(KINDS), help="run on this server only; may be given again"
    )


def pytest_configure(config):
    config.pluginmanager.register(notes)
    config.addinivalue_line("markers", "needs(*words): what the server must be able to do (Server.lacks)")
    config.addinivalue_line("markers", "one_of_each_make(*makes): on the newest versions only, of these makes if some are named, unless EVERY_SERVER is set or --server given")
    config.addinivalue_line("markers", "every_version: on the versions between the oldest and the newest as well")


def pytest_generate_tests(metafunc):
    if "kind" in metafunc.fixturenames:
        names = metafunc.config.getoption("server") or _servers(metafunc.definition)
        metafunc.parametrize("kind", [KINDS[name] for name in names], ids=names, scope="session")


def _servers(test):
    if os.environ.get("EVERY_SERVER") or test.get_closest_marker("every_version"):
        return list(KINDS)
    one_of_each = test.get_closest_marker("one_of_each_make")
    if not one_of_each:
        return OLDEST_AND_NEWEST
    return [name for name in ONE_OF_EACH_MAKE if name.startswith(one_of_each.args or "")]


@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(items):
    """With `--dist loadgroup` a server's tests are parted by their files into some groups, each of which runs in one worker,
    so that few servers are started; the slower first. Those of a file stay together, so that they share what the file makes
    for them: pytest, which goes by servers alone, would mix the files."""
    for item in items:
        if kind := _kind(item):
            item.add_marker(pytest.mark.xdist_group(_group(item, kind)))
        if MARKS_CHOOSE_THE_LOOP and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    yield
    items.sort(key=_place)


def _group(item, kind) -> str:
    return f"{kind.name} {crc32(item.path.name.encode()) % GROUPS_OF_A_SERVER}"


def _place(item) -> tuple[bool, str, str]:
    kind = _kind(item)
    return not (kind and kind.name.startswith("ejabberd")), _group(item, kind) if kind else "", str(item.path)


def _kind(item):
    """The server of a test, if it has a real one."""
    return item.callspec.params.get("kind") if hasattr(item, "callspec") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the programs said while it ran."""
    report = (yield).get_result()
    if report.failed:
        for program, seen_before in getattr(item, "programs", []):
            report.sections.append((f"output of {program.name}", "\n".join(program.output.all[seen_before:])))


# One loop for all: servers outlive the test that started them. From 0.23 on (Debian 13) pytest-asyncio is told so by marks
# and pytest.ini, before (Debian 12) by this fixture.
if not MARKS_CHOOSE_THE_LOOP:

    @pytest.fixture(scope="session")
    def event_loop():
        loop = asyncio.new_event_loop()
        yield loop
        loop.close()


@pytest.fixture(scope="session")
async def pool(tmp_path_factory):
    pool = Pool(tmp_path_factory.mktemp("servers"))
    yield pool
    await pool.stop()
    # slixmpp leaves its send queues running.
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@pytest.fixture
def setup():
    """How the server is set up; tests parametrise this."""
    return Setup()


@pytest.fixture
def shows(request):
    """Makes a program's output part of the report if the test fails."""
    request.node.programs = []
    return lambda program: request.node.programs.append((program, len(program.output.all)))


@pytest.fixture(autouse=True)
def _server_by_name(request):
    """Tells the table which server this is, and leaves out what that server can't do."""
    if "kind" not in request.fixturenames:
        return
    kind = request.getfixturevalue("kind")
    request.node.user_properties.append((PROPERTY, kind.name))
    for word in (word for marker in request.node.iter_markers("needs") for word in marker.args):
        if word in kind.lacks:
            pytest.skip(f"not supported by {kind.name}: {kind.lacks[word]}")


@pytest.fixture
async def server(kind, setup, pool, shows):
    """A server that this test shares with others."""
    server = await pool.shared(kind, setup)
    shows(server.process)
    return server


@pytest.fixture
async def own_server(kind, setup, pool, shows):
    """A server that this test may stop and kill."""
    server = await pool.own(kind, setup)
    shows(server.process)
    yield server
    if server.process.running:
        await server.stop()


@pytest.fixture
async def stage(server):
    stage = Stage(server)
    yield stage
    await stage.empty()


@pytest.fixture
async def own_stage(own_server):
    stage = Stage(own_server)
    yield stage
    await stage.empty()


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
        shows(relay)
        return relay

    yield make
    for relay in made:
        if relay.process.running:
            await relay.stop()
