"""A user's client and a component that write their own bytes: for what no XMPP library would send. They read answers
without parsing them.

The client logs in by SASL PLAIN over plain TCP, and declares in its stream header whatever the test says.
"""

import asyncio
import base64
import hashlib
import itertools
import re
from xml.sax.saxutils import quoteattr

from support.feed import WITHIN
from support.stanzas import CLIENT, COMPONENT, PING

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SESSION = "urn:ietf:params:xml:ns:xmpp-session"
STREAMS = "http://etherx.jabber.org/streams"

_numbers = itertools.count(1)


class StreamEnded(Exception):
    """The server has closed the connection; its last words are the message."""


class _RawStream:
    """What both have in common."""

    def __init__(self, port: int):
        self._port = port
        self._heard = b""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def _open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def send(self, xml: str | bytes) -> None:
        """Sends this as it is."""
        self._writer.write(xml.encode() if isinstance(xml, str) else xml)

    async def drained(self) -> None:
        """Waits until the server has taken most of what was sent. Fails with StreamEnded if it has closed."""
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise StreamEnded(str(error)) from None

    async def hears(self, pattern: bytes, within: float = WITHIN) -> bytes:
        """Waits until what the server says matches; returns all up to there, and forgets it."""
        try:
            async with asyncio.timeout(within):
                while not (found := re.search(pattern, self._heard)):
                    data = await self._reader.read(1 << 16)
                    if not data:
                        raise StreamEnded(self._heard[-500:].decode(errors="replace"))
                    self._heard += data
        except ConnectionError as error:
            raise StreamEnded(str(error)) from None
        except TimeoutError:
            raise AssertionError(f"{pattern!r} not heard in {within} s, but {self._heard[-500:]!r}") from None
        heard, self._heard = self._heard[: found.end()], self._heard[found.end() :]
        return heard

    async def _ask(self, xml: str, answer: bytes) -> bytes:
        self.send(xml)
        return await self.hears(answer)

    def cut(self) -> None:
        """Closes the connection without a word."""
        self._writer.transport.abort()


class RawComponent(_RawStream):
    """A component (XEP-0114). It reads nothing but in `hears`."""

    def __init__(self, jid: str, secret: str, port: int):
        super().__init__(port)
        self.jid = jid
        self._secret = secret

    async def open(self) -> "RawComponent":
        """Connects and sends the handshake; does not wait for its answer."""
        await self._open()
        header = f"<stream:stream xmlns='{COMPONENT}' xmlns:stream='{STREAMS}' to='{self.jid}'>"
        answer = await self._ask(f"<?xml version='1.0'?>{header}", rb"<stream:stream[^>]*>")
        [id] = re.findall(rb"\sid=['\"]([^'\"]*)", answer)
        self.send(f"<handshake>{hashlib.sha1(id + self._secret.encode()).hexdigest()}</handshake>")
        return self

    async def connect(self) -> "RawComponent":
        """Connects; the server has accepted the handshake."""
        await self.open()
        await self.hears(rb"<handshake")
        return self


class RawClient(_RawStream):
    def __init__(self, jid: str, password: str, port: int, declared: str = "xmlns:t='urn:t'"):
        """`declared`: what the stream header declares besides the namespaces of XMPP."""
        super().__init__(port)
        self.bare = jid
        self._name, _, self._host = jid.partition("@")
        self._password = password
        self._declared = declared

    async def connect(self, resource: str = "raw") -> "RawClient":
        """Logs in and binds this resource; no presence is sent."""
        await self._open()
        await self._open_stream()
        secret = base64.b64encode(f"\0{self._name}\0{self._password}".encode()).decode()
        answer = await self._ask(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>", rb"<success|<failure")
        if answer.endswith(b"<failure"):
            raise StreamEnded(f"{self.bare} may not log in")
        features = await self._open_stream()
        await self.iq("set", f"<bind xmlns='{BIND}'><resource>{_text(resource)}</resource></bind>")
        if b"<session" in features:
            await self.iq("set", f"<session xmlns='{SESSION}'/>")
        return self

    async def _open_stream(self) -> bytes:
        return await self._ask(
            f"<?xml version='1.0'?><stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}' {self._declared} "
            f"to='{self._host}' version='1.0'>",
            rb"</(stream:)?features>",
        )

    async def iq(self, type: str, payload: str, to: str | None = None) -> bytes:
        """Returns what came up to the answer, be it a result or an error."""
        id = f"raw{next(_numbers)}-"
        address = f" to={quoteattr(to)}" if to else ""
        return await self._ask(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>", rb"id=['\"]" + id.encode())

    async def passed(self, by: str) -> None:
        """Returns once a ping has been to this address and back."""
        await self.iq("get", f"<ping xmlns='{PING}'/>", by)


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
