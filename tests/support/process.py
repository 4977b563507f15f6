"""One program run by a test: its output line by line, its signals, its end. Knows nothing of what it does."""

import asyncio
import contextlib
import ctypes
import os
import signal

from support.feed import WITHIN, Feed, Wanted

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _end_with_the_tests() -> None:
    """Runs in the child: however the test run ends, its programs end with it."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program in a process group of its own."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str] | None = None):
        self.name = name
        self.argv = argv
        self.env = env
        self.output: Feed[str] = Feed(name)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **(self.env or {})},
            start_new_session=True,
            preexec_fn=_end_with_the_tests,
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.output.put(line.decode(errors="replace").rstrip("\n"))
        self.output.end("the program ended")

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def says(self, text: str, within: float = WITHIN) -> str:
        """Waits for a line with this text; a line found once is not found again."""
        return await self.output.take(Wanted(f"a line with {text!r}", lambda line: text in line), within=within)

    async def ends(self, within: float = WITHIN) -> int:
        """Waits for the program's own end and returns its exit code."""
        try:
            async with asyncio.timeout(within):
                code = await self._process.wait()
                await self._reader
                return code
        except TimeoutError:
            raise AssertionError(f"{self.name}: still running after {within} s") from None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def stop(self, within: float = WITHIN) -> int:
        """Asks the program to end (SIGTERM) and returns its exit code; fails, and kills it, if it does not."""
        if self.running:
            self.signal(signal.SIGTERM)
        try:
            return await self.ends(within)
        except AssertionError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """Ends the program at once (SIGKILL)."""
        if self.running:
            self.signal(signal.SIGKILL)
        await self.ends()


async def run(argv: list[str], env: dict[str, str] | None = None, within: float = 60) -> str:
    """Runs a program to its end, which must be a good one, and returns what it prints."""
    process = Process(argv[0], argv, env)
    await process.start()
    try:
        code = await process.ends(within)
    except AssertionError:
        await process.kill()
        raise
    output = "\n".join(process.output.all)
    assert code == 0, f"{argv}: exit code {code}\n{output}"
    return output
