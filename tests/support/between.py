"""Stands between the relay and its server, where a connection can be cut, hang or crawl, and notes what has passed.

Knows nothing of XMPP, nor of PostgreSQL: what it looks for is a pattern in the bytes.
"""

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.ports import free_port

_TAIL = 64
"""Bytes that the pattern may be long: it is found across two pieces."""


@dataclass
class Connection:
    """One connection of the relay."""

    began: float
    ended: float | None = None
    ended_by: str | None = None
    """`relay`, `server`, or `cut`."""
    passed: dict[bytes, float] = field(default_factory=dict)
    """What was looked for and found on its way to the relay, and when it was last seen."""


SIDES = ("relay", "server")
"""From whom something comes."""


class Between:
    """Listens on `port`, and passes everything on to the server's port."""

    def __init__(self, server_port: int, pattern: bytes):
        self.port = free_port()
        self.connections: list[Connection] = []
        self.slow = False
        """Some kilobytes a second pass, in pieces."""
        self.cuts: Iterator[bool] = itertools.repeat(False)
        """For each time that the server sends the pattern, whether all connections are cut instead of passing it on."""
        self._open = {side: asyncio.Event() for side in SIDES}
        self.go_on()
        self._server_port = server_port
        self._pattern = re.compile(pattern)
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Cuts all connections and refuses new ones, until it is started again."""
        self._listener.close()
        self.cut()

    @property
    def is_connected(self) -> bool:
        return any(connection.ended is None for connection in self.connections)

    def hang(self, *sides: str) -> None:
        """What comes from these, or from either, passes no more, and nobody is told. New connections are taken."""
        for side in sides or SIDES:
            self._open[side].clear()

    def go_on(self) -> None:
        """All that was held up passes now, also what comes from connections that have been given up."""
        for opened in self._open.values():
            opened.set()

    def cut(self) -> None:
        """Resets all connections on both sides; what was on its way is lost."""
        for connection in self.connections:
            if connection.ended is None:
                _end(connection, "cut")
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(time.time())
        self.connections.append(connection)
        self._writers |= {writer, to_server[1]}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, to_server[1], connection, "relay"))
                group.create_task(self._pass(to_server[0], writer, connection, "server"))
        finally:
            for one in (writer, to_server[1]):
                self._writers.discard(one)
                one.close()

    async def _pass(self, reader, writer, connection: Connection, source: str) -> None:
        tail = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 8 if self.slow else 1 << 16):
                await self._open[source].wait()
                if self.slow:
                    await asyncio.sleep(0.05)
                if source == "server":
                    now = time.time()
                    for found in self._pattern.finditer(tail + data):
                        if found.end() > len(tail) and next(self.cuts, False):
                            self.cut()
                            return
                        connection.passed[found[0]] = now
                    tail = (tail + data)[-_TAIL:]
                writer.write(data)
                await writer.drain()
        await self._open[source].wait()
        _end(connection, source)
        with contextlib.suppress(ConnectionError, RuntimeError):
            # What was read before the end has been written; the other side is told of the end.
            writer.close()


def _end(connection: Connection, by: str) -> None:
    if connection.ended is None:
        connection.ended, connection.ended_by = time.time(), by
