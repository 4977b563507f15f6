"""The primary is killed and its replica promoted in the middle of a stream; `journal.url` names both.

With a synchronous replica nothing is lost. What an asynchronous one lacks is counted: what it had not received yet.
"""

from collections import Counter

import pytest

from postgres.stream import Stream

pytestmark = pytest.mark.xdist_group("postgres")

PART = 100


@pytest.fixture
async def relay(scripted, primary, replica, database, relays, tmp_path):
    # The replica first: it takes no writes as long as it is one.
    ports = replica.port, primary.port
    relay = relays(scripted, journal=database.journal(tmp_path / "journal.key", *ports), log={"level": "info"})
    await relay.start()
    yield relay
    await relay.stop()


@pytest.fixture
def stream(scripted, relay):
    return Stream(scripted, relay)


async def fail_over(primary, replica):
    await primary.kill()
    await replica.promote()


async def test_a_synchronous_replica_has_all(scripted, primary, replica, stream):
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await primary.sql("SELECT pg_reload_conf()")
    await primary.until("SELECT sync_state FROM pg_stat_replication", "sync")
    await scripted.delivered(*stream.send(PART))
    first = stream.send(PART)
    await scripted.delivered(first[0])

    await primary.kill()
    stream.send(PART)
    await replica.promote()

    await stream.relay.process.says("relaying goes on")
    stream.send(PART)
    assert await stream.arrives() == 0


async def test_the_relay_dies_with_the_primary(scripted, primary, replica, stream, note):
    """And the replica is synchronous: all that was taken in is there."""
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await primary.sql("SELECT pg_reload_conf()")
    await primary.until("SELECT sync_state FROM pg_stat_replication", "sync")
    scripted.answers_pings = False
    await scripted.delivered(*stream.send(PART))
    await stream.relay.kill()
    await fail_over(primary, replica)
    scripted.answers_pings = True
    await stream.relay.start_again()

    again = await stream.arrives()

    note(f"{again} of {PART} arrived again; all were unconfirmed")
    assert again <= PART


async def test_an_asynchronous_replica_lacks_the_last_moments(scripted, primary, replica, replication, stream, note):
    await scripted.delivered(*stream.send(PART))
    replicated = await stream.relay.settled(PART, "--limit", "1000000")
    lsn = await primary.sql("SELECT pg_current_wal_lsn()")
    await primary.until(f"SELECT replay_lsn >= '{lsn}' FROM pg_stat_replication", "t")
    replication.hang()
    ended = stream.send(PART)
    await scripted.delivered(*ended)
    await stream.relay.settled(2 * PART, "--limit", "1000000")
    scripted.answers_pings = False
    under_way = stream.send(PART)
    await scripted.delivered(*under_way)

    await stream.relay.kill()
    replication.cut()
    await fail_over(primary, replica)
    scripted.answers_pings = True
    await stream.relay.start_again()

    # It goes on with what there is.
    later = stream.send(PART)
    await scripted.delivered(*later)
    records = await stream.relay.settled(len(replicated) + PART, "--limit", "1000000")
    found = Counter(record["contact"] for record in records)
    assert found == Counter(record["contact"] for record in replicated) + Counter(later)
    gone = set(stream.contacts) - found.keys()
    assert gone == {*ended, *under_way}
    note(
        f"of {len(ended)} that had ended {len(gone & set(ended))} are not in the history, "
        f"of {len(under_way)} under way {len(gone & set(under_way))} are unknown: all that the replica had not received"
    )
    # Nothing of them is remembered: the same invitations are not taken for duplicates.
    ids = {record["id"] for record in records}
    assert len(ids) == len(records)
