"""Clocks that go fast, or are set while the relay runs (libfaketime). Knows nothing of what depends on them."""

from datetime import timedelta
from pathlib import Path


def _library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "libfaketime is missing: apt-get install libfaketime"
    return str(found[0])


def faster(times: float) -> dict[str, str]:
    """The environment of a program for which all time passes so many times as fast."""
    return {"LD_PRELOAD": _library(), "FAKETIME": f"+0 x{times}"}


class WallClock:
    """A wall clock that a test sets, as an administrator or NTP does.

    What counts time passed is not touched by it, unless `all_time`: then so much time has passed.
    """

    def __init__(self, directory: Path, all_time: bool = False):
        self._file = directory / "clock"
        self.set(timedelta(0))
        self.env = {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
        }
        if not all_time:
            self.env["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"

    def set(self, ahead: timedelta) -> None:
        """So far ahead of the real time; behind it if negative."""
        # Written beside and moved: it is read at any moment.
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.0f}\n")
        new.rename(self._file)
