"""One thread of a program stands still while the others go on, as if the disk had stopped answering it."""

import ctypes
import os
from pathlib import Path

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WAIT_FOR_THREADS = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Thread:
    """The thread whose name begins like this; it goes on at the latest when the tests end."""

    def __init__(self, pid: int, name: str):
        tasks = Path(f"/proc/{pid}/task")
        names = {int(task.name): (task / "comm").read_text().strip() for task in tasks.iterdir()}
        found = [id for id, comm in names.items() if comm.startswith(name)]
        assert len(found) == 1, f"threads: {names}"
        self._id = found[0]

    def stand_still(self) -> None:
        _ptrace(PTRACE_SEIZE, self._id)
        _ptrace(PTRACE_INTERRUPT, self._id)
        os.waitpid(self._id, WAIT_FOR_THREADS)

    def go_on(self) -> None:
        _ptrace(PTRACE_DETACH, self._id)


def _ptrace(request: int, thread: int) -> None:
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
