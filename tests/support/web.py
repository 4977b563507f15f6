"""What the relay shows by HTTP: pages as they come, and metrics as numbers. Knows nothing of what they mean."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from support.feed import WITHIN

_SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Web:
    """One address."""

    def __init__(self, port: int):
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"

    async def get(self, path: str, method: str = "GET", accept: str = "*/*") -> Answer:
        async with asyncio.timeout(WITHIN):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            fields = ["Host: 127.0.0.1", f"Accept: {accept}", "Connection: close"]
            writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *fields, "", ""]).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answer(int(status.split()[1]), headers, body.decode())

    async def metrics(self) -> dict[str, float]:
        """Each sample's value, by its name with the labels' values in the order of their names: `name route state`."""
        answer = await self.get("/metrics")
        assert answer.status == 200, answer
        return samples(answer.text)

    async def metrics_when(self, hold: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """The metrics as soon as this holds of them: what ends is counted a moment after it stands in the journal."""
        metrics = {}
        try:
            async with asyncio.timeout(WITHIN):
                while not hold(metrics := await self.metrics()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not in {WITHIN} s: {metrics}") from None
        return metrics

    async def until(self, path: str, status: int) -> Answer:
        """Asks until this path answers so."""
        answer = None
        try:
            async with asyncio.timeout(WITHIN):
                while answer is None or answer.status != status:
                    await asyncio.sleep(0.05)
                    answer = await self.get(path)
        except TimeoutError:
            raise AssertionError(f"{path} does not answer {status} in {WITHIN} s: {answer}") from None
        return answer


def samples(text: str) -> dict[str, float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            sample = _SAMPLE.fullmatch(line)
            assert sample, f"no sample: {line}"
            labels = [value for _, value in sorted(_LABEL.findall(sample["labels"] or ""))]
            found[" ".join([sample["name"], *labels])] = float(sample["value"])
    return found
