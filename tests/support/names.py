"""A name server on loopback, by which servers under test find each other. Knows nothing of servers."""

import asyncio
import struct

_A, _SRV = 1, 33
_NAME_ERROR = 3
_SERVICE = "_xmpp-server._tcp."
_TARGET = "localhost"
"""Where all services are. ejabberd has the system find its address, and it asks no name server for this one."""


class NameServer(asyncio.DatagramProtocol):
    """Answers what it is told to know, and that nothing else exists. Answers must not be remembered (time to live 0)."""

    def __init__(self):
        self.port = 0
        self.servers: dict[str, int] = {}
        """Domains and the ports of 127.0.0.1 where other servers reach them."""
        self.silent: set[str] = set()
        """Domains about which it says nothing at all."""
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        name, kind, question = _question(data)
        domain = name.removeprefix(_SERVICE)
        if domain in self.silent:
            return
        records = []
        if domain in self.servers and name != domain and kind == _SRV:
            records.append(struct.pack("!HHHB", 0, 0, self.servers[domain], len(_TARGET)) + _TARGET.encode() + b"\0")
        elif name == _TARGET and kind == _A:
            records.append(bytes([127, 0, 0, 1]))
        error = 0 if records or name == _TARGET else _NAME_ERROR
        header = data[:2] + struct.pack("!HHHHH", 0x8580 | error, 1, len(records), 0, 0)
        answers = (b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(record)) + record for record in records)
        self._transport.sendto(header + question + b"".join(answers), addr)


def _question(data: bytes) -> tuple[str, int, bytes]:
    """The name, the type, and the bytes of the first question (RFC 1035 §4.1.2)."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
        at += 1 + data[at]
    return ".".join(labels), struct.unpack_from("!H", data, at + 1)[0], data[12 : at + 5]
