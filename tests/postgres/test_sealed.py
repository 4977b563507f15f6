"""Payloads are sealed before they leave the relay: nothing of them stands in PostgreSQL's files or log, nor in the relay's log."""

import pytest

from support.stanzas import reply

pytestmark = pytest.mark.xdist_group("postgres")

PASSWORD, REASON = "planted-password", "planted-reason"
ROUTES = ("addressed", "handed-over")


@pytest.fixture
def config(journal):
    return {"journal": journal, "log": {"level": "trace"}}


def planted(scripted, route, contact):
    """An invitation with a reason and a password."""
    invitation = scripted.hand_over if route == "handed-over" else scripted.invitation
    stanza = invitation(contact).replace("Come &amp; talk", REASON).replace("Come in", REASON)
    return stanza.replace("</invite>", f"</invite><password>{PASSWORD}</password>")


async def shown(postgres, relay, *words):
    """Where these words stand, as they are or in hexadecimal as PostgreSQL logs bytes."""
    # What is only in memory goes into the files.
    await postgres.sql("CHECKPOINT")
    places = postgres.files() | {
        "PostgreSQL's log": "\n".join(postgres.output.all).encode(),
        "the relay's log": relay.log.encode(),
    }
    forms = [form.lower() for word in words for form in (word.encode(), word.encode().hex().encode())]
    return [place for place, content in places.items() if any(form in content.lower() for form in forms)]


async def test_nothing_shows_what_went_through(scripted, postgres, database, relays, config):
    await database.server.sql(f"ALTER DATABASE {database.name} SET log_statement = 'all'")
    relay = relays(scripted, **config)
    await relay.start()
    scripted.answers_pings = False
    for route in ROUTES:
        scripted.send(planted(scripted, route, route))
    assert (await scripted.taken.take(reply("handover"))).get("type") == "result"
    await scripted.delivered(*map(scripted.jid, ROUTES))
    # What fails is logged as well, with its parameters.
    writer = "SELECT pid FROM pg_stat_activity WHERE application_name = 'muc-invite-relay' AND datname = current_database()"
    await database.sql(f"BEGIN; LOCK pending; SELECT pg_terminate_backend(pid) FROM ({writer}) AS them; COMMIT")
    scripted.send(planted(scripted, "addressed", "later"))
    await scripted.delivered(scripted.jid("later"))

    assert await database.sql("SELECT count(*) FROM pending") == "3"
    assert await shown(postgres, relay, PASSWORD, REASON) == []
    # These are the places: who is invited is not sealed.
    contact = await shown(postgres, relay, scripted.jid("handed-over"))
    assert {"PostgreSQL's log", "the relay's log"} < set(contact)
    assert {place.partition("/")[0] for place in contact} > {"base", "pg_wal"}

    # What goes on after a crash is read from the database again.
    scripted.answers_pings = True
    await relay.restart(crash=True)
    assert {record["state"] for record in await relay.settled(3)} == {"relayed"}
    assert await database.sql("SELECT count(*) FROM pending") == "0"
    await relay.stop()
    assert "planted-url-password" not in relay.log
    assert await shown(postgres, relay, PASSWORD, REASON) == []
