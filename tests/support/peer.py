"""A server of another domain that writes its own bytes: for what no XMPP server would send. It identifies itself by dialback
(XEP-0220) over plain TCP, to servers that find it by the name server. It keeps what they send without parsing it."""

import asyncio
import contextlib
import itertools
import re

from support.feed import WITHIN
from support.names import NameServer

_HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' "
    "xmlns:db='jabber:server:dialback' from='{here}' to='{there}' id='{id}' version='1.0'>"
)
_FEATURES = "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
_KEY = "0123456789abcdef"

_numbers = itertools.count(1)


class StreamEnded(Exception):
    """The other server has closed the connection; its last words are the message."""


class Peer:
    """Says of every key that it is its own."""

    def __init__(self, domain: str, names: NameServer):
        self.domain = domain
        self.heard = b""
        """What came by connections that other servers made."""
        self._names = names
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._names.servers[self.domain] = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        del self._names.servers[self.domain]
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        unread = b""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self.heard += data
                unread += data
                self._changed.set()
                while found := re.search(rb"<stream:stream[^>]*>|<db:(result|verify)[^>]*>[^<]*</db:\1>", unread):
                    unread = unread[found.end() :]
                    writer.write(self._answer(found[0].decode()).encode())

    def _answer(self, said: str) -> str:
        there = re.search(r"\sfrom=['\"]([^'\"]*)", said)
        there = there[1] if there else ""
        if said.startswith("<stream:stream"):
            return _HEADER.format(here=self.domain, there=there, id=f"peer{next(_numbers)}") + _FEATURES
        name = re.match(r"<(db:\w+)", said)[1]
        id = re.search(r"\sid=['\"]([^'\"]*)", said)
        id = f" id='{id[1]}'" if id else ""
        here = re.search(r"\sto=['\"]([^'\"]*)", said)[1]
        return f"<{name} from='{here}' to='{there}'{id} type='valid'/>"

    async def hears(self, pattern: bytes) -> re.Match[bytes]:
        """Waits until what other servers have sent matches."""
        async with asyncio.timeout(WITHIN):
            while not (found := re.search(pattern, self.heard)):
                self._changed.clear()
                await self._changed.wait()
        return found

    async def connect(self, host: str, port: int) -> "Outgoing":
        """A connection to this server, which knows by then who we are."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(writer)
        outgoing = Outgoing(reader, writer)
        writer.write(_HEADER.format(here=self.domain, there=host, id="none").replace(" id='none'", "").encode())
        await outgoing.hears(rb"</(stream:)?features>")
        await outgoing.authorize(self.domain, host)
        return outgoing


class Outgoing:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer
        self._heard = b""

    def send(self, xml: str) -> None:
        """Sends this as it is."""
        self._writer.write(xml.encode())

    async def authorize(self, here: str, there: str) -> None:
        """From now on stanzas may go from one domain to the other."""
        self.send(f"<db:result from='{here}' to='{there}'>{_KEY}</db:result>")
        await self.hears(rb"<db:result[^>]*type=['\"]valid")

    async def hears(self, pattern: bytes) -> bytes:
        """Waits until what the server says matches; returns all up to there, and forgets it."""
        async with asyncio.timeout(WITHIN):
            while not (found := re.search(pattern, self._heard)):
                data = await self._reader.read(1 << 16)
                if not data:
                    raise StreamEnded(self._heard[-500:].decode(errors="replace"))
                self._heard += data
        heard, self._heard = self._heard[: found.end()], self._heard[found.end() :]
        return heard
