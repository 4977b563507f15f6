"""Groups: names at the relay that stand for several people, in the configuration or kept by admins with commands."""

import pytest

from support import stanzas
from support.server import Setup
from support.stanzas import direct_invitation, invitation, notice, sum_said

pytestmark = pytest.mark.one_of_each_make


def address(stage, name):
    return f"{name}@{stage.server.component}"


async def sum_of(client, room):
    message = await client.expect(notice(room))
    return sum_said(message, room)


@pytest.fixture
async def crew(stage, relays):
    """alice, bob, carol and dave, the last of them admin of a relay whose configuration has groups of them."""
    people = await stage.people("alice", "bob", "carol", "dave")
    _, bob, carol, dave = people
    relay = relays(
        stage.server,
        groups={"team": [bob.bare, carol.bare], "everybody": ["@team", dave.bare]},
        admins={"jids": [dave.bare]},
    )
    await relay.start()
    return relay, *people


@pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["privileges", "service admin"])
@pytest.mark.parametrize("members_only", [False, True], ids=["open", "members only"])
async def test_everybody_in_the_group_is_invited(stage, crew, members_only):
    relay, alice, bob, carol, _ = crew
    room = await alice.create_room(stage.room(), members_only=members_only)

    alice.invite(room, address(stage, "team"), "Come & talk")

    for contact in (bob, carol):
        received = invitation(await contact.expect(direct_invitation(room)))
        sender = alice.bare if stage.server.setup.privileges else stage.relay_address(alice.bare)
        assert received == stage.invitation(sender, contact, room, reason="Come & talk")
        nobody_tells = "plain-iq" in stage.server.lacks and not stage.server.setup.privileges
        if members_only and not nobody_tells:
            assert await alice.affiliation(room, contact.bare) == "member"
            assert (await contact.join(room)).get("type") is None
    assert await sum_of(alice, room) == "2 invited"
    records = await relay.settled(3)
    assert {(record["route"], record["state"]) for record in records} == {("fan-out", "relayed")}
    if members_only and stage.server.setup.privileges:
        await alice.until_affiliation(room, address(stage, "team"), "none")


async def test_who_is_no_member_any_more_is_invited_again(stage, crew):
    relay, alice, bob, carol, _ = crew
    room = await alice.create_room(stage.room(), members_only=True)
    alice.invite(room, address(stage, "team"))
    for contact in (bob, carol):
        await contact.expect(direct_invitation(room))
        await alice.until_affiliation(room, contact.bare, "member")
    assert await sum_of(alice, room) == "2 invited"

    await alice.set_affiliation(room, bob.bare, "none")
    alice.invite(room, address(stage, "team"))

    await bob.expect(direct_invitation(room))
    await alice.until_affiliation(room, bob.bare, "member")
    assert await sum_of(alice, room) == "1 invited, 1 invited before"
    assert len(await stage.reached(carol, room)) == 1


async def test_a_new_password_is_told(stage, crew):
    _, alice, bob, carol, _ = crew
    room = await alice.create_room(stage.room(), password="one")
    for password, total in (("one", "2 invited"), ("one", "0 invited, 2 invited before"), ("two", "2 invited")):
        await alice.configure(room, password=password)
        alice.invite(room, address(stage, "team"))
        assert await sum_of(alice, room) == total

        if total == "2 invited":
            for contact in (bob, carol):
                received = invitation(await contact.expect(direct_invitation(room)))
                assert received.password == password


async def test_a_group_in_a_group(stage, crew):
    _, alice, bob, carol, dave = crew
    room = await alice.create_room(stage.room())

    alice.invite(room, address(stage, "everybody"))

    for contact in (bob, carol, dave):
        await contact.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "3 invited"
    for contact in (bob, carol, dave):
        assert len(await stage.reached(contact, room)) == 1


async def test_one_who_is_banned_is_left_out(stage, crew):
    relay, alice, bob, carol, _ = crew
    room = await alice.create_room(stage.room())
    await alice.set_affiliation(room, carol.bare, "outcast")

    alice.invite(room, address(stage, "team"))

    await bob.expect(direct_invitation(room))
    told = await sum_of(alice, room)
    assert not await stage.reached(carol, room) or "plain-iq" in stage.server.lacks
    if "plain-iq" not in stage.server.lacks:
        assert told == "1 invited, 1 can't be reached"
    assert await alice.affiliation(room, carol.bare) == "outcast"


async def test_nobody_is_brought_in_by_one_who_may_not(stage, crew):
    """carol is a member of a room where members may not invite: neither one by one nor by the dozen."""
    _, alice, bob, carol, _ = crew
    room = await alice.create_room(stage.room(), members_only=True)
    await alice.set_affiliation(room, carol.bare, "member")

    carol.send(
        f"<message to='{address(stage, 'team')}' id='d1'><x xmlns='{stanzas.CONFERENCE}' jid='{room}'/></message>"
    )

    error = await carol.expect(stanzas.a("message", type="error"))
    assert stanzas.condition(error) == "forbidden"
    assert await alice.affiliation(room, bob.bare) == "none"
    assert not await stage.reached(bob, room)


async def create(commands, admin, name, entries, may_use="everybody", users=""):
    form = {"name": name, "entries": entries, "may-use": may_use, "users": users}
    answer = await commands(admin).give("group-create", form)
    assert answer.status == "completed", answer
    return answer


async def test_groups_that_admins_keep(stage, crew, commands):
    relay, alice, bob, carol, dave = crew
    room = await alice.create_room(stage.room())
    await create(commands, dave, "crew", f"{bob.bare} {carol.bare}")
    added = await commands(dave).give("group-add", {"name": "crew", "entries": dave.bare})
    assert dave.bare in str(added.fields["group"])
    removed = await commands(dave).give("group-remove", {"name": "crew", "entries": carol.bare})
    assert carol.bare not in str(removed.fields["group"])
    assert "crew, for everybody" in str((await commands(dave).give("groups")).fields["kept"])
    await relay.restart(crash=True)

    alice.invite(room, address(stage, "crew"))

    for contact in (bob, dave):
        await contact.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "2 invited"
    assert not await stage.reached(carol, room)

    assert (await commands(dave).give("group-delete", {"name": "crew"})).status == "completed"
    alice.invite(room, address(stage, "crew"))
    assert "Nobody is reached" in await sum_of(alice, room)


@pytest.mark.parametrize(
    ("may_use", "allowed"), [("everybody", "abc"), ("members", "b"), ("named", "c")], ids=lambda it: str(it)
)
async def test_who_may_use_a_group(stage, crew, commands, may_use, allowed):
    """To all others it is as if there were none."""
    relay, alice, bob, carol, dave = crew
    await create(commands, dave, "crew", f"{bob.bare} {dave.bare}", may_use, carol.bare)

    for letter, client in (("a", alice), ("b", bob), ("c", carol)):
        room = await client.create_room(stage.room(), anonymous=False)
        items = await client.iq(stage.server.component, "<query xmlns='http://jabber.org/protocol/disco#items'/>")
        shown = [item.get("jid") for item in items.iter("{http://jabber.org/protocol/disco#items}item")]
        assert (address(stage, "crew") in shown) == (letter in allowed), shown
        assert address(stage, "team") in shown
        client.invite(room, address(stage, "crew"))
        told = await sum_of(client, room)
        if letter in allowed:
            assert "invited" in told
            await dave.expect(direct_invitation(room))
        else:
            assert "Nobody is reached at this address" in told
            assert not await stage.reached(dave, room)
    refused = [record["reason"] for record in await relay.settled(3 - len(allowed)) if record["state"] == "refused"]
    assert refused == ["may-not-use"] * (3 - len(allowed))


async def test_what_can_not_be_a_group(stage, crew, commands):
    _, _, bob, _, dave = crew
    for form, complaint in (
        ({"name": "team", "entries": bob.bare}, "in the configuration"),
        ({"name": "members", "entries": bob.bare}, "own members"),
        ({"name": r"bob\40example.org", "entries": bob.bare}, "one contact"),
        ({"name": "crew", "entries": "@crew"}, "circle"),
        ({"name": "crew", "entries": "@nobody"}, "no group nobody"),
        ({"name": "crew", "entries": "bob"}, "neither"),
        ({"name": "crew", "entries": ""}, "Name somebody"),
        ({"name": "crew", "entries": stage.relay_address(bob.bare)}, "relay address"),
    ):
        answer = await commands(dave).give("group-create", form)
        assert answer.status == "executing" and complaint in " ".join(answer.notes), (form, answer)
    await create(commands, dave, "crew", bob.bare)
    again = await commands(dave).give("group-create", {"name": "crew", "entries": bob.bare})
    assert "already" in " ".join(again.notes)


async def test_only_admins_keep_groups(stage, crew, commands):
    _, alice, _, _, dave = crew
    mine, his = await commands(alice).listed(), await commands(dave).listed()
    orders = {"groups", "group-create", "group-add", "group-remove", "group-allow", "group-delete"}
    assert not orders & mine and orders <= his
    assert await commands(alice).refused("group-delete") == "forbidden"


async def test_who_is_forgotten_is_in_no_group(stage, crew, commands):
    relay, alice, bob, carol, dave = crew
    room = await alice.create_room(stage.room())
    await create(commands, dave, "crew", f"{bob.bare} {carol.bare}")

    await relay.command("forget", bob.bare)
    alice.invite(room, address(stage, "crew"))

    await carol.expect(direct_invitation(room))
    assert await sum_of(alice, room) == "1 invited"
    assert not await stage.reached(bob, room)
