"""systemd's journal in a mount namespace of its own, for programs that write to it. Root only; no systemd need run."""

import asyncio
import json
import os
from pathlib import Path

from support.feed import WITHIN
from support.process import run

JOURNALD = Path("/lib/systemd/systemd-journald")

_ENTER = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journald.conf.d /run/log/journal
mount --bind "$1" /run/log/journal
printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n' >/run/systemd/journald.conf.d/tests.conf
"$2" &
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
shift 2
exec "$@"
"""


def obstacle() -> str | None:
    """Why there can be none here."""
    if os.geteuid() != 0:
        return "only root can have a mount namespace"
    return None if JOURNALD.exists() else f"there is no {JOURNALD}"


class Journald:
    def __init__(self, directory: Path):
        self._directory = directory
        directory.mkdir()

    def around(self, argv: list[str]) -> list[str]:
        """This program, with a journal to write to."""
        return ["unshare", "--mount", "sh", "-c", _ENTER, "sh", str(self._directory), str(JOURNALD), *argv]

    async def entry(self, within: float = WITHIN, **fields: str) -> dict[str, str]:
        """Waits for an entry with these fields."""
        wanted = [f"{name}={value}" for name, value in fields.items()]
        try:
            async with asyncio.timeout(within):
                while not (found := await self._entries(wanted)):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"no entry with {wanted} in {within} s") from None
        return found[-1]

    async def _entries(self, wanted: list[str]) -> list[dict[str, str]]:
        argv = ["journalctl", "--quiet", "--directory", str(self._directory), "--output", "json", *wanted]
        lines = (await run(argv)).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]
