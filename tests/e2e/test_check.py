"""What `check` says of a real server, the relay running or not. What is missing: test_check_missing.py."""

from datetime import timedelta

import pytest

from support.checking import check
from support.clock import WallClock
from support.server import Setup

pytestmark = pytest.mark.every_version


async def test_a_running_relay_is_asked(stage, relay):
    [alice] = await stage.people("alice")
    await alice.create_room(stage.room())

    checked = await check(relay)

    assert checked.found("relay") == "runs, and was asked"
    for what in ("journal", "disk", "connection", "messages", "rosters", "rooms"):
        assert checked.state(what) == "ok", checked.line(what)
    # What the other scenarios' servers leave out.
    assert [finding["what"] for finding in checked.wrong] == ["hand-over"]
    assert checked.code == 1
    assert (await check(relay, "--without", "hand-over")).code == 0


@pytest.mark.parametrize("setup", [Setup(hand_over=5)], ids=["hand-over"])
async def test_what_can_be_had_is_there_and_nobody_is_warned(stage, relay):
    """Beside its mod_privilege, ejabberd 24.12 lets rooms be asked in inviters' names only, which is granted."""
    if "privileged-iq" in stage.server.lacks:
        pytest.skip("it has less to grant")
    assert (await check(relay)).code == 0
    assert "WARN" not in relay.log


async def test_without_a_relay_it_connects_itself(server, relays):
    checked = await check(relays(server), "--without", "hand-over")

    assert [finding["what"] for finding in checked.wrong] == ["relay"]
    assert checked.found("relay") == "does not run"
    assert checked.state("connection") == "ok"
    assert checked.code == 1
    assert (await check(relays(server), "--without", "hand-over,relay")).code == 0


@pytest.mark.needs("plain-iq")
@pytest.mark.parametrize("setup", [Setup(service_admin=False)], ids=["no service admin"])
async def test_rights_are_tried_on_a_hidden_room_that_somebody_was_invited_to(own_stage, relays):
    relay = relays(own_stage.server)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room(), public=False)
    assert (await check(relay)).state("rights", own_stage.server.muc) == "note"

    alice.invite(room, own_stage.relay_address(bob.bare))
    await relay.settled(1)

    assert (await check(relay)).state("rights", own_stage.server.muc) == "missing"


async def test_asking_clients_needs_their_presence(server, relays):
    checked = await check(relays(server, relay={"support": "ask"}), "--without", "hand-over,relay")

    assert checked.code == 1
    assert [finding["what"] for finding in checked.wrong] == ["presence"]
    assert "managed_entity" in checked.wrong[0]["remedy"]


@pytest.mark.parametrize("setup", [Setup(hand_over=30, presence=True)], ids=["presence"])
async def test_whoever_asks_clients_is_told_to_grant_presence_and_then_all_is_well(server, relays):
    checked = await check(relays(server, relay={"support": "ask"}), "--without", "relay")

    assert (checked.code, checked.wrong) == (0, [])
    assert checked.state("presence", server.host) == "ok"


async def test_a_service_that_is_none(server, relays):
    checked = await check(relays(server, muc={"services": [server.host]}))

    assert checked.code == 1
    # Where questions vanish it can't be asked.
    assert checked.line("rooms", server.host)["state"] == ("note" if "plain-iq-to-hosts" in server.lacks else "failed")


async def test_a_wrong_secret(server, relays):
    checked = await check(relays(server, component={"secret": "not the secret"}))

    assert checked.code == 1
    assert checked.state("connection") == "failed"
    assert "component.secret" in checked.found("connection")


@pytest.mark.parametrize("setup", [Setup(hand_over=5)], ids=["hand-over"])
@pytest.mark.parametrize(("ahead", "state"), [(-60, "failed"), (-5, "failed"), (0, "ok"), (5, "failed")])
async def test_a_clock_that_is_wrong(server, relays, tmp_path, ahead, state):
    relay, clock = relays(server), WallClock(tmp_path)
    clock.set(timedelta(seconds=ahead))
    relay.env |= clock.env

    checked = await check(relay)

    assert checked.state("clock") == state, checked.line("clock")
    assert checked.state("hand-over", server.muc) == "ok"


async def test_whoever_may_not_ask_the_relay_does_not_put_it_off_its_connection(server, relays):
    relay = relays(server)
    # Like a socket that this user can't reach: nobody can tell whether a relay runs.
    control = relay.journal.with_name(f"{relay.journal.name}.sock")
    control.symlink_to(control)

    checked = await check(relay)

    assert checked.code == 1
    assert checked.state("relay") == "failed"
    assert not any(finding["what"] == "connection" for finding in checked.findings)


async def test_one_journal_has_one_relay(server, relays):
    first, second = relays(server), relays(server)
    await first.start()
    second.config.write_text(second.config.read_text().replace(str(second.journal), str(first.journal)))
    await second.launch()
    assert await second.process.ends() == 1
    assert "another relay runs" in "\n".join(second.output.all)
