"""Two nodes of ejabberd in a cluster, on one machine, with an epmd of their own. Knows nothing of scenarios.

Each node is a server as any other: a stage, a relay or a component is made for either, and accounts and rooms are seen on
both. All data is in Mnesia. A room lives on the node where it is made.
"""

import asyncio
import contextlib
import random
import signal
import string
import urllib.error
from pathlib import Path

from support.ejabberd import Ejabberd
from support.feed import WITHIN
from support.ports import free_port
from support.process import Process
from support.server import Setup

NODE_DOWN = 8
"""Seconds after which a node that hangs counts as down, more or less a quarter (Erlang's net_ticktime); 60 by default."""


class Cluster:
    """Nodes `a` and `b` of one version. Whatever became of them, `stop` leaves no process behind."""

    def __init__(self, kind: type[Ejabberd], setup: Setup, directory: Path):
        self.name = f"{kind.name}-cluster"
        self._port = free_port()
        self._directory = directory
        self._epmd: Process | None = None
        node_of_kind = type(f"{kind.__name__}Node", (_Node, kind), {})
        self.a, self.b = self.nodes = [node_of_kind(setup, directory, name, self._port) for name in ("a", "b")]

    async def start(self) -> None:
        """Returns once both nodes are in the cluster and take connections."""
        try:
            self._directory.mkdir(parents=True)
            # Each node makes one if it finds none, and both start at the same time.
            cookie = self._directory / ".erlang.cookie"
            cookie.write_text("".join(random.choices(string.ascii_uppercase, k=20)))
            cookie.chmod(0o400)
            await self._start_epmd()
            await asyncio.gather(self.a.start(), self.b.start())
            await self.b.join(self.a)
        except BaseException:
            await self.stop()
            raise

    async def _start_epmd(self) -> None:
        # In the foreground; it has nothing to say but with -d.
        argv = ["epmd", "-d", "-port", str(self._port), "-address", "127.0.0.1"]
        self._epmd = Process("epmd", argv, self.a.environment)
        await self._epmd.start()
        await self._epmd.says("epmd running")

    async def stop(self) -> None:
        """Ends all of it at once, nodes that hang as well."""
        processes = [self._epmd, *(node.process for node in self.nodes)]
        await asyncio.gather(*(process.kill() for process in processes if process and process.running))


class _Node(Ejabberd):
    """A node; the other base is its version."""

    def __init__(self, setup: Setup, directory: Path, name: str, epmd: int):
        super().__init__(setup, directory / name)
        self.name = f"{self.name} {name}"
        self.node = f"{name}@localhost"
        self._epmd = epmd

    async def join(self, other: "_Node") -> None:
        """Makes a cluster of both, with the other one's data. ejabberd starts anew in the same process meanwhile."""
        await self.ctl("join_cluster", other.node)
        await self.takes_connections()
        await other.sees(self)
        await self.sees(other)

    async def sees(self, *others: "_Node", within: float = 4 * WITHIN) -> None:
        """Asks until these nodes, and no more, are in a cluster with this one."""
        wanted = sorted([self.node, *(other.node for other in others)])
        seen = None
        try:
            async with asyncio.timeout(within):
                while seen != wanted:
                    # Its port for commands is the last to open.
                    with contextlib.suppress(urllib.error.URLError):
                        seen = sorted(await self.call("list_cluster"))
        except TimeoutError:
            raise AssertionError(f"{self.name} sees {seen}, not {wanted}") from None

    def hang(self) -> None:
        """Stops it where it is (SIGSTOP): its connections stay open, and nothing is answered."""
        self.process.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends `hang`."""
        self.process.signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Ends it as a crash would. Nothing is synchronised before: the other node has the data."""
        await self.process.kill()

    @property
    def environment(self) -> dict[str, str]:
        """One cookie for both. With the port of their own epmd, no command speaks to any other."""
        return {
            "HOME": str(self.directory.parent),
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _distribution(self, options: str) -> str:
        # What the configuration says of net_ticktime takes effect after the time before, a minute, has run out.
        return f"ERL_OPTIONS='{options} -start_epmd false -kernel net_ticktime {NODE_DOWN}'\n"

    def _config(self) -> str:
        return f"{super()._config()}net_ticktime: {NODE_DOWN}\n"
