"""A relay's history, watched by one for many: all who wait for something are told when it has changed."""

import asyncio
from collections.abc import Callable, Mapping

from support.relay import Relay

Record = Mapping[str, object]
PAUSE = 0.1
"""Seconds between two looks, so that the machine has time for what is waited for."""


class History:
    """What `muc-invite-relay history` says, the oldest first."""

    def __init__(self, relay: Relay):
        self._relay = relay
        self.records: list[Record] = []
        self._fault = ""
        self._looked = asyncio.Condition()
        self._looking = asyncio.create_task(self._look())

    def end(self) -> None:
        self._looking.cancel()

    async def _look(self) -> None:
        while True:
            try:
                self.records = (await self._relay.history("--limit", "1000000"))[::-1]
            except AssertionError as fault:
                self._fault = str(fault)
            async with self._looked:
                self._looked.notify_all()
            await asyncio.sleep(PAUSE)

    async def until(self, holds: Callable[[], bool], what: Callable[[], object], within: float) -> None:
        """Waits until something holds for the records."""
        try:
            async with asyncio.timeout(within), self._looked:
                await self._looked.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"not in {within} s: {what()} {self._fault}") from None

    async def settled(self, wanted: Callable[[Record], bool], count: int, within: float) -> list[Record]:
        """Waits until so many of these have ended, and none is under way."""
        found: list[Record] = []

        def ended() -> bool:
            found[:] = [record for record in self.records if wanted(record)]
            return len(found) >= count and all(record["state"] != "pending" for record in found)

        await self.until(ended, lambda: f"{count} of {found}", within)
        return found
