"""The servers of one test run: each kind with each setup is started once, when first asked for."""

from pathlib import Path

from support import versions
from support.server import Server, Setup

KINDS: dict[str, type[Server]] = {kind.name: kind for kind in versions.KINDS}
"""Every server that scenarios run on."""


class Pool:
    def __init__(self, directory: Path):
        self._directory = directory
        self._started: dict[tuple[type[Server], Setup], Server] = {}
        self._count = 0

    def _new(self, kind: type[Server], setup: Setup) -> Server:
        self._count += 1
        return kind(setup, self._directory / f"{kind.name}-{self._count}")

    async def shared(self, kind: type[Server], setup: Setup) -> Server:
        """A server that other tests use as well."""
        if (kind, setup) not in self._started:
            server = self._new(kind, setup)
            await server.start()
            self._started[kind, setup] = server
        return self._started[kind, setup]

    async def own(self, kind: type[Server], setup: Setup) -> Server:
        """A server for one test, which may do to it what it likes and stops it in the end."""
        server = self._new(kind, setup)
        await server.start()
        return server

    async def stop(self) -> None:
        for server in self._started.values():
            await server.stop()
