"""What `check` says of groups, of members' lists and of the metrics' address, and that its remedies help."""

import socket

import pytest

from support.checking import check
from support.feed import Wanted
from support.ports import free_port
from support.server import Setup
from support.stanzas import CONFERENCE, decline, notice, sum_said

pytestmark = pytest.mark.one_of_each_make

AMPLE = {"max_recipients": 10}


def about(checked, what):
    """The lines about this that name somebody or something."""
    return [(line["of"], line["state"], line["found"]) for line in checked.findings if line["what"] == what and line["of"]]


async def sum_of(client, room):
    """What an inviter is told of a group."""
    message = await client.expect(notice(room))
    return sum_said(message, room)


async def test_groups_are_counted_wherever_they_are(stage, relays, commands):
    [admin] = await stage.people("admin")
    team = {"team": ["bob@example.org", "carol@example.org"]}
    relay = relays(stage.server, groups=team, admins={"jids": [admin.bare]}, limits=AMPLE)
    await relay.start()
    await commands(admin).give("group-create", {"name": "crew", "entries": "@team", "may-use": "everybody"})

    checked = await check(relay, "--without", "hand-over")

    assert checked.found("groups") == "1 in the configuration, 1 kept by admins"
    assert checked.code == 0


async def test_groups_that_reach_nobody_are_named_and_the_remedies_help(stage, relays, commands):
    [admin] = await stage.people("admin")
    relay = relays(stage.server, admins={"jids": [admin.bare]}, limits=AMPLE)
    await relay.start()
    give = commands(admin).give
    await give("group-create", {"name": "crew", "entries": "bob@example.org", "may-use": "everybody"})
    await give("group-create", {"name": "night", "entries": "@crew", "may-use": "named", "users": ""})
    await give("group-delete", {"name": "crew"})

    wrong = [line for line in (await check(relay)).wrong if line["what"] == "groups"]
    assert [line["of"] for line in wrong] == ["night"] * 3
    for line, (found, remedy) in zip(
        wrong,
        [
            ("names @crew, which is not there", '"Remove from a group"'),
            ("nobody is in it", '"Add to a group"'),
            ("nobody may use it", '"Who may use a group"'),
        ],
    ):
        assert line["found"].startswith(found)
        assert remedy in line["remedy"]

    # As they say, in this order.
    await give("group-remove", {"name": "night", "entries": "@crew"})
    await give("group-add", {"name": "night", "entries": "carol@example.org"})
    await give("group-allow", {"name": "night", "may-use": "named", "users": admin.bare})
    checked = await check(relay, "--without", "hand-over")
    assert checked.wrong == []
    assert checked.code == 0


async def test_a_group_that_is_too_large_is_reached_with_the_limit_that_is_to_be_pasted(stage, relays):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    relay = relays(stage.server, groups={"team": [bob.bare, carol.bare]}, limits={"max_recipients": 1})
    room = await alice.create_room(stage.room())

    [line] = (line for line in (await check(relay, "--offline")).wrong)
    assert (line["what"], line["of"], line["state"]) == ("groups", "team", "missing")

    config = relay.config.read_text()
    assert "max_recipients = 1\n" in config
    relay.config.write_text(config.replace("max_recipients = 1\n", line["remedy"].removeprefix("[limits]\n") + "\n"))
    assert (await check(relay, "--offline")).code == 0
    await relay.start()
    alice.invite(room, f"team@{stage.server.component}")
    assert await sum_of(alice, room) == "2 invited"


@pytest.mark.parametrize(
    "setup",
    [Setup(), Setup(privileges=False), Setup(service_admin=False), Setup(privileges=False, service_admin=False)],
    ids=["both", "service admin", "privileges", "neither"],
)
async def test_whose_rights_show_the_lists_of_members(stage, relay):
    server = stage.server
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, bob.bare, "member")

    line = (await check(relay)).line("member-lists", server.muc)

    # A component's own questions vanish beside mod_privilege only.
    plain = "plain-iq" not in server.lacks or not server.setup.privileges
    own = server.setup.service_admin and plain
    inviters = server.setup.privileges and "privileged-iq" not in server.lacks
    if own:
        assert (line["state"], line["found"][:9]) == ("ok", "the relay")
    elif inviters and "masked-inviter" not in server.lacks:
        assert (line["state"], "semi-anonymous" in line["found"]) == ("note", True)
    elif inviters:
        assert (line["state"], line["found"][:6]) == ("ok", "a room")
        assert server.host in line["found"]
    else:
        assert line["state"] == "note"
    assert line["remedy"] is None
    # And it is so.
    alice.invite(room, f"members@{server.component}")
    # Where nobody knows who invites, only the room can tell them.
    told = Wanted(f"what became of it in {room}", lambda message: notice(room)(message) or decline(room)(message))
    assert (sum_said(await alice.expect(told), room) == "1 invited") == (line["state"] == "ok")
    if "semi-anonymous" in line["found"]:
        # A direct one names the inviter.
        alice.send(f"<message to='members@{server.component}'><x xmlns='{CONFERENCE}' jid='{room}'/></message>")
        assert await sum_of(alice, room) == "1 invited"


async def test_metrics_that_are_not_served_are_not_looked_at(relay):
    assert about(await check(relay), "metrics") == []


async def test_the_metrics_of_a_running_relay_answer(server, relays):
    address = f"127.0.0.1:{free_port()}"
    relay = relays(server, metrics={"listen": address})
    assert about(await check(relay), "metrics") == [(address, "ok", "nobody listens there yet")]
    await relay.start()

    checked = await check(relay, "--without", "hand-over")

    assert about(checked, "metrics") == [(address, "ok", "answers")]
    assert checked.code == 0


async def test_metrics_where_another_program_listens(server, relays):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = "{}:{}".format(*other.getsockname())
        relay = relays(server, metrics={"listen": address})
        [(_, state, found)] = about(await check(relay), "metrics")
        assert state == "failed"
        assert found.startswith("can't be used: Address already in use")
        await relay.start()
        # It takes the connection, and says nothing.
        checked = await check(relay)
        assert checked.state("metrics") == "failed"
        assert "log" in checked.line("metrics")["remedy"]

    # The other program is gone, as the remedy says; the relay tries again by itself.
    await relay.process.says("metrics are served")
    assert about(await check(relay), "metrics") == [(address, "ok", "answers")]


async def test_metrics_that_wait_for_a_restart(server, relays):
    relay = relays(server)
    await relay.start()
    address = f"127.0.0.1:{free_port()}"
    relay.config.write_text(relay.config.read_text() + f'\n[metrics]\nlisten = "{address}"\n')

    line = (await check(relay)).line("metrics", address)

    assert line["state"] == "failed"
    assert "after a restart" in line["remedy"]
    await relay.restart()
    await relay.process.says("metrics are served")
    assert (await check(relay)).state("metrics", address) == "ok"
