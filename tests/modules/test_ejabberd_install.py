"""The commands in the first lines of ejabberd's module install it, as they say."""

import re

import pytest

from support.ejabberd import CONFIG, MODULE, Ejabberd
from support.process import run
from support.server import Setup
from support.stanzas import native_invitation

pytestmark = pytest.mark.every_version


@pytest.fixture(autouse=True)
def _only_ejabberd(kind):
    if not issubclass(kind, Ejabberd):
        pytest.skip(f"not supported by {kind.name}: its modules are not installed by a command")


@pytest.fixture
def setup():
    """Without the module."""
    return Setup()


def commands(server):
    """What the module's first lines tell operators to do, with this server's names in it."""
    source = (CONFIG / f"{MODULE}.erl").read_text()
    [block] = re.findall(r"^%%% To install it.*\n%%%\n((?:%%%   .*\n)+)", source, re.MULTILINE)
    lines = [line.removeprefix("%%%   ") for line in block.splitlines()]
    assert lines[-1] == f"ejabberdctl module_install {MODULE}"
    run = f"bash {server.directory}/ejabberdctl --config-dir {server.directory} --spool {server.directory}/spool"
    before = f'ejabberdctl() {{ {run} "$@"; }}'
    own_domain = f"sed -i s/invites.example.org/{server.component}/ $to/conf/*.yml"
    return "\n".join(["set -e", before, *lines[:-1], own_domain, lines[-1]])


async def test_the_module_is_installed_and_upgraded_as_its_first_lines_say(own_stage, relays):
    server = own_stage.server
    relay = await relays(server)
    alice, bob, carol = await own_stage.people("alice", "bob", "carol")
    room = await alice.create_room(own_stage.room())

    said = await run(server.inside(["bash", "-c", f"cd {CONFIG}\n{commands(server)}"]), env={"HOME": str(server.directory)})
    assert "Warning: " not in said

    alice.invite(room, bob.bare)
    relay.accept(await relay.handed_over(room))

    alice.invite(room, carol.bare)
    await relay.handed_over(room)
    await server.ctl("module_upgrade", MODULE)
    await carol.expect(native_invitation(room))
    alice.invite(room, bob.bare)
    relay.accept(await relay.handed_over(room))

    # What was connected before the module was there is older than what comes.
    newer = await relays(server)
    alice.invite(room, carol.bare)
    newer.accept(await newer.handed_over(room))
    await relay.ended()
