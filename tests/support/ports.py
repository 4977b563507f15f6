"""Free TCP ports on 127.0.0.1."""

import random
import socket
from pathlib import Path


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to outgoing connections:
    a server that a test stops can then come back on the same port."""
    ephemeral_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, ephemeral_from)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
