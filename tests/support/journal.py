"""The journal as it lies on the disk, read without the relay: what it had committed when it was killed."""

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Journal:
    pending: dict[int, str]
    """What was under way: the contact by the invitation's id."""
    settled: dict[int, tuple[str, str]]
    """What had ended: contact and state by the invitation's id."""


def read(path: Path) -> Journal:
    """Reads a copy, so that the file and its WAL stay as the relay has left them."""
    with tempfile.TemporaryDirectory() as directory:
        for file in (path, Path(f"{path}-wal")):
            if file.exists():
                shutil.copy(file, directory)
        with sqlite3.connect(Path(directory) / path.name) as db:
            pending = db.execute("SELECT id, contact FROM pending").fetchall()
            settled = db.execute("SELECT id, contact, state FROM history").fetchall()
        db.close()
    return Journal(dict(pending), {id: (contact, state) for id, contact, state in settled})
