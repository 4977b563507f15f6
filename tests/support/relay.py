"""The real binary beside a server: started, asked for its history, stopped, killed. Knows nothing of scenarios."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from support.feed import WITHIN, Feed
from support.process import Process
from support.server import Server

REPOSITORY = Path(__file__).resolve().parents[2]
_target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
BINARY = Path(os.environ.get("RELAY_BIN", _target / "debug/muc-invite-relay"))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        now = file.stat()
    except FileNotFoundError:
        return None
    return now.st_mtime_ns, now.st_size


class Relay:
    """One relay with a configuration and a journal of its own; it may be started again after it ended."""

    def __init__(self, server: Server, directory: Path, **overrides: Mapping[str, object]):
        overrides.setdefault("log", {"level": "debug"})
        place = overrides.get("journal", {})
        self.journal = None if "url" in place else Path(place.get("path", directory / "journal.db"))
        """The file of SQLite, if that is the journal."""
        if not self.journal:
            overrides["journal"] = {"path": None, "socket": str(directory / "relay.sock"), **place}
        self.env: dict[str, str] = {}
        """What its environment has besides; taken at each start."""
        self.config = directory / "config.toml"
        # It holds the secret.
        self.config.touch(mode=0o600)
        self.config.write_text(server.relay_config(directory / "journal.db", **overrides))
        self.process = self._new_process()

    def _new_process(self) -> Process:
        assert BINARY.exists(), f"{BINARY} is missing: cargo build, or name the binary in RELAY_BIN"
        return Process("muc-invite-relay", self.argv("run"), self.env)

    def argv(self, *arguments: str) -> list[str]:
        return [str(BINARY), "--config", str(self.config), *arguments]

    @property
    def name(self) -> str:
        return self.process.name

    @property
    def output(self) -> Feed[str]:
        """What it has printed, in all its runs."""
        return self.process.output

    async def launch(self) -> None:
        """Starts `run` and does not wait for a connection."""
        await self.process.start()

    async def start(self) -> None:
        """Starts `run` and waits until it is connected."""
        await self.launch()
        await self.connected()

    async def connected(self) -> None:
        """Waits until the relay is connected, for the next time if it has been before."""
        await self.process.says("link is up")

    async def stop(self) -> None:
        """SIGTERM: it settles what is under way and must end well. How soon: faults/test_stop.py."""
        said = len(self.output.all)
        code = await self.process.stop()
        assert code == 0, f"exit code {code}"
        # On a fast clock, its 5 s for that are a moment in which no disk has to be ready.
        if "x" not in self.env.get("FAKETIME", ""):
            assert not any("the journal did not close in time" in line for line in self.output.all[said:])

    async def kill(self) -> None:
        await self.process.kill()

    async def restart(self, crash: bool = False) -> None:
        """Ends it, in good order or by SIGKILL, and starts it again on the same journal."""
        await (self.kill() if crash else self.stop())
        await self.start_again()

    async def start_again(self) -> None:
        """Starts it after it ended, on the same journal."""
        self.prepare_again()
        await self.start()

    def prepare_again(self) -> None:
        """After it ended, makes `launch` and `start` possible again; its log goes on."""
        before, self.process = self.process, self._new_process()
        self.process.output.all[:0] = before.output.all

    @property
    def log(self) -> str:
        return "\n".join(self.output.all)

    async def command(self, *arguments: str) -> str:
        """Runs another command of the binary on the same configuration and returns what it prints."""
        process = await asyncio.create_subprocess_exec(
            *self.argv(*arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **self.env},
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, f"{arguments}: exit code {process.returncode}\n{errors.decode()}"
        return output.decode()

    async def history(self, *filters: str) -> list[dict[str, object]]:
        """What became of the invitations, newest first."""
        return [json.loads(line) for line in (await self.command("history", "--json", *filters)).splitlines()]

    async def _writes(self) -> AsyncIterator[None]:
        """Now, and each time that the journal has been written; once a second at least.

        Asking the journal costs a process, and many tests wait side by side for what the relay does meanwhile. Of one in
        PostgreSQL nobody says when it is written: it is asked every tenth of a second.
        """
        while not self.journal:
            yield
            await asyncio.sleep(0.1)
        wal = Path(f"{self.journal}-wal")
        while True:
            seen = _stamp(wal)
            yield
            for _ in range(50):
                if _stamp(wal) != seen:
                    break
                await asyncio.sleep(0.02)

    async def has_taken_in(self, count: int, within: float = WITHIN) -> None:
        """Waits until the journal has so many invitations, under way or settled."""
        try:
            async with asyncio.timeout(within):
                async for _ in self._writes():
                    if (found := len(await self.history("--limit", "1000000"))) >= count:
                        return
        except TimeoutError:
            raise AssertionError(f"{found} invitations, not {count}, in the journal in {within} s") from None

    async def settled(self, count: int, *filters: str, within: float = WITHIN) -> list[dict[str, object]]:
        """Waits until so many invitations are in the history and none is pending; oldest first.

        Asks again and again: the journal is the relay's only word on what it has suppressed.
        """
        try:
            async with asyncio.timeout(within):
                async for _ in self._writes():
                    records = await self.history(*filters)
                    if len(records) >= count and all(record["state"] != "pending" for record in records):
                        return records[::-1]
                    assert self.process.running, "the relay has ended"
        except TimeoutError:
            raise AssertionError(f"not {count} settled invitations in {within} s: {records}") from None
