"""Several relays with one journal beside a scripted XMPP server, an audit of what they write, and what must be true of it however the
lead has gone from one to another. Knows no faults."""

import asyncio
import contextlib
import re
from collections import Counter

from support.between import Between
from support.feed import WITHIN
from support.scripted import Scripted
from support.stanzas import reply

LEADS = "this relay leads"
STANDS_BY = "stands by: "

COMMITTED = rb"C\x00\x00\x00\x0bCOMMIT\x00"
"""The answer to COMMIT (CommandComplete)."""

_AUDIT = """
CREATE TABLE audit (number BIGSERIAL, session INT, epoch BIGINT, what TEXT, id BIGINT);
CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO audit (session, epoch, what, id) SELECT pg_backend_pid(), leader.epoch, TG_TABLE_NAME,
        (to_jsonb(NEW) ->> TG_ARGV[0])::bigint FROM leader;
    RETURN NEW;
END $$;
CREATE TRIGGER audited BEFORE INSERT ON pending FOR EACH ROW EXECUTE FUNCTION audited('id');
CREATE TRIGGER audited BEFORE INSERT ON history FOR EACH ROW EXECUTE FUNCTION audited('id');
CREATE TRIGGER audited BEFORE INSERT ON batches FOR EACH ROW EXECUTE FUNCTION audited('number');
"""


class Watched(Scripted):
    """Notes by which connection an invitation came. It lets every connection in, and none has to go for another."""

    def __init__(self, setup, directory):
        super().__init__(setup, directory)
        self.came_by = []

    def _take(self, stanza, number, stream):
        before = len(self.deliveries)
        super()._take(stanza, number, stream)
        self.came_by += [number] * (len(self.deliveries) - before)


class Leads:
    """Relays `all`, each with a way of its own to the database."""

    def __init__(self, scripted, database, relays, key):
        self.scripted, self.database = scripted, database
        self._relays, self._key = relays, key
        self.all, self.ways = [], {}
        self.contacts = []
        self._handed_over = {}
        self._probes = 0

    async def relay(self, *before, **overrides):
        """One more, which does not run yet. `before`: ports of servers that stand before this one in its list."""
        way = Between(self.database.server.port, COMMITTED)
        await way.start()
        overrides = {"log": {"level": "info"}, **overrides}
        relay = self._relays(self.scripted, journal=self.database.journal(self._key, *before, way.port), **overrides)
        self.all.append(relay)
        self.ways[relay] = way
        return relay

    async def pair(self, *before, **overrides):
        """One that leads and one that stands by."""
        first, second = [await self.relay(*before, **overrides) for _ in range(2)]
        await first.launch()
        await self.leads(first)
        await self.sql(_AUDIT)
        await second.launch()
        await second.process.says(STANDS_BY)
        return first, second

    async def sql(self, statement):
        return await self.database.server.sql(statement, self.database.name)

    async def until(self, statement, answer):
        await self.database.server.until(statement, answer, self.database.name)

    async def leads(self, relay):
        """Waits until this one has taken the lead, and is connected."""
        await relay.process.says(LEADS, within=60)
        await relay.connected()

    def send(self, count):
        """Invitations to contacts of their own, every other one a hand-over, to the newest connection."""
        sent = []
        for _ in range(count):
            number = len(self.contacts)
            contact = self.scripted.jid(f"bob{number}")
            if number % 2:
                self._handed_over[f"h{number}"] = contact
                self.scripted.send(self.scripted.hand_over(f"bob{number}", id=f"h{number}"))
            else:
                self.scripted.send(self.scripted.invitation(f"bob{number}"))
            self.contacts.append(contact)
            sent.append(contact)
        return sent

    async def works(self):
        """By either route an invitation arrives in the inviter's name. Nothing waits: else hand-overs go back to the server's module."""
        await self.until("SELECT count(*) FROM pending", "0")
        for delivery in await self.scripted.delivered(*self.send(2)):
            assert delivery.privileged and delivery.sender == self.scripted.jid("alice")

    @contextlib.asynccontextmanager
    async def locked(self, table):
        """Another session has locked this table."""
        server = self.database.server
        psql = await asyncio.create_subprocess_exec(
            *("psql", "-XqAt", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-d", self.database.name),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        psql.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'locked';\n".encode())
        try:
            assert await asyncio.wait_for(psql.stdout.readline(), WITHIN) == b"locked\n"
            yield
        finally:
            psql.stdin.close()
            await psql.wait()

    async def appeared(self, when):
        """Returns as soon as this question has a row."""
        loop = f"DO $$ BEGIN LOOP PERFORM {when}; EXIT WHEN FOUND; PERFORM pg_sleep(0.0002); END LOOP; END $$"
        await asyncio.wait_for(self.sql(loop), WITHIN)

    async def account(self, lost=0, again=0):
        """What must be true in the end. `lost`, `again`: how many at most were written to a relay that was killed and have never been
        in the journal, and how many may have arrived twice. Returns how many did."""
        await self.until("SELECT (SELECT count(*) FROM late) + (SELECT count(*) FROM pending)", "0")
        rows = [row.split("|") for row in (await self.sql("SELECT contact, state, reason FROM history")).splitlines()]
        # Handed on by a relay that could not know that it had written it down: the contact is not asked again.
        known = [contact for contact, _, reason in rows if reason == "duplicate"]
        assert len(known) <= again, f"{len(known)} are in the journal twice, not {again} at most"
        rows = [row for row in rows if row[2] != "duplicate"]
        states = {contact: state for contact, state, _ in rows}
        assert len(states) == len(rows), f"more than one row: {Counter(row[0] for row in rows).most_common(3)}"
        ids = {}
        for delivery in self.scripted.deliveries:
            ids.setdefault(delivery.contact, []).append(delivery.id)
        missing = [contact for contact in self.contacts if contact not in ids]
        # One that was handed back is delivered by the server's module.
        kept = [contact for contact in missing if states.get(contact, "handed-back") != "handed-back"]
        assert not kept, f"in the journal, and not delivered: {kept}"
        answers = {id: any(reply(id)(it) and it.get("type") == "result" for it in self.scripted.taken.all) for id in self._handed_over}
        broken = [contact for id, contact in self._handed_over.items() if answers[id] and contact in missing]
        assert not broken, f"taken from the server's module, and not delivered: {broken}"
        gone = [contact for contact in missing if contact not in self._handed_over.values()]
        assert len(gone) <= lost, f"{len(gone)} of {len(self.contacts)} are lost: {gone[:5]}"
        changed = {contact: sent for contact, sent in ids.items() if len(set(sent)) > 1}
        assert not changed, f"sent again under another id: {changed}"
        twice = sum(len(sent) > 1 for sent in ids.values())
        assert twice <= again, f"{twice} arrived again, not {again} at most"
        by = self.scripted.came_by
        assert by == sorted(by), f"an older connection sent after a newer one: {by}"
        await self._is_fenced()
        handed_back = len(missing) - len(gone)
        return f"{twice} of {len(self.contacts)} arrived again, {len(known)} handed on though known, {len(gone)} lost, {handed_back} left to the module"

    async def _is_fenced(self):
        """A session writes under one epoch, and epochs follow each other."""
        several = await self.sql("SELECT session FROM audit GROUP BY session HAVING count(DISTINCT epoch) > 1")
        assert not several, f"sessions that wrote under two epochs: {several}"
        back = await self.sql(
            "SELECT what, id FROM (SELECT *, lag(epoch) OVER (ORDER BY number) AS before FROM audit) AS a WHERE before > epoch"
        )
        assert not back, f"written under an older epoch after a newer one: {back}"
        for what in ("pending", "batches"):
            older = await self.sql(
                f"SELECT id FROM (SELECT *, max(id) OVER (ORDER BY number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
                f"FROM audit WHERE what = '{what}') AS a WHERE before >= id"
            )
            assert not older, f"ids in {what} that are not newer than those before: {older}"

    async def end(self):
        for relay, way in self.ways.items():
            way.go_on()
            if relay.process.running:
                await relay.stop()
            await way.stop()


def times(relay, text):
    return len(re.findall(re.escape(text), relay.log))
