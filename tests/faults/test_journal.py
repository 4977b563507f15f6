"""The journal is of an older version, of a newer one, or damaged: brought up to date, or refused with what to do."""

import hashlib
import sqlite3
import time
from pathlib import Path

import pytest

from faults.crowd import all_arrive, invite
from support.relay import REPOSITORY

MIGRATIONS = sorted((REPOSITORY / "migrations").glob("*.sql"))
VERSIONS = [pytest.param(MIGRATIONS[: n + 1], id=file.stem) for n, file in enumerate(MIGRATIONS)]


def make_journal(path: Path, migrations: list[Path], contacts: list[str], room: str, inviter: str) -> None:
    """As these migrations make it, with an invitation under way for each contact, one that has settled, its claim, and
    something in every other table."""
    path.touch(mode=0o600)
    now = int(time.time() * 1000)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        # As sqlx notes it.
        db.execute(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, "
            "installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, "
            "checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)"
        )
        for file in migrations:
            version, _, description = file.stem.partition("_")
            db.executescript(file.read_text())
            db.execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (?, ?, 1, ?, 0)",
                (int(version), description, hashlib.sha384(file.read_bytes()).digest()),
            )
        # One that has settled, and holds its contact and room.
        db.execute(
            "INSERT INTO pending (received, route, room, inviter, contact, continues) VALUES (?, 'addressed', ?, ?, 'x', 0)",
            (now, room, inviter),
        )
        db.execute("DELETE FROM pending")
        settled = "carol@example.test"
        db.execute(
            "INSERT INTO history (id, received, settled, route, room, inviter, contact, state, sent_as) "
            "VALUES (1, ?, ?, 'addressed', ?, ?, ?, 'relayed', ?)",
            (now, now, room, inviter, settled, inviter),
        )
        key = hashlib.sha256(settled.encode() + b"\0" + room.encode()).digest()[:16]
        older = "older_claims" if "older_claims" in tables(db) else "claims"
        db.execute(f"INSERT INTO {older} (key, at, invitation) VALUES (?, ?, 1)", (key, now))
        for contact in contacts:
            db.execute(
                "INSERT INTO pending (received, route, room, inviter, contact, reason, continues) "
                "VALUES (?, 'addressed', ?, ?, ?, 'Come & talk', 0)",
                (now, room, inviter, contact),
            )
        for table, columns in tables(db).items():
            if db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,):
                fill = {"INTEGER": lambda _: now, "TEXT": lambda name: f"{name}@example.test", "BLOB": lambda _: bytes(16)}
                row = [fill[type](name) for name, type in columns.items()]
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    db.close()


def tables(db: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """Each table's columns and their types; sqlx's own is left out."""
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations'").fetchall()
    columns = "SELECT name, type FROM pragma_table_info(?)"
    return {name: dict(db.execute(columns, (name,)).fetchall()) for (name,) in names}


def rows(path: Path, of: dict[str, dict[str, str]]) -> dict[str, list]:
    """What stands in these columns of these tables."""
    with sqlite3.connect(path) as db:
        found = {table: sorted(db.execute(f"SELECT {', '.join(columns)} FROM {table}")) for table, columns in of.items()}
    db.close()
    return found


@pytest.mark.parametrize("migrations", VERSIONS)
async def test_of_every_version_before(scripted, relays, config, migrations):
    relay = relays(scripted, **config)
    contacts = [scripted.jid(f"bob{n}") for n in range(20)]
    make_journal(relay.journal, migrations, contacts, scripted.room("tea"), scripted.jid("alice"))
    with sqlite3.connect(relay.journal) as db:
        then = tables(db)
    db.close()
    # What no later version has a use for goes.
    later = " ".join(file.read_text() for file in MIGRATIONS)
    then = {table: columns for table, columns in then.items() if f"DROP TABLE {table};" not in later}
    before = rows(relay.journal, then)
    assert all(before.values()), "there is a table without a row"

    # As long as nothing happens, all is as it was, but for the claims' keys, which are made anew. Those of before have a table of
    # their own.
    await scripted.kill()
    await relay.launch()
    await relay.process.says("can't be reached")
    claims = "older_claims" if "older_claims" in then else "claims"
    now = {"older_claims" if table == claims else table: columns for table, columns in then.items()}
    after = rows(relay.journal, now)
    before["older_claims"] = before.pop(claims)
    for found in (before, after):
        found["older_claims"] = [claim[1:] for claim in found["older_claims"]]
        found["journal"] = [journal[:1] for journal in found["journal"]]
    assert after == before
    await scripted.start()
    await relay.connected()

    # What was under way goes on, what had ended is known, and its claim holds.
    await scripted.delivered(*contacts)
    scripted.send(scripted.invitation("carol"))
    records = await relay.settled(22)
    assert [record["state"] for record in records] == ["relayed"] * 21 + ["suppressed"]
    assert [record["id"] for record in records] == list(range(1, 23))
    assert scripted.jid("carol") not in {delivery.contact for delivery in scripted.deliveries}


async def refused(relay, *words):
    """It does not start, says what to do, and leaves the journal as it was."""
    before = relay.journal.read_bytes()
    relay.prepare_again()
    await relay.launch()
    assert await relay.process.ends() == 1
    for word in words:
        assert word in relay.log
    assert relay.journal.read_bytes() == before


@pytest.fixture
async def settled(scripted, relay):
    """A relay that has ended in good order after some invitations."""
    await all_arrive(scripted, relay, invite(scripted, 200))
    await relay.stop()
    return relay


async def test_of_a_newer_version(settled):
    with sqlite3.connect(settled.journal) as db:
        db.execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) "
            "VALUES (29991231000000, 'later', 1, x'00', 0)"
        )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

    await refused(settled, "written by a newer muc-invite-relay", "Install that version again")


def garbage(whole):
    return b"this is no database, and never was one" * 1000


def cut(whole):
    return whole[: len(whole) // 2]


def holed(whole):
    return whole[:4096] + b"\x55" * 8192 + whole[12288:]


def one_page_of_zeros(whole):
    return whole[:8192] + bytes(4096) + whole[12288:]


@pytest.mark.parametrize("damage", [garbage, cut, holed, one_page_of_zeros])
async def test_damaged(settled, damage):
    settled.journal.write_bytes(damage(settled.journal.read_bytes()))

    await refused(settled, "is damaged", "Restore it from a backup, or move it away")


async def test_moved_away(settled, scripted):
    """What the remedy says works."""
    settled.journal.write_bytes(garbage(b""))
    settled.journal.rename(settled.journal.with_suffix(".broken"))

    await settled.start_again()

    scripted.deliveries.clear()
    assert await all_arrive(scripted, settled, invite(scripted, 20)) == 0
