"""What a process has used since it began, from /proc. Knows nothing of what it did."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from support.process import Process


@dataclass(frozen=True)
class Spent:
    """CPU time and memory of one process."""

    cpu: float
    """Seconds, in user and kernel mode, of all its threads."""
    peak: float
    """The most memory that it has had at a time, in MB."""

    @classmethod
    def by(cls, process: Process) -> "Spent":
        directory = Path(f"/proc/{process.pid}")
        # Behind the name, which may have spaces in it.
        fields = (directory / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", (directory / "status").read_text())[1])
        return cls(ticks / os.sysconf("SC_CLK_TCK"), peak / 1024)
