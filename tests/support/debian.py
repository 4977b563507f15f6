"""Releases of Debian as directories, made once by debootstrap and entered by chroot. Knows nothing of what runs in them."""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muc-invite-relay-tests"
"""Each directory is made once. To have them anew, remove this one."""

HOST = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
"""The release on which the tests run."""

_REPOSITORY = Path(__file__).resolve().parents[2]

# What a program inside needs of the host: devices, processes, and the files of the tests at the same paths.
_ENTER = """
root=$1; shift
while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; shift; done
shift; exec chroot "$root" "$@"
"""


@dataclass(frozen=True)
class Root:
    """A release with these packages of it, or of its backports."""

    release: str
    packages: tuple[str, ...]
    backports: bool = False

    @property
    def path(self) -> Path:
        return CACHE / f"debian-{self.release}{'-backports' if self.backports else ''}"

    def make(self) -> None:
        """Makes it, unless that has been done; fails if it can't be."""
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(f"{self.path}.lock", "w") as lock:
            # Test processes that run side by side wait for the first.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.path.exists():
                return
            parts = self.path.with_name(f"{self.path.name}.parts")
            shutil.rmtree(parts, ignore_errors=True)
            bootstrap(self.release, parts)
            self._install(parts)
            parts.rename(self.path)

    def _install(self, root: Path) -> None:
        suite = self.release
        if self.backports:
            suite += "-backports"
            (root / "etc/apt/sources.list.d/backports.list").write_text(f"deb {mirror()} {suite} main\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        # Nothing is started.
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        apt = [*_enter(root, ["/proc"]), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        _run([*apt, "update", "--error-on=any"])
        _run([*apt, "-y", "--no-install-recommends", "-t", suite, "install", *self.packages])
        _run([*apt, "clean"])

    def inside(self, argv: Sequence[str]) -> list[str]:
        """The command that runs this one inside. It keeps its process id, and sees the files of the tests."""
        shared = dict.fromkeys(["/dev", "/proc", tempfile.gettempdir(), str(_REPOSITORY)])
        return [*_enter(self.path, list(shared)), *argv]


def bootstrap(release: str, root: Path, include: str = "") -> None:
    """Makes the smallest system of a release."""
    more = [f"--include={include}"] if include else []
    _run(["debootstrap", "--variant=minbase", *more, release, str(root), mirror()])


def mirror() -> str:
    """Where this system has its own packages from."""
    found = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"])
    # Security and updates have names with a hyphen; others than Debian have other names.
    known = {HOST, "stable", "oldstable", "testing"}
    for line in found.splitlines():
        address, _, release = line.partition(" ")
        if release in known:
            return address
    raise RuntimeError(f"apt's sources name no mirror of Debian {HOST}")


def _enter(root: Path, shared: Sequence[str]) -> list[str]:
    return ["unshare", "--mount", "/bin/sh", "-ec", _ENTER, "sh", str(root), *shared, "--"]


def _run(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    print(mirror())
