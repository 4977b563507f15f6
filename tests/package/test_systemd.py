"""The unit under a real systemd, in a container of its own: what operators type, and what they see."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from package.conftest import CONFIG, set_the_keys

WITHIN = 60
"""Seconds that systemd has for anything."""


class Machine:
    def __init__(self, debian, leader):
        self.debian = debian
        self._leader = leader

    def run(self, *argv, code=0):
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
        command = ["nsenter", "--all", f"--target={self._leader}", "/usr/bin/env", "-i", path, *argv]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == code, f"{argv}: exit code {done.returncode}\n{done.stdout}\n{self.log()}"
        return done.stdout

    def log(self):
        command = ["nsenter", "--all", f"--target={self._leader}", "/usr/bin/journalctl", "--no-pager", "-o", "cat"]
        return subprocess.run([*command, "-u", "muc-invite-relay"], stdout=subprocess.PIPE, text=True).stdout

    def shows(self, *properties):
        said = self.run("systemctl", "show", f"--property={','.join(properties)}", "muc-invite-relay")
        return dict(line.split("=", 1) for line in said.splitlines())

    def until(self, **expected):
        """Waits until the unit is like this."""
        end = time.monotonic() + WITHIN
        while (found := self.shows(*expected)) != expected:
            assert time.monotonic() < end, f"{found}\n{self.log()}"
            time.sleep(0.1)


def first_below(pid):
    """The first process of a container: the one that is called systemd."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    return None


@pytest.fixture
def machine(debian, package):
    """Booted, with the package, set up."""
    debian.install(package)
    set_the_keys(debian)
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--private-network"]
    with subprocess.Popen(
        [*command, "--console=pipe", f"--directory={debian.root}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as nspawn:
        try:
            end = time.monotonic() + WITHIN
            while not (leader := first_below(nspawn.pid)):
                if nspawn.poll() is not None:
                    pytest.skip(f"no systemd here: {nspawn.stdout.read().decode().strip()}")
                assert time.monotonic() < end
                time.sleep(0.1)
            machine = Machine(debian, leader)
            while subprocess.run(
                ["nsenter", "--all", f"--target={leader}", "/usr/bin/systemctl", "is-system-running", "--wait"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode:
                assert time.monotonic() < end
                time.sleep(0.1)
            yield machine
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(first_below(nspawn.pid) or nspawn.pid, 9)
            nspawn.wait()


def test_the_unit_under_systemd(machine, package):
    debian = machine.debian

    # There is no server: the unit is up and says so.
    machine.run("systemctl", "enable", "--now", "muc-invite-relay")
    shown = machine.shows("ActiveState", "StatusText", "User")
    assert (shown["ActiveState"], shown["User"]) == ("active", "muc-invite-relay")
    assert shown["StatusText"].startswith("no connection: ")
    assert machine.run("runuser", "-u", "muc-invite-relay", "--", "muc-invite-relay", "healthy").startswith("alive")

    # What is wrong changes nothing as long as it runs, and does not start.
    config = debian.path(CONFIG)
    right = config.read_text()
    config.write_text(right + '[log]\nlevel = "shout"\n')
    machine.run("systemctl", "reload", "muc-invite-relay")
    assert "the new configuration is wrong" in machine.log()
    machine.run("systemctl", "restart", "muc-invite-relay", code=1)
    machine.until(ActiveState="failed", ExecMainStatus="2", NRestarts="0")

    # The secret as a credential, and a watchdog that does not take a minute.
    config.write_text(right)
    debian.path("/etc/muc-invite-relay/secret").write_text("a secret of its own\n")
    drop_in = debian.path("/etc/systemd/system/muc-invite-relay.service.d/override.conf")
    drop_in.parent.mkdir()
    drop_in.write_text(
        "[Service]\nLoadCredential=secret:/etc/muc-invite-relay/secret\n"
        "Environment=MUC_INVITE_RELAY__COMPONENT__SECRET_FILE=%d/secret\nWatchdogSec=6s\nRestartSec=1s\n"
    )
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "muc-invite-relay")
    machine.run("systemctl", "kill", "--signal=STOP", "muc-invite-relay")
    machine.until(NRestarts="1", ActiveState="active")

    # A new version is the one that runs from then on; a purge leaves nothing running.
    before = machine.shows("MainPID")
    machine.run("dpkg", "--install", f"/root/{package.name}")
    machine.until(ActiveState="active")
    assert machine.shows("MainPID") != before
    machine.run("dpkg", "--purge", "muc-invite-relay")
    assert machine.shows("LoadState", "ActiveState") == {"LoadState": "not-found", "ActiveState": "inactive"}
