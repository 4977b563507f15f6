"""Servers of bookworm-backports beside the distribution's own, unpacked, not installed. Knows nothing of scenarios."""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from support.ejabberd import Ejabberd
from support.prosody import Prosody
from support.server import Server

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muc-invite-relay-tests"
"""Each is downloaded once. To have them anew, remove this directory."""

_SOURCES = """\
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

_ERLANG_LIBRARIES = "acme cache-tab eimp mqtree pkix stringprep stun tls utils xml xmpp yaml yconf zlib"


class Prosody13(Prosody):
    """Prosody 13.0. Its libraries are those of the distribution's package."""

    name: ClassVar[str] = "prosody-13.0"
    version: ClassVar[str] = "13.0"
    root: ClassVar[Path] = CACHE / "prosody-13"
    packages: ClassVar[Sequence[str]] = ("prosody", "prosody-modules")
    lacks: ClassVar[Mapping[str, str]] = {"several-connections": Prosody.lacks["several-connections"]}

    async def start(self) -> None:
        await asyncio.to_thread(unpack, self.root, self.packages)
        self.directory.mkdir(parents=True, exist_ok=True)
        for name in ("prosody", "prosodyctl"):
            script = (self.root / "usr/bin" / name).read_text()
            program = self.directory / name
            program.write_text(script.replace("='/usr/lib/prosody", f"='{self.root}/usr/lib/prosody"))
            program.chmod(0o755)
        self.program = str(self.directory / "prosody")
        await super().start()


class Ejabberd2412(Ejabberd):
    """ejabberd 24.12, on the distribution's Erlang."""

    name: ClassVar[str] = "ejabberd-24.12"
    version: ClassVar[str] = "24.12"
    root: ClassVar[Path] = CACHE / "ejabberd-24.12"
    packages: ClassVar[Sequence[str]] = (
        "ejabberd",
        "erlang-jose",
        *(f"erlang-p1-{name}" for name in _ERLANG_LIBRARIES.split()),
    )
    privilege: ClassVar[str] = Server.privilege
    lacks = {word: why for word, why in Ejabberd.lacks.items() if word != "privileged-iq"} | {
        "plain-iq": "beside its mod_privilege, the ordinary IQs of components vanish (ejabberd issue 4336)",
    }

    async def prepare(self) -> None:
        await asyncio.to_thread(unpack, self.root, self.packages)
        await super().prepare()


def unpack(root: Path, packages: Sequence[str]) -> None:
    """Downloads these packages and unpacks them into `root`, unless that has been done; fails if it can't be."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(f"{root}.lock", "w") as lock:
        # Test processes that run side by side wait for the first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return
        parts = root.with_name(f"{root.name}.parts")
        shutil.rmtree(parts, ignore_errors=True)
        for directory in ("sources", "lists/partial", "cache/archives/partial", "debs", "root"):
            (parts / directory).mkdir(parents=True)
        (parts / "sources/backports.sources").write_text(_SOURCES)
        options = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": parts / "sources",
            "Dir::State::Lists": parts / "lists",
            "Dir::Cache": parts / "cache",
            # Root may write here, apt's own user may not.
            "APT::Sandbox::User": "",
        }
        apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        _run([*apt, "update", "--error-on=any"], parts)
        _run([*apt, "-t", "bookworm-backports", "download", *packages], parts / "debs")
        for package in (parts / "debs").glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(parts / "root")], parts)
        (parts / "root").rename(root)
        shutil.rmtree(parts)


def _run(argv: Sequence[str], directory: Path) -> None:
    done = subprocess.run(argv, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}")


if __name__ == "__main__":
    for kind in (Prosody13, Ejabberd2412):
        unpack(kind.root, kind.packages)
