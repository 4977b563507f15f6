"""A server of PostgreSQL with data of its own in a temporary folder, a replica of it, and databases for relays' journals.

Whatever became of it, `kill` leaves no process behind. Knows nothing of what a relay keeps in it.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.feed import WITHIN, Feed
from support.ports import free_port
from support.process import Process, run

USER = "relay"
"""Owns the databases, and is nothing else."""

STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
"""`fast` ends all sessions; `immediate` does not even write what is in memory."""

_numbers = itertools.count(1)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("there is no initdb under /usr/lib/postgresql/*/bin: apt-get install postgresql")
    return found[-1].parent


def _as_server() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return []
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--pdeathsig", "KILL"]


def _lives(pid: int) -> bool:
    """Not if it only waits for its parent to hear of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _signal(pids: list[int], number: int) -> None:
    """To those that have not ended meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Postgres:
    """A server on 127.0.0.1 that lets everybody of this machine in."""

    def __init__(self):
        self._bin = _programs()
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="muc-invite-relay-tests-postgres-"))
        """The server's data, and its socket."""
        self.directory.chmod(0o700)
        if not os.geteuid():
            shutil.chown(self.directory, "postgres", "postgres")
        self.data = self.directory / "data"
        self.process: Process | None = None
        self.output: Feed[str] = Feed("postgres")
        """Its log, of all its runs."""

    @property
    def name(self) -> str:
        return f"postgres on {self.port}"

    async def make(self) -> "Postgres":
        """A new server with nothing in it, which runs then."""
        make = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", self.data)
        await self._run("initdb", *make)
        await self.start()
        await self.sql(f"CREATE ROLE {USER} LOGIN")
        return self

    async def replicate(self, primary: "Postgres", port: int | None = None) -> "Postgres":
        """A standby of this one, which runs then and has all that was committed. `port`: of a proxy between."""
        way = ("-h", "127.0.0.1", "-p", port or primary.port, "-U", "postgres")
        await self._run("pg_basebackup", *way, "-R", "--checkpoint=fast", "--no-sync", "-D", self.data)
        (self.data / "postgresql.auto.conf").write_text(
            f"primary_conninfo = 'host=127.0.0.1 port={port or primary.port} user=postgres'\n"
        )
        await self.start()
        await primary.until("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
        return self

    async def start(self) -> None:
        """Returns when it lets sessions in: a standby as well."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            # A parameter of a statement that fails stands in the log as well.
            "log_parameter_max_length_on_error": -1,
            "max_connections": 50,
            # Processes are killed here, and never the machine: what was written is there.
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.process = Process(self.name, [*_as_server(), f"{self._bin}/postgres", "-D", str(self.data), *options])
        self.process.output.all = self.output.all
        await self.process.start()
        await self.process.says("ready to accept", within=WITHIN)

    async def stop(self, mode: str = "fast") -> None:
        self.process.signal(STOPS[mode])
        await self.process.ends()

    async def kill(self) -> None:
        """Ends the postmaster by SIGKILL; returns when its sessions have noticed and are gone."""
        processes = self._processes()
        _signal(processes, signal.SIGCONT)
        await self.process.kill()
        async with asyncio.timeout(WITHIN):
            while any(map(_lives, processes[1:])):
                await asyncio.sleep(0.01)

    async def restart(self, crash: bool = False) -> None:
        await (self.kill() if crash else self.stop())
        await self.start()

    def pause(self) -> None:
        """Stops all its processes where they are (SIGSTOP). Its connections stay open, and the kernel takes new ones."""
        # First the one that makes others.
        os.kill(self.process.pid, signal.SIGSTOP)
        _signal(self._processes()[1:], signal.SIGSTOP)

    def resume(self) -> None:
        """Ends `pause`."""
        _signal(self._processes()[::-1], signal.SIGCONT)

    def _processes(self) -> list[int]:
        """The postmaster, and its children."""
        pid = self.process.pid
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    async def remove(self) -> None:
        if self.process and self.process.running:
            await self.kill()
        shutil.rmtree(self.directory)

    async def promote(self) -> None:
        """Makes a standby take writes."""
        assert await self.sql("SELECT pg_promote()") == "t"

    async def sql(self, statement: str, database: str = "postgres") -> str:
        """What the statement gives, a row a line, its columns parted by `|`."""
        way = ("-h", self.directory, "-p", self.port, "-U", "postgres", "-d", database)
        return await self._run("psql", *way, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement)

    async def until(self, statement: str, answer: str, database: str = "postgres") -> None:
        """Asks until this is the answer."""
        found = None
        try:
            async with asyncio.timeout(WITHIN):
                while (found := await self.sql(statement, database)) != answer:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{statement}: {found}, not {answer}") from None

    async def _run(self, program: str, *arguments: object) -> str:
        return await run([*_as_server(), f"{self._bin}/{program}", *map(str, arguments)])

    async def new_database(self) -> "Database":
        """An empty one, which is there until the server is removed or `drop_databases`."""
        database = Database(self, f"journal{next(_numbers)}")
        await self.sql(f"CREATE DATABASE {database.name} OWNER {USER}")
        return database

    async def drop_databases(self) -> None:
        """All that `new_database` has made."""
        for name in (await self.sql("SELECT datname FROM pg_database WHERE datname LIKE 'journal%'")).split():
            await self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def files(self) -> dict[str, bytes]:
        """All that stands in the folder of its data, WAL included."""
        return {
            str(path.relative_to(self.data)): path.read_bytes() for path in self.data.rglob("*") if path.is_file()
        }


class Database:
    """A database of its own; its name does not change where it is replicated."""

    def __init__(self, server: Postgres, name: str):
        self.server = server
        self.name = name

    def url(self, *ports: int) -> str | list[str]:
        """Where a relay finds it: on its server's port, or on these one after the other."""
        urls = [f"postgresql://{USER}:planted-url-password@127.0.0.1:{port}/{self.name}" for port in ports or [self.server.port]]
        return urls[0] if len(urls) == 1 else urls

    def journal(self, key_file: Path, *ports: int) -> dict[str, object]:
        """The section of a relay's configuration that puts its journal here; makes the key where there is none."""
        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(os.urandom(32).hex())
        return {"url": self.url(*ports), "key_file": str(key_file)}

    async def sql(self, statement: str) -> str:
        return await self.server.sql(statement, self.name)

    @contextlib.asynccontextmanager
    async def locked(self, table: str) -> AsyncIterator[None]:
        """Nobody else reads or writes this table meanwhile."""
        waits = f"BEGIN; LOCK {table}; SELECT pg_sleep(600)"
        held = f"FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        holder = asyncio.create_task(self.sql(waits))
        await self.server.until(f"SELECT count(*) {held}", "1", self.name)
        try:
            yield
        finally:
            await self.sql(f"SELECT pg_terminate_backend(pid) {held}")
            # psql says that its session has been ended.
            await asyncio.wait([holder])
            assert holder.exception()
