"""Operators invite from the shell, through the running relay, in a user's name; admins do the same by an ad-hoc command."""

import asyncio
import json
import os
from collections import Counter

import pytest

from support.server import Setup
from support.stanzas import direct_invitation, invitation

pytestmark = pytest.mark.one_of_each_make


@pytest.fixture
def config():
    return {"limits": {"per_inviter": "1/1h", "per_room": "1/1h", "max_recipients": 1}}


@pytest.fixture
def invite(relay):
    """Runs `invite`: its exit code and the objects that it prints, by contact; what it says where there are none."""

    async def invite(*arguments):
        process = await asyncio.create_subprocess_exec(
            *relay.argv("invite", "--json", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **relay.env},
        )
        output, errors = await process.communicate()
        lines = [json.loads(line) for line in output.decode().splitlines()]
        return process.returncode, {line["contact"]: line for line in lines} or errors.decode()

    return invite


def outcome(lines, client):
    line = lines[client.bare]
    return line["state"], line["reason"]


@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_contacts_are_invited_and_the_limits_of_inviters_do_not_hold(stage, relay, invite, members_only):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room(), members_only=members_only)
    await alice.set_affiliation(room, dave.bare, "outcast")

    code, lines = await invite(room, bob.bare, carol.bare, dave.bare, "--as", alice.bare, "--reason", "Come & talk")

    assert code == 1
    assert [outcome(lines, it) for it in (bob, carol)] == [("relayed", None)] * 2
    assert outcome(lines, dave) == ("refused", "outcast")
    for contact in (bob, carol):
        received = invitation(await contact.expect(direct_invitation(room)))
        assert received == stage.invitation(alice.bare, contact, room, reason="Come & talk")
        assert await alice.affiliation(room, contact.bare) == ("member" if members_only else "none")
    records = await relay.settled(3)
    assert {record["route"] for record in records} == {"command"}
    assert {record["id"] for record in records} == {line["id"] for line in lines.values()}

    code, again = await invite(room, bob.bare, "--as", alice.bare)

    assert (code, outcome(again, bob)) == (0, ("suppressed", "duplicate"))
    await alice.passed(stage.server.component)
    assert not alice.received(lambda stanza: stanza.findtext("{jabber:client}body")), "the operator is told, not alice"


async def test_a_dry_run_leaves_nothing_behind(stage, relay, invite, take):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, carol.bare, "outcast")
    await take(dave, "nobody")

    code, lines = await invite(room, bob.bare, carol.bare, dave.bare, "--as", alice.bare, "--dry-run")

    assert code == 1
    assert outcome(lines, bob) == ("relayed", None) and lines[bob.bare]["adds_member"]
    assert outcome(lines, carol) == ("refused", "outcast")
    assert outcome(lines, dave) == ("suppressed", "opted-out")
    assert await relay.history() == []
    assert await alice.affiliation(room, bob.bare) == "none"
    assert not await stage.reached(bob, room)

    code, lines = await invite(room, bob.bare, "--as", alice.bare)
    assert (code, outcome(lines, bob)) == (0, ("relayed", None)), "no claim was left"
    code, lines = await invite(room, bob.bare, "--as", alice.bare, "--dry-run")
    assert (code, outcome(lines, bob)) == (0, ("suppressed", "duplicate"))


async def test_members_and_groups(stage, invite, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room(), members_only=True)
    for client in (bob, carol):
        await alice.set_affiliation(room, client.bare, "member")

    code, lines = await invite(room, "--members", "--as", alice.bare)

    assert code == 0 and set(lines) == {bob.bare, carol.bare}, lines
    for contact in (bob, carol):
        await contact.expect(direct_invitation(room))

    await relay.command("groups", "create", "crew", dave.bare, bob.bare, "--may-use", "named", "--users", alice.bare)
    code, lines = await invite(room, "--group", "crew", "--as", alice.bare)

    assert code == 0, lines
    assert (outcome(lines, dave), outcome(lines, bob)) == (("relayed", None), ("suppressed", "duplicate"))
    await dave.expect(direct_invitation(room))
    assert await alice.affiliation(room, dave.bare) == "member"
    code, said = await invite(room, "--group", "crew", "--as", bob.bare)
    assert code == 2 and "may not use the group crew" in said


async def test_what_an_operator_blocks_is_blocked_at_once(stage, invite, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    await relay.command("block", room)
    code, lines = await invite(room, bob.bare, "--as", alice.bare)
    assert (code, outcome(lines, bob)) == (1, ("suppressed", "blocked"))
    assert await relay.command("blocks") == f"{room}\n"

    await relay.command("unblock", room)
    assert await relay.command("blocks") == ""
    code, lines = await invite(room, bob.bare, "--as", alice.bare)
    assert code == 0, lines
    await bob.expect(direct_invitation(room))


async def test_the_inviter_must_have_the_right(stage, invite, relay):
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    code, lines = await invite(room, bob.bare, "--as", mallory.bare)

    assert (code, outcome(lines, bob)) == (1, ("refused", "may-not-invite"))
    assert await alice.affiliation(room, bob.bare) == "none"
    code, said = await invite(room, bob.bare, "--as", "alice@elsewhere.example")
    assert code == 2 and "is not a user of this server" in said
    code, said = await invite(stage.room(service="rooms.elsewhere.example"), bob.bare, "--as", alice.bare)
    assert code == 2 and "not a room that the relay serves" in said
    nowhere = stage.room()
    code, said = await invite(nowhere, bob.bare, "--as", alice.bare)
    assert code == 2 and f"there is no room {nowhere}" in said
    code, said = await invite(nowhere, bob.bare, "--as", alice.bare, "--dry-run")
    assert code == 2 and f"there is no room {nowhere}" in said
    code, said = await invite(room, bob.bare, "--as", f"nobody-at-all@{stage.server.host}")
    assert code != 0


async def test_a_client_that_goes_away_holds_nothing(stage, relay, invite):
    """Nothing more is begun, and the next command is carried out."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    order = {"room": room, "inviter": alice.bare, "contacts": [bob.bare], "reason": None, "dry_run": False}
    for _ in range(5):
        reader, writer = await asyncio.open_unix_connection(f"{relay.journal}.sock")
        writer.write(f"order: invite\n{json.dumps(order)}\n".encode())
        assert await reader.readline() == b"ready\n"
        writer.write(b"begin\n")
        await reader.readline()
        writer.close()

    code, lines = await invite(room, bob.bare, "--as", alice.bare)

    while isinstance(lines, str) and "being carried out already" in lines:
        code, lines = await invite(room, bob.bare, "--as", alice.bare)
    assert code == 0
    assert len(await stage.reached(bob, room)) == 1


async def button(relay, *arguments):
    """The test button: its exit code, and the state and text of each step; the outcome under `contact`. What it says where
    there are no steps."""
    process = await asyncio.create_subprocess_exec(
        *relay.argv("invite", "--json", "--test", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **relay.env},
    )
    output, errors = await process.communicate()
    if not output:
        return process.returncode, errors.decode()
    assert not errors, "the steps say all"
    steps = {}
    for line in map(json.loads, output.decode().splitlines()):
        if "step" in line:
            steps.setdefault(line["step"], []).append((line["state"], line["found"]))
        else:
            steps["contact"] = (line["state"], line["reason"])
    return process.returncode, steps


async def test_the_test_button_with_a_room(stage, relay):
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room(), members_only=True)

    code, steps = await button(relay, mallory.bare, bob.bare, "--room", room)
    assert code == 1 and steps["contact"] == ("refused", "may-not-invite"), steps
    assert steps["verdict"] == [("failed", "the invitation is to be refused (may-not-invite)")]

    code, steps = await button(relay, alice.bare, bob.bare, "--room", room)
    assert code == 0 and steps["contact"] == ("relayed", None), steps
    assert f"affiliations: {alice.bare} owner, {bob.bare} none" in steps["room"][0][1]
    assert "made a member" in steps["verdict"][0][1]
    await bob.expect(direct_invitation(room))


async def test_the_test_button_makes_a_room_of_its_own(stage, relay):
    """Where the server passes the answers on: else it says that a room has to be named."""
    alice, bob = await stage.people("alice", "bob")

    code, steps = await button(relay, alice.bare, bob.bare)

    if "plain-iq" in stage.server.lacks:
        assert code == 1
        assert list(steps) == ["link", "sender", "room"], steps
        [(state, found)] = steps["room"]
        assert state == "failed" and found.endswith("name a room of the inviter's with --room")
        assert await relay.history() == []
        return
    assert code == 0, steps
    [(_, made), *_] = steps["room"]
    room = made.split()[1].rstrip(",")
    await bob.expect(direct_invitation(room))
    assert steps["clean-up"] == [("ok", f"destroyed {room}")]
    gone = await alice.iq(room, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert gone.get("type") == "error"


@pytest.mark.every_version
async def test_the_test_button_with_an_inviter_who_does_not_exist(stage, relay):
    """ejabberd 23.01 has nothing that tells so, and this is said."""
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())

    code, steps = await button(relay, f"nobody-at-all@{stage.server.host}", bob.bare, "--room", room)

    if "privileged-iq" in stage.server.lacks:
        [(state, found)] = steps["sender"]
        assert state == "ok" and found.endswith("it does not tell whether there is such a user")
    else:
        assert code == 2 and "is not a user of this server" in steps
    assert not await stage.reached(bob, room)


async def test_many_contacts_end_with_the_sum(stage, relay):
    [alice] = await stage.people("alice")
    room = await alice.create_room(stage.room())
    people = [f"nobody-{number}@{stage.server.host}" for number in range(20)]
    for who in people[:3]:
        await alice.set_affiliation(room, who, "outcast")
    process = await asyncio.create_subprocess_exec(
        *relay.argv("invite", room, *people, "--as", alice.bare, "--dry-run"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **relay.env},
    )

    output, _ = await process.communicate()

    *lines, total = output.decode().splitlines()
    ends = Counter(line.split(": would be ")[1] for line in lines)
    assert ends["refused (outcast)"] == 3 and ends.total() == 20
    said, counts = total.split(": ")
    assert said == "20 contacts"
    assert dict(reversed(count.split(" ", 1)) for count in counts.split(", ")) == {how: str(it) for how, it in ends.items()}


async def test_an_admin_does_the_same_by_command(stage, server, relays, commands):
    admin, alice, bob = await stage.people("admin", "alice", "bob")
    relay = relays(server, admins={"jids": [admin.bare]})
    await relay.start()
    room = await alice.create_room(stage.room())

    form = {"room": room, "inviter": alice.bare, "contacts": bob.bare, "reason": "Come"}
    done = await commands(admin).give("invite", form)

    assert done.lines("contacts") == [f"{bob.bare}: relayed"]
    assert invitation(await bob.expect(direct_invitation(room))).reason == "Come"


async def test_after_a_crash_it_goes_on_under_the_same_limits(own_stage, own_server, relays):
    """What was begun while the server was away is not counted for the inviter or the room afterwards either."""
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room())
    relay = relays(own_server, limits={"per_inviter": "1/1h", "per_room": "1/1h"})
    await relay.start()
    assert "relayed" in await relay.command("invite", room, bob.bare, "--as", alice.bare)

    await relay.restart(crash=True)
    alice.invite(room, own_stage.relay_address("carol@example.test"))

    [*_, last] = await relay.settled(2)
    assert last["reason"] != "rate-limited", last
