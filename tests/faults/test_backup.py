"""`backup` while invitations pass: of one moment, and what is restored from it goes on from there."""

import asyncio
import shutil
import signal
import sqlite3
import stat

from faults.crowd import all_arrive, invite
from support import journal
from support.process import Process


async def test_under_load(scripted, relay, tmp_path, note):
    contacts = invite(scripted, 3000)
    backups = []
    for point in (300, 900, 1500):
        await scripted.until(lambda point=point: len(scripted.deliveries) >= point, f"{point} deliveries")
        backups.append(tmp_path / f"backup-{point}.db")
        await relay.command("backup", str(backups[-1]))
    assert await all_arrive(scripted, relay, contacts) == 0

    for backup in backups:
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        then = journal.read(backup)
        # Each has come in and is under way, or has ended: none is both, none is missing.
        assert sorted([*then.pending, *then.settled]) == list(range(1, len(then.pending) + len(then.settled) + 1))
        note(f"{backup.name}: {len(then.settled)} settled, {len(then.pending)} under way")
    assert len(then.settled) > 0

    # Restored as docs/backup.md says: what was under way then goes out (again, for it has since), the rest stays as it was.
    await relay.stop()
    shutil.copy(backups[-1], relay.journal)
    scripted.deliveries.clear()
    await relay.start_again()
    records = await relay.settled(len(then.pending) + len(then.settled), "--limit", "100000")
    assert len(records) == len(then.pending) + len(then.settled)
    assert {delivery.contact for delivery in scripted.deliveries} == set(then.pending.values())


async def test_no_room_for_it(disk, scripted, relay):
    contacts = invite(scripted, 2000)
    await all_arrive(scripted, relay, contacts)
    disk.fill()
    before = sorted(disk.directory.iterdir())

    process = await asyncio.create_subprocess_exec(
        *relay.argv("backup", str(disk.directory / "backup.db")), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert "on whose disk there is room for it" in errors.decode()
    assert sorted(disk.directory.iterdir()) == before


async def test_interrupted(relay, tmp_path):
    """Ctrl-C in the middle leaves nothing behind."""
    with sqlite3.connect(relay.journal) as db:
        db.execute(
            "WITH RECURSIVE n (id) AS (VALUES (1) UNION ALL SELECT id + 1 FROM n WHERE id < 500000) INSERT INTO history "
            "(id, received, settled, route, room, inviter, contact, state) "
            "SELECT id, 1, 1 << 50, 'addressed', 'tea@conference.example', 'alice@example', 'bob@example', 'relayed' FROM n"
        )
    db.close()
    folder = tmp_path / "backups"
    folder.mkdir()

    process = Process("backup", relay.argv("backup", str(folder / "backup.db")))
    await process.start()
    while process.running and not list(folder.iterdir()):
        await asyncio.sleep(0)
    process.signal(signal.SIGINT)

    assert await process.ends() == 1
    assert "interrupted" in process.output.all[-1]
    assert list(folder.iterdir()) == []
