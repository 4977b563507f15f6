"""The remote domain as a place where invitations end: it counts whom each was for, and keeps nothing else. Costs little, so
that thousands can come while something is measured. Knows nothing of rooms."""

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from xml.parsers import expat

from support.server import Server


class Sink:
    """A component (XEP-0114) in the remote domain's place."""

    def __init__(self, server: Server):
        self._server = server
        self.reached: Counter[str] = Counter()
        """How many messages came for each user of it."""
        self.first: float | None = None
        """When the first came, by the monotonic clock."""
        self._changed = asyncio.Event()
        self._depth = 0
        self._id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> "Sink":
        server = self._server
        reader, self._writer = await asyncio.open_connection("127.0.0.1", server.remote_port)
        self._writer.write(
            f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
            f" to='{server.remote}'>".encode()
        )
        self._reading = asyncio.create_task(self._read(reader))
        async with asyncio.timeout(10):
            proof = hashlib.sha1(f"{await self._id}{server.secret}".encode()).hexdigest()
            self._writer.write(f"<handshake>{proof}</handshake>".encode())
            await self._ready
        return self

    async def __aexit__(self, *_) -> None:
        self._writer.close()
        self._reading.cancel()

    async def until(self, holds: Callable[[], bool], within: float = 10) -> None:
        """Waits until this holds, which is looked at whenever something has come."""
        async with asyncio.timeout(within):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        while chunk := await reader.read(1 << 16):
            parser.Parse(chunk)
            self._changed.set()

    def _begins(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self._id.set_result(attributes["id"])
        elif self._depth == 2 and name == "handshake":
            self._ready.set_result(None)
        # What is for the domain itself is the server's, about privileges.
        elif self._depth == 2 and name == "message" and "@" in attributes["to"]:
            self.first = self.first or time.monotonic()
            self.reached[attributes["to"]] += 1

    def _ends(self, _name: str) -> None:
        self._depth -= 1
