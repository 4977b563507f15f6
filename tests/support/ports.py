"""Free TCP ports on 127.0.0.1."""

import random
import socket
from pathlib import Path


_ours: list[socket.socket] = []
"""What says to other test runs that a port is given away; gone with this run."""


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections:
    a server that a test stops can then come back on the same port. No port is given twice, nor by two test runs."""
    ephemeral_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, ephemeral_from)
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                claim.bind(f"\0muc-invite-relay-tests-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        _ours.append(claim)
        return port
