"""The image, as scripts/image has built it: run as its configuration says, on a root that can't be written, configured by
its environment alone, beside a real server."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.process import Process
from support.stanzas import direct_invitation

JOURNAL = "var/lib/muc-invite-relay"


@pytest.fixture
def image():
    return json.loads(os.environ["IMAGE"])["Docker"]["config"]


@pytest.fixture
def root():
    return Path(os.environ["IMAGE_ROOT"])


@pytest.fixture
def inside(image, root, tmp_path, stage):
    """Makes the arguments that run a command as the image's user, as a container engine does."""
    volume = tmp_path / "volume"
    shutil.copytree(root / JOURNAL, volume)
    shutil.copystat(root / JOURNAL, volume)
    os.chown(volume, (root / JOURNAL).stat().st_uid, (root / JOURNAL).stat().st_gid)
    server = stage.server
    variables = [
        f"MUC_INVITE_RELAY__COMPONENT__JID={server.component}",
        f"MUC_INVITE_RELAY__COMPONENT__SECRET={server.secret}",
        f"MUC_INVITE_RELAY__COMPONENT__SERVER=127.0.0.1:{server.component_port}",
        f"MUC_INVITE_RELAY__MUC__SERVICES={server.muc}",
    ]
    prepare = (
        f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount --bind {volume} {root}/{JOURNAL} && "
        f'! touch {root}/tmp/x 2>/dev/null && exec chroot --userspec={image["User"]} {root} /usr/bin/env -i "$@"'
    )
    return lambda *command: ["unshare", "--mount", "sh", "-c", prepare, "sh", *image["Env"], *variables, *command]


def test_its_configuration(image, root):
    assert image["User"] == "10001:10001"
    assert list(image["Volumes"]) == [f"/{JOURNAL}"]
    assert image["StopSignal"] == "SIGTERM"
    journal = (root / JOURNAL).stat()
    assert (journal.st_uid, journal.st_gid) == (10001, 10001)


async def test_it_relays(image, inside, stage):
    relay = Process("image", inside(*image["Entrypoint"], *image["Cmd"]))
    await relay.start()
    await relay.says("link is up")
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))

    kind, *health = image["Healthcheck"]["Test"]
    assert kind == "CMD"
    # Another command sees the same volume, so it runs where the relay does.
    there = ["nsenter", "--mount", f"--target={relay.pid}", "chroot", f"--userspec={image['User']}"]
    environment = Path(f"/proc/{relay.pid}/environ").read_text().rstrip("\0").split("\0")
    command = [*there, os.environ["IMAGE_ROOT"], "/usr/bin/env", "-i", *environment, *health]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode, done.stdout) == (0, "alive: connected\n")

    assert await relay.stop() == 0
    done = subprocess.run(inside(*health), stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1, done.stdout
