"""The log in its forms: one line for each outcome, colours for people only, fields in systemd's journal."""

import asyncio
import json
import os

import pytest

from support import journald
from support.journald import Journald
from support.process import Process
from support.stanzas import direct_invitation

pytestmark = pytest.mark.one_of_each_make

OUTCOMES = {"relayed", "suppressed", "refused", "handed-back", "failed", "expired"}


async def relayed_and_suppressed(stage, relay):
    """The records of the two, and their room."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare), "a reason")
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    alice.invite(room, stage.relay_address(bob.bare), "a reason")
    return await relay.settled(2), room


@pytest.mark.parametrize("config", [{"log": {"format": "json"}}], ids=["json"])
async def test_json_has_one_object_for_each_outcome(stage, relay):
    records, _ = await relayed_and_suppressed(stage, relay)
    await relay.stop()

    logged = [json.loads(line) for line in relay.output.all]

    outcomes = [event for event in logged if event["message"] in OUTCOMES]
    expected = [{name: record[name] for name in ("id", "route", "room", "inviter", "contact")} for record in records]
    assert [{name: event[name] for name in expected[0]} for event in outcomes] == expected
    assert [(event["message"], event.get("reason")) for event in outcomes] == [
        ("relayed", None),
        ("suppressed", "duplicate"),
    ]
    assert all(isinstance(event["ms"], int) for event in outcomes)
    assert "a reason" not in relay.log


@pytest.mark.parametrize("config", [{"log": {"format": "text"}}], ids=["text"])
async def test_text_has_one_line_for_each_outcome_and_no_colours(stage, relay):
    await relayed_and_suppressed(stage, relay)
    await relay.stop()

    outcomes = [line for line in relay.output.all if any(f": {outcome} id=" in line for outcome in OUTCOMES)]

    assert len(outcomes) == 2
    assert "\x1b" not in relay.log


async def test_colours_are_for_terminals(server, relays):
    relay = relays(server)
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(*relay.argv("run"), stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"link is up" not in seen:
        seen += await asyncio.to_thread(os.read, ours, 4096)
    process.terminate()
    assert await process.wait() == 0
    os.close(ours)
    assert b"\x1b[" in seen


@pytest.mark.skipif(journald.obstacle() is not None, reason=f"no journal here: {journald.obstacle()}")
async def test_the_journal_has_fields(stage, relays, tmp_path):
    journal = Journald(tmp_path / "journal")
    relay = relays(stage.server, log={"format": "journald"})
    relay.process = Process(relay.name, journal.around(relay.argv("run")))
    await relay.launch()
    await journal.entry(MESSAGE="link is up")

    records, room = await relayed_and_suppressed(stage, relay)
    entry = await journal.entry(MESSAGE="suppressed")

    assert entry["SYSLOG_IDENTIFIER"] == "muc-invite-relay"
    assert entry["PRIORITY"] == "5"
    assert entry["TARGET"].startswith("muc_invite_relay::relay")
    fields = {name: entry[f"F_{name.upper()}"] for name in ("id", "route", "room", "inviter", "contact", "reason")}
    assert fields == {name: str(records[1][name]) for name in fields}
    assert (await journal.entry(F_CONTACT=records[0]["contact"], MESSAGE="relayed"))["F_ROOM"] == room
    assert relay.log == ""
