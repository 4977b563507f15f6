"""What monitoring systems see: metrics, whether the relay is alive, whether it is ready."""

import asyncio
import re
import socket
import time

import pytest

from support.feed import WITHIN
from support.ports import free_port
from support.relay import REPOSITORY
from support.stanzas import direct_invitation, notice
from support.web import Web

pytestmark = pytest.mark.one_of_each_make

OURS = "muc_invite_relay_"


@pytest.fixture
def web():
    return Web(free_port())


@pytest.fixture
def more():
    """More sections of the relay's configuration; tests parametrise this."""
    return {}


@pytest.fixture
def config(web, more):
    return more | {"metrics": {"listen": f"127.0.0.1:{web.port}"}}


def ended(now):
    """How many invitations have ended, and how."""
    return {name: value for name, value in now.items() if value and name.startswith(f"{OURS}invitations_total")}


async def test_what_became_of_invitations_is_counted_and_nobody_is_named(stage, relay, web):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    for contact in (bob, bob, carol):
        alice.invite(room, stage.relay_address(contact.bare))
        await relay.settled(1, "--contact", contact.bare)
    alice.invite(room, f"nobody@{stage.server.component}")
    await alice.expect(notice(room))
    records = await relay.settled(4)

    now = await web.metrics_when(lambda now: sum(ended(now).values()) == 4)

    assert [record["state"] for record in records] == ["relayed", "suppressed", "relayed", "refused"]
    assert ended(now) == {
        # By the labels' names: reason, route, state.
        f"{OURS}invitations_total none addressed relayed": 2,
        f"{OURS}invitations_total duplicate addressed suppressed": 1,
        f"{OURS}invitations_total malformed addressed refused": 1,
    }
    took = f"{OURS}invitation_duration_seconds"
    assert now[f"{took}_count relayed"] == 2
    assert 0 < now[f"{took}_sum relayed"] < sum(
        value for name, value in now.items() if name == f"{took}_bucket +Inf relayed"
    ) * 60
    assert now[f"{OURS}room_lookups_total miss"] >= 1
    assert now[f"{OURS}journal_size_bytes"] > 4096
    assert now[f"{OURS}journal_pending_invitations"] == 0
    assert now["process_resident_memory_bytes"] > 1 << 20
    text = (await web.get("/metrics")).text
    assert "@" not in text
    assert not [person for person in (alice, bob, carol) if person.bare.partition("@")[0] in text]


@pytest.mark.parametrize("more", [{"limits": {"per_inviter": "1/1h"}}], ids=["one in an hour"])
async def test_limits_that_are_used_up_are_counted(stage, relay, web):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    for contact in (bob, carol):
        alice.invite(room, stage.relay_address(contact.bare))
    await alice.expect(notice(room))

    now = await web.metrics()

    hits = {name.split()[1]: value for name, value in now.items() if name.startswith(f"{OURS}limit_hits_total")}
    assert hits == {"inviter": 1, "domain": 0, "room": 0, "contact": 0, "untrusted": 0, "commands": 0, "answers": 0}


async def test_it_is_ready_while_there_is_a_link(own_server, relays, config, web):
    relay = relays(own_server, **config)
    await relay.start()
    assert (await web.get("/healthz")).text == "alive\n"
    assert (await web.get("/readyz")).text == "ready\n"
    assert (await web.metrics())[f"{OURS}link_up"] == 1

    await own_server.kill()
    wrong = await web.until("/readyz", 503)
    assert wrong.text.startswith("no link to the server: ")
    async with asyncio.timeout(30):
        while "(the relay tries again in " not in (await web.get("/readyz")).text:
            pass
    assert (await web.get("/healthz")).status == 200
    assert (await web.metrics())[f"{OURS}link_up"] == 0

    await own_server.start()
    await web.until("/readyz", 200)
    now = await web.metrics()
    assert (now[f"{OURS}link_up"], now[f"{OURS}link_reconnects_total"]) == (1, 1)


async def test_a_port_that_is_taken_stops_no_invitation(stage, relays, config, web):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", web.port))
        other.listen()
        relay = relays(stage.server, **config)
        await relay.start()
        alice, bob = await stage.people("alice", "bob")
        room = await alice.create_room(stage.room())
        alice.invite(room, stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))
        said = await relay.process.says("metrics.listen")
        assert "Another program has this port: stop it, or choose another port" in said

    await relay.process.says("metrics are served at")
    assert (await web.get("/readyz")).text == "ready\n"
    assert len(re.findall("metrics.listen = ", relay.log)) == 1


async def test_what_may_happen_is_counted_from_the_start(relay, web):
    now = await web.metrics()
    total = f"{OURS}invitations_total"
    for ending in ("none addressed relayed", "bounced handed-over failed", "rate-limited direct refused", "none fan-out expired"):
        assert now[f"{total} {ending}"] == 0
    assert now[f"{OURS}link_reconnects_total"] == 0
    assert now[f"{OURS}limit_hits_total inviter"] == 0


async def test_the_process_is_seen_by_the_usual_names(relay, web):
    now = await web.metrics()
    assert abs(now["process_start_time_seconds"] - time.time()) < WITHIN
    assert 0 < now["process_cpu_seconds_total"] < WITHIN
    assert now["process_resident_memory_bytes"] > 1 << 20
    assert 5 < now["process_open_fds"] < now["process_max_fds"]


async def test_there_is_nothing_but_to_look(relay, web):
    assert (await web.get("/elsewhere")).status == 404
    posted = await web.get("/metrics", method="POST")
    assert (posted.status, posted.headers["allow"]) == (405, "GET, HEAD")
    head = await web.get("/healthz", method="HEAD")
    assert (head.status, head.text) == (200, "")
    assert head.headers["x-content-type-options"] == "nosniff"
    assert head.headers["content-security-policy"].startswith("default-src 'none';")


DOCUMENTED = re.compile(r"^\| `([a-z_]+)` \| ([a-z]+) \|", re.MULTILINE)
QUERIES = ["config/prometheus/alerts.yml", "config/grafana/muc-invite-relay.json"]


async def test_the_documents_know_the_metrics_that_there_are(stage, relay, web):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)
    await web.metrics_when(lambda now: now.get(f"{OURS}invitation_duration_seconds_count relayed") == 1)

    answer = await web.get("/metrics")

    types = re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, re.MULTILINE)
    there = set(types)
    assert set(DOCUMENTED.findall((REPOSITORY / "docs/monitoring.md").read_text())) == there
    samples = {name.split()[0] for name in await web.metrics()}
    for query in QUERIES:
        asked_for = set(re.findall(rf"{OURS}\w+|process_\w+", (REPOSITORY / query).read_text()))
        assert len(asked_for) > 5
        assert asked_for <= samples, query


@pytest.mark.parametrize("query", QUERIES)
def test_the_words_in_queries_are_those_of_history(query):
    known = set(re.findall(r"`([a-z-]+)`", (REPOSITORY / "docs/troubleshooting.md").read_text()))
    known |= set(re.findall(r"`([a-z-]+)`", (REPOSITORY / "docs/monitoring.md").read_text())) | {"none"}
    text = (REPOSITORY / query).read_text().replace("\\", "")
    words = re.findall(r'(?:state|reason|route|limit|result)[!=~]+"([a-z|-]+)"', text)
    assert words
    assert {word for group in words for word in group.split("|")} <= known


async def test_who_does_not_ask_for_open_metrics_gets_a_text(relay, web):
    """A browser, and programs that are older than OpenMetrics."""
    answer = await web.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    described = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, re.MULTILINE))
    parts = ("_bucket", "_sum", "_count")
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            name = re.match(r"\w+", line)[0]
            whole = next((name.removesuffix(part) for part in parts if name.endswith(part)), name)
            assert described.get(name, described.get(whole)), f"a sample that no line describes: {line}"
    assert all(name.endswith("_total") for name, kind in described.items() if kind == "counter")
    assert "# EOF" not in answer.text
    asked = await web.get("/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")
