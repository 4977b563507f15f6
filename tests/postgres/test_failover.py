"""The primary is killed and its replica promoted in the middle of a stream; `journal.url` names both.

With a synchronous replica nothing is lost. What an asynchronous one lacks is counted: what it had not received yet.
"""

from collections import Counter

import pytest

from postgres.stream import Stream

pytestmark = pytest.mark.xdist_group("postgres")

PART = 100

ALL = ("--limit", "1000000")


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


async def waits_for_its_replica(primary):
    await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    await primary.sql("SELECT pg_reload_conf()")
    await primary.until("SELECT sync_state FROM pg_stat_replication", "sync")


@pytest.mark.parametrize("hang", [False, True], ids=["up to the end", "not at the end"])
async def test_a_synchronous_replica_has_all(scripted, primary, replica, replication, stream, hang):
    """Not what comes while it does not answer: that is not taken in."""
    await waits_for_its_replica(primary)
    await stream.delivered(*stream.send(PART))
    if hang:
        await stream.relay.settled(PART, *ALL)
        replication.hang()
    last = stream.send(PART)
    if hang:
        committing = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        await primary.until(committing, "1")
        assert not {delivery.contact for delivery in scripted.deliveries} & set(last)
    else:
        await stream.delivered(last[0])

    replication.cut()
    await primary.kill()
    stream.send(PART)
    await replica.promote()

    await stream.relay.process.says("relaying goes on")
    stream.send(PART)
    assert await stream.arrives() == 0


async def test_the_relay_dies_with_the_primary(scripted, primary, replica, stream, note):
    """And the replica is synchronous: all that was taken in is there."""
    await waits_for_its_replica(primary)
    scripted.answers_pings = False
    await stream.delivered(*stream.send(PART))
    await stream.relay.kill()
    await fail_over(primary, replica)
    scripted.answers_pings = True
    await stream.relay.start_again()

    again = await stream.arrives()

    note(f"{again} of {PART} arrived again; all were unconfirmed")
    assert again <= PART


@pytest.mark.parametrize("crash", [True, False], ids=["the relay is killed", "the relay lives"])
async def test_an_asynchronous_replica_lacks_the_last_moments(
    scripted, primary, replica, replication, stream, note, crash
):
    await stream.delivered(*stream.send(PART))
    replicated = await stream.relay.settled(PART, *ALL)
    lsn = await primary.sql("SELECT pg_current_wal_lsn()")
    await primary.until(f"SELECT replay_lsn >= '{lsn}' FROM pg_stat_replication", "t")
    replication.hang()
    ended = stream.send(PART)
    await stream.delivered(*ended)
    await stream.relay.settled(2 * PART, *ALL)
    scripted.answers_pings = False
    under_way = stream.send(PART)
    await stream.delivered(*under_way)

    if crash:
        await stream.relay.kill()
    replication.cut()
    await fail_over(primary, replica)
    if crash:
        scripted.answers_pings = True
        await stream.relay.start_again()
    else:
        scripted.answer_all()

    # It goes on with what there is.
    later = stream.send(PART)
    await stream.delivered(*later)
    records = await stream.relay.settled(2 * PART, *ALL)
    found = Counter(record["contact"] for record in records)
    assert found == Counter(record["contact"] for record in replicated) + Counter(later)
    sent = {delivery.id: delivery.contact for delivery in scripted.deliveries if delivery.contact not in later}
    again = [delivery for delivery in scripted.deliveries if delivery.contact in later and delivery.id in sent]
    note(
        f"{len(set(ended) - found.keys())} of {len(ended)} that had ended are gone, and {len(set(under_way) - found.keys())} "
        f"of {len(under_way)} under way: all that the replica had not received; of {len(later)} later ones {len(again)} "
        "have the id of one that is gone"
    )
