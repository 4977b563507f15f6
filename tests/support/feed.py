"""Things as they come in, and a way to wait for the next one. Knows nothing of what they are."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

WITHIN = 30
"""Seconds that what must happen may take on a busy machine; ordinary things take milliseconds.

Less than the minute that a server waits for the relay in most tests of hand-over: what comes in this time has not waited
for that to pass.
"""


class Feed(Generic[T]):
    """What a program printed or a client received, oldest first."""

    def __init__(self, name: str):
        self.name = name
        self.all: list[T] = []
        self._untaken: list[T] = []
        self._ended: str | None = None
        self._changed = asyncio.Event()
        self.ended = asyncio.Event()
        """Nothing more comes."""

    def put(self, item: T) -> None:
        self.all.append(item)
        self._untaken.append(item)
        self._changed.set()

    def end(self, why: str) -> None:
        """Nothing more will come: whoever waits is told so at once."""
        self._ended = why
        self.ended.set()
        self._changed.set()

    async def take(self, wanted: Callable[[T], bool], *, within: float = WITHIN) -> T:
        """The first item that fits and was not taken before; fails if none comes in so many seconds."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for index, item in enumerate(self._untaken):
                        if wanted(item):
                            return self._untaken.pop(index)
                    if self._ended:
                        raise AssertionError(f"{self.name}: {self._ended} before {wanted} came")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name}: {wanted} did not come in {within} s") from None


class Wanted(Generic[T]):
    """A condition with a name, so that a failing wait can say what it waited for."""

    def __init__(self, description: str, holds: Callable[[T], bool]):
        self._description = description
        self._holds = holds

    def __call__(self, item: T) -> bool:
        return self._holds(item)

    def __str__(self) -> str:
        return self._description
