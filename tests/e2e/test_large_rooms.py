"""members@ a room with a thousand members and more: its lists are asked for once, each is invited once, memory stays small.

What a larger one costs, with the figures printed at the end:

    LARGE_ROOM=50000 RELAY_BIN=target/release/muc-invite-relay \\
        /usr/bin/python3 -m pytest -c tests/pytest.ini tests/e2e/test_large_rooms.py
"""

import os
import time

import pytest

from support.ports import free_port
from support.sink import Sink
from support.spent import Spent
from support.stanzas import notice, sum_said
from support.web import Web

pytestmark = pytest.mark.one_of_each_make

SIZE = int(os.environ.get("LARGE_ROOM", "1000"))
OURS = "muc_invite_relay_"

WITHIN = 30 + SIZE / 50
"""Seconds that all of it may take, on a machine that does other things as well."""

GROWN_OLD = 1
"""Seconds after which a room is asked again, if somebody is still to be invited to it; longer if it is slow to answer."""


@pytest.fixture
def web():
    return Web(free_port())


@pytest.fixture
def config(web):
    listen = {"listen": f"127.0.0.1:{web.port}"}
    return {"log": {"level": "info"}, "limits": {"max_recipients": SIZE}, "metrics": listen}


@pytest.mark.parametrize("home", ["elsewhere", "here"])
@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_everybody_in_a_large_room_is_invited_once(stage, relay, web, note, members_only, home):
    server = stage.server
    [alice] = await stage.people("alice")
    # Of those who live here the server is asked more: whom they block. They need no accounts for that.
    members = [f"m{n}@{server.host if home == 'here' else server.remote}" for n in range(SIZE)]
    room = stage.room()
    await server.large_room(alice, room, members, members_only)

    async with Sink(server) as sink:
        before, begun = (Spent.by(relay.process), Spent.by(server.process)), time.monotonic()
        alice.invite(room, f"members@{server.component}", "Come & talk")
        told = await alice.expect(notice(room), within=WITHIN)
        took = time.monotonic() - begun
        unsure = f", {SIZE} of those invited not confirmed yet (on other servers)" if home == "elsewhere" else ""
        assert sum_said(told, room) == f"{SIZE} invited{unsure}"
        [whole] = await relay.settled(1, "--contact", f"members@{server.component}")
        assert whole["state"] == "relayed"
        if home == "elsewhere":
            # What the server has taken comes in on another connection.
            await sink.until(lambda: len(sink.reached) == SIZE)
            assert set(sink.reached) == set(members)
            assert set(sink.reached.values()) == {1}

    after = Spent.by(relay.process), Spent.by(server.process)
    ours, servers = ((now.cpu - then.cpu) / SIZE * 1e6 for now, then in zip(after, before))
    asked = (await web.metrics())[f"{OURS}room_lookups_total miss"]
    first = f"the first after {sink.first - begun:.1f} s, " if sink.first else ""
    note(
        f"{SIZE} members: {first}all after {took:.1f} s ({SIZE / took:.0f} a second); "
        f"CPU for each {ours:.0f} µs of the relay, {servers:.0f} µs of the server; "
        f"{after[0].peak:.0f} MB at most; the room was asked {asked:.0f} times"
    )
    assert asked <= 2 + took / GROWN_OLD
    assert after[0].peak < 64
