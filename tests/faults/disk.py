"""A file system of some megabytes that a test can fill to the last byte."""

import ctypes
import os

import pytest

_libc = ctypes.CDLL(None, use_errno=True)
MEGABYTE = 1 << 20
DETACH = 2
"""Gone at once, and really so when nobody uses it any more."""


class SmallDisk:
    def __init__(self, directory):
        self.directory = directory
        self._filler = directory / "filler"

    def mount(self):
        if _libc.mount(b"tmpfs", bytes(self.directory), b"tmpfs", 0, f"size={64 * MEGABYTE},mode=0700".encode()):
            pytest.skip(f"no small disk: only root can mount one ({os.strerror(ctypes.get_errno())})")

    def unmount(self):
        assert _libc.umount2(bytes(self.directory), DETACH) == 0, os.strerror(ctypes.get_errno())

    def fill(self):
        """Until not a byte more can be written."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (MEGABYTE, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        self._filler.unlink()
