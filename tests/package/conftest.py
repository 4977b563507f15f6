"""Debians of their own for tests, made by debootstrap once; the packages that scripts/test-package built."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.debian import CACHE, HOST, bootstrap

PRISTINE = CACHE / f"package-{HOST}"
"""The release on which the package was built: its libraries are needed."""

CONFIG = "/etc/muc-invite-relay/config.toml"
PACKAGES = "adduser,man-db,systemd,zsh,fish"
"""What is there before: man and the shells, to look at what the package brings them."""


class Debian:
    """A root that commands are run in. systemd does not run in it, as in a container or while installing Debian."""

    def __init__(self, root: Path):
        self.root = root

    def path(self, inside: str) -> Path:
        return self.root / inside.removeprefix("/")

    def run(self, *argv: str, user: str = "root", code: int = 0) -> str:
        """What it prints on both its outputs."""
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        before = ["chroot", str(self.root)] + (["runuser", "-u", user, "--"] if user != "root" else [])
        done = subprocess.run(
            [*before, *argv], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said = done.stdout.decode()
        assert done.returncode == code, f"{argv}: exit code {done.returncode}\n{said}"
        return said

    def install(self, package: Path) -> str:
        shutil.copy(package, self.path("/root"))
        return self.run("dpkg", "--install", f"/root/{package.name}")

    def owner_and_mode(self, inside: str) -> str:
        return self.run("stat", "-c", "%U:%G %a", inside).strip()

    def enabled(self) -> bool:
        wants = "/etc/systemd/system/multi-user.target.wants/muc-invite-relay.service"
        return self.path(wants).is_symlink()


@pytest.fixture(scope="session")
def pristine():
    if os.geteuid() != 0:
        pytest.skip("only root can make a Debian of its own")
    if not PRISTINE.exists():
        parts = PRISTINE.with_name("package.parts")
        shutil.rmtree(parts, ignore_errors=True)
        bootstrap(HOST, parts, PACKAGES)
        parts.rename(PRISTINE)
    return PRISTINE


def set_the_keys(debian):
    config = debian.path(CONFIG)
    config.write_text(config.read_text().replace('"change me"', '"a secret of our own"'))


@contextlib.contextmanager
def changed(pristine, directory):
    """What is written goes to memory, and is gone in the end."""
    root = directory / "debian"
    layers = directory / "layers"
    for folder in (root, layers):
        folder.mkdir()
    mount("tmpfs", "tmpfs", "mode=0755", layers)
    for folder in ("upper", "work"):
        (layers / folder).mkdir()
    mount("overlay", "overlay", f"lowerdir={pristine},upperdir={layers}/upper,workdir={layers}/work", root)
    yield Debian(root)
    for folder in (root, layers):
        subprocess.run(["umount", str(folder)], check=True)


def mount(type, what, options, where):
    done = subprocess.run(["mount", "-t", type, "-o", options, what, str(where)], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        pytest.skip(f"no Debian of its own: {done.stderr.strip()}")


@pytest.fixture
def debian(pristine, tmp_path):
    """As it is before."""
    with changed(pristine, tmp_path) as debian:
        yield debian


@pytest.fixture(scope="session")
def installed(pristine, tmp_path_factory, package):
    """With the package, for tests that only look at it."""
    with changed(pristine, tmp_path_factory.mktemp("installed")) as debian:
        debian.install(package)
        yield debian


@pytest.fixture(scope="session")
def package():
    return Path(os.environ["PACKAGE"])


@pytest.fixture(scope="session")
def older_package():
    return Path(os.environ["OLDER_PACKAGE"])
