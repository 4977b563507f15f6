"""The database of several relays fails, has no room, or answers late; and what operators do at the wrong moment.

The longer ones on demand, with LEAD_ROUNDS."""

import asyncio
import os
import signal
import time
import urllib.error
import urllib.request
from datetime import timedelta

import pytest

from postgres.leads import LEADS, STANDS_BY, Leads, Watched, times
from support.clock import WallClock
from support.ports import free_port

pytestmark = pytest.mark.xdist_group("postgres")

PART = 20

ON_DEMAND = pytest.mark.skipif(not os.environ.get("LEAD_ROUNDS"), reason="LEAD_ROUNDS is not set")

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON pending FOR EACH STATEMENT EXECUTE FUNCTION full_disk();
"""


@pytest.fixture
async def scripted(setup, tmp_path):
    server = Watched(setup, tmp_path / "scripted")
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def leads(scripted, database, relays, tmp_path):
    leads = Leads(scripted, database, relays, tmp_path / "journal.key")
    yield leads
    await leads.end()


@pytest.mark.parametrize("how", ["killed", *(pytest.param(how, marks=ON_DEMAND) for how in ("restarted", "paused"))])
async def test_postgres_is(postgres, leads, how, note):
    """Both may find the lead ended: the one that had it has it again."""
    first, second = await leads.pair()
    await leads.works()
    leads.send(PART)
    if how == "paused":
        postgres.pause()
        leads.send(PART)
        await asyncio.sleep(7)
        postgres.resume()
    else:
        await postgres.restart(crash=how == "killed")

    await leads.works()

    # A relay that loses the lead loses what it has read and not written down.
    assert LEADS not in second.log
    note(await leads.account(again=PART))


async def test_the_database_is_full(leads, note):
    """Nobody can write, so nothing is gained if another relay leads: it would do so every five seconds."""
    first, second = await leads.pair()
    await leads.works()
    await leads.sql(FULL)
    leads.send(PART)
    await first.process.says("can't be written")
    epoch = int(await leads.sql("SELECT epoch FROM leader"))
    # Longer than the lead holds.
    await asyncio.sleep(8)
    taken = int(await leads.sql("SELECT epoch FROM leader")) - epoch
    await leads.sql("DROP TRIGGER full_disk ON pending")

    await leads.works()

    note(await leads.account(lost=PART))
    note(f"the lead was taken {taken} times while the database was full")
    assert taken == 0


@pytest.fixture
async def limited(postgres):
    """How many sessions relays may have."""
    async def limited(count):
        await postgres.sql(f"ALTER ROLE relay CONNECTION LIMIT {count}")

    yield limited
    await limited(-1)


async def test_no_session_is_left_at_the_takeover(leads, limited):
    """It waits, as one does that stands by: later there may be one."""
    first, second = await leads.pair()
    await leads.works()
    # The two that the relays have.
    await limited(1)
    await first.kill()
    await second.process.says(LEADS)
    await asyncio.sleep(2)
    still_runs = second.process.running
    await limited(-1)
    assert still_runs, second.output.all[-1]
    await second.connected()
    await leads.works()


@ON_DEMAND
async def test_a_table_is_locked_at_the_takeover(leads):
    """By VACUUM FULL, or REINDEX: for longer than a session waits for a lock."""
    first, second = await leads.pair()
    await leads.works()
    async with leads.locked("history"):
        await first.kill()
        await second.process.says(LEADS)
        await asyncio.sleep(7)
        assert second.process.running, second.output.all[-1]
    await second.connected()
    await leads.works()


async def healthy(relay):
    process = await asyncio.create_subprocess_exec(*relay.argv("healthy"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.fixture
async def slow_takeover(leads):
    """A relay that has taken the lead, and waits for what it reads then."""
    first, second = await leads.pair()
    await leads.works()
    async with leads.locked("history"):
        await first.kill()
        await second.process.says(LEADS)
        await leads.until("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted", "t")
        yield second


async def test_it_is_healthy_while_it_takes_over(slow_takeover):
    code, said = await healthy(slow_takeover)
    assert code == 0, said


async def test_it_is_told_to_stop_while_it_takes_over(slow_takeover):
    assert await slow_takeover.process.stop(within=3) == 0


async def test_the_page_goes_on(leads):
    """The port of the metrics and the control socket are there in each state, and say which it is."""
    ports = [free_port(), free_port()]
    first = await leads.relay(metrics={"listen": f"127.0.0.1:{ports[0]}"})
    second = await leads.relay(metrics={"listen": f"127.0.0.1:{ports[1]}"})
    await first.start()
    await second.launch()
    await second.process.says(STANDS_BY)

    def get(port, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    for leader, other in [(0, 1), (1, 0)]:
        a, b = leads.all[leader], leads.all[other]
        for path in ("/metrics", "/"):
            assert (await asyncio.to_thread(get, ports[leader], path))[0] == 200
            await asyncio.to_thread(get, ports[other], path)
        assert "connected" in (await healthy(a))[1]
        assert (await healthy(b))[1].startswith(f"alive: {STANDS_BY}")
        a.process.signal(signal.SIGSTOP)
        await leads.leads(b)
        a.process.signal(signal.SIGCONT)
        await a.process.says(STANDS_BY, within=60)
    assert "can't listen" not in first.log + second.log and "ERROR" not in first.log + second.log


@pytest.mark.parametrize("phase", ["stands by", "stands by, cut off", "loses the lead", pytest.param("leads, cut off", marks=ON_DEMAND)])
async def test_it_is_told_to_stop(leads, phase):
    """And to read its configuration, just before."""
    first, second = await leads.pair()
    match phase:
        case "stands by":
            relay = second
        case "stands by, cut off":
            relay = second
            leads.ways[second].hang()
            await asyncio.sleep(1)
        case "leads, cut off":
            relay = first
            leads.ways[first].hang()
            await leads.leads(second)
        case "loses the lead":
            relay = first
            first.process.signal(signal.SIGSTOP)
            leads.send(PART)
            await leads.leads(second)
            first.process.signal(signal.SIGCONT)
    relay.process.signal(signal.SIGHUP)
    begun = time.monotonic()
    code = await relay.process.stop()
    took = time.monotonic() - begun
    assert code == 0
    assert took < 20
    await leads.works()
    # What had come in was handed on before the end.
    await leads.account()


async def test_three_relays(leads, note):
    """Ten times the one that leads is stopped in the middle of a stream, and starts again."""
    relays = [*await leads.pair(), await leads.relay()]
    await relays[2].launch()
    await relays[2].process.says(STANDS_BY)
    leader = relays[0]
    took = []
    for _ in range(10):
        leads.send(PART)
        begun = time.monotonic()
        await leader.stop()
        others = [relay for relay in relays if relay is not leader]
        waiting = [asyncio.create_task(leads.leads(relay)) for relay in others]
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        took.append(time.monotonic() - begun)
        for task in left:
            task.cancel()
        assert len(done) == 1
        before, leader = leader, others[waiting.index(done.pop())]
        before.prepare_again()
        await before.launch()
        await before.process.says(STANDS_BY)
        await leads.works()
    note(await leads.account())
    note(f"ten hand-backs took {min(took):.1f} to {max(took):.1f} s; the lead was taken {await leads.sql('SELECT epoch FROM leader')} times")


@ON_DEMAND
async def test_a_backlog_of_thousands(scripted, leads, note):
    first, second = await leads.pair()
    await leads.works()
    scripted.answers_pings = False
    for _ in range(10):
        leads.send(200)
    await leads.until("SELECT count(*) >= 1000 FROM pending", "t")
    waiting = await leads.sql("SELECT count(*) FROM pending")
    begun = time.monotonic()
    await first.kill()
    scripted.answers_pings = True
    await leads.leads(second)
    await leads.works()
    note(f"{waiting} under way at the takeover; all done after {time.monotonic() - begun:.1f} s")
    note(await leads.account(lost=2000, again=int(waiting)))


@ON_DEMAND
async def test_the_machine_stands_still(tmp_path, scripted, leads, note):
    """And its clock with it: it learns of the lost lead at its next look at the database, and not from its clock."""
    first, second = await leads.relay(), await leads.relay()
    clock = WallClock(tmp_path, all_time=True)
    first.env.update(clock.env)
    first.prepare_again()
    await first.start()
    await second.launch()
    await second.process.says(STANDS_BY)
    await leads.works()
    claimed = await leads.sql("SELECT count(*) FROM claims")
    there = asyncio.create_task(leads.appeared(f"1 FROM claims HAVING count(*) > {claimed}"))
    await leads.until("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %LOOP%'", "1")
    leads.send(PART)
    await there
    first.process.signal(signal.SIGSTOP)
    begun = time.time()
    await leads.leads(second)
    clock.set(timedelta(seconds=begun - time.time()))
    first.process.signal(signal.SIGCONT)
    await first.process.says("another relay has taken the lead", within=60)
    await leads.works()
    by = scripted.came_by
    late = sum(a > b for a, b in zip(by, by[1:]))
    note(f"{late} of {len(by)} came by the older connection after the newer one had sent")
    assert late <= PART


@pytest.mark.parametrize("synchronous", [True, pytest.param(False, marks=ON_DEMAND)], ids=["synchronous", "asynchronous"])
async def test_a_replica_is_promoted(scripted, primary, replica, replication, leads, synchronous, note):
    """Whoever leads then. What an asynchronous one has not received is not known to anybody any more."""
    if synchronous:
        await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await primary.sql("SELECT pg_reload_conf()")
        await primary.until("SELECT sync_state FROM pg_stat_replication", "sync")
    first, second = await leads.pair(replica.port)
    await leads.works()
    lsn = await primary.sql("SELECT pg_current_wal_lsn()")
    await primary.until(f"SELECT replay_lsn >= '{lsn}' FROM pg_stat_replication", "t")
    if not synchronous:
        replication.hang()
    sent = leads.send(PART)
    await scripted.delivered(sent[0])
    await asyncio.sleep(1)
    replication.cut()
    await primary.kill()
    leads.send(PART)
    await replica.promote()
    leads.database.server = replica

    await leads.works()

    # What was delivered a moment ago may not have ended yet.
    known = "SELECT contact FROM history UNION SELECT contact FROM pending"
    rows = set((await leads.sql(known)).splitlines())
    delivered = {delivery.contact for delivery in scripted.deliveries}
    unknown = len(delivered - rows)
    note(f"{unknown} of {len(delivered)} that were delivered are unknown; {times(second, LEADS)} takeovers")
    note(await leads.account(lost=2 * PART, again=2 * PART))
    assert not (synchronous and unknown)


@ON_DEMAND
async def test_all_start_at_once(leads):
    """With no tables yet. And when the one that leads is killed, one of the others does."""
    relays = [await leads.relay() for _ in range(3)]
    await asyncio.gather(*(relay.launch() for relay in relays))

    async def one_leads():
        waiting = [asyncio.create_task(leads.leads(relay)) for relay in relays if relay.process.running]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await leads.works()
        return next(relay for relay in relays if relay.process.running and LEADS in relay.log)

    first = await one_leads()
    await first.kill()
    second = await one_leads()
    assert sorted(times(relay, LEADS) for relay in relays) == [0, 1, 1]
    assert second is not first


async def test_a_wrong_configuration_is_read_while_it_stands_by(leads):
    """It goes on with the one that it has, and leads with that."""
    first, second = await leads.pair()
    right = second.config.read_text()
    second.config.write_text("[component\n")
    second.process.signal(signal.SIGHUP)
    await second.process.says("the new configuration is wrong")
    await first.stop()
    await leads.leads(second)
    await leads.works()
    second.process.signal(signal.SIGHUP)
    await second.process.says("the new configuration is wrong")
    second.config.write_text(right)
    second.process.signal(signal.SIGHUP)
    await second.process.says("nothing that changes at once")


@ON_DEMAND
@pytest.mark.parametrize("ahead", [-3600, 3600], ids=["back", "forward"])
async def test_the_clock_of_the_leader_is_set(tmp_path, scripted, leads, ahead):
    """The lead is counted by the database's clock, and by time passed. The deadlines of hand-overs are not."""
    first, second = await leads.relay(), await leads.relay()
    clock = WallClock(tmp_path)
    first.env.update(clock.env)
    first.prepare_again()
    await first.start()
    await second.launch()
    await second.process.says(STANDS_BY)
    await leads.works()
    clock.set(timedelta(seconds=ahead))
    await scripted.delivered(leads.send(2)[0])
    # Longer than the lead holds.
    await asyncio.sleep(7)
    await scripted.delivered(leads.send(2)[0])
    assert LEADS not in second.log
    await first.kill()
    await leads.leads(second)
    await leads.works()
