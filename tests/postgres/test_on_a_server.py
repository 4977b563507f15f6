"""The relay does the same with a journal in PostgreSQL as with a file: invitations by each route, and what operators ask."""

import json

import pytest

from e2e.test_telling import send_decline
from support.checking import check
from support.feed import Wanted
from support.server import Setup
from support.stanzas import bare, direct_invitation, invitation, native_invitation, notice, said, sum_said

pytestmark = pytest.mark.one_of_each_make


@pytest.fixture
def setup():
    return Setup(hand_over=60)


def routes_and_ends(records):
    return [(record["route"], record["state"], record["reason"]) for record in records]


async def test_by_relay_address_and_by_hand_over(stage, relay):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room(), members_only=True, password="xyzzy")

    alice.invite(room, stage.relay_address(bob.bare), "Come & talk")
    await relay.settled(1)
    alice.invite(room, carol.bare, "Come & talk")

    for contact in (bob, carol):
        received = invitation(await contact.expect(direct_invitation(room)))
        wanted = stage.invitation(alice.bare, contact, room, reason="Come & talk", password="xyzzy")
        assert received == wanted
        assert (await contact.join(room, "xyzzy")).get("type") is None
        assert await alice.affiliation(room, contact.bare) == "member"
    # Once more, to those who are not inside: they have been invited.
    for contact in (bob, carol):
        await contact.leave(room)
    await relay.settled(2)
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(3)
    alice.invite(room, carol.bare)
    assert routes_and_ends(await relay.settled(4)) == [
        ("addressed", "relayed", None),
        ("handed-over", "relayed", None),
        ("addressed", "suppressed", "duplicate"),
        ("handed-over", "suppressed", "duplicate"),
    ]
    for contact in (bob, carol):
        assert len(await stage.reached(contact, room)) == 1


async def test_a_group(stage, relay):
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    room = await alice.create_room(stage.room())
    for who in (bob, carol, dave):
        await alice.set_affiliation(room, who.bare, "member")

    alice.invite(room, f"members@{stage.server.component}", "Come & talk")

    for contact in (bob, carol, dave):
        received = invitation(await contact.expect(direct_invitation(room)))
        assert received == stage.invitation(alice.bare, contact, room, reason="Come & talk")
    assert sum_said(await alice.expect(notice(room)), room) == "3 invited"
    parent, *parts = await relay.settled(4)
    assert {part["parent"] for part in parts} == {parent["id"]}
    assert {part["contact"] for part in parts} == {bob.bare, carol.bare, dave.bare}


@pytest.mark.parametrize("setup", [Setup(privileges=False, hand_over=60)], ids=["own domain"])
async def test_a_decline_after_a_restart(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)
    alice.invite(room, stage.relay_address(bob.bare))
    inviter = bare((await bob.expect(direct_invitation(room))).get("from"))
    await relay.settled(1)
    await relay.restart()

    for reason in ("No time, sorry", "And again"):
        send_decline(bob, room, inviter, reason)

    told = await alice.expect(notice(room))
    assert said(told) == f"{bob.bare} declined your invitation to {room}: No time, sorry"
    await bob.passed(stage.server.component)
    await alice.passed(stage.server.component)
    assert len(alice.received(notice(room))) == 1


async def test_what_operators_ask(stage, relay, database):
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)

    assert "alive" in await relay.command("healthy")
    checked = await check(relay)
    assert checked.code == 0, checked.wrong
    assert f"127.0.0.1:{database.server.port}/{database.name}" in checked.line("journal")["of"]
    assert "planted-url-password" not in str(checked.findings)

    await relay.command("block", room)
    assert await relay.command("blocks") == f"{room}\n"
    alice.invite(room, stage.relay_address(carol.bare))
    assert routes_and_ends(await relay.settled(2))[1] == ("addressed", "suppressed", "blocked")

    [found] = await relay.history("--contact", bob.bare, "--state", "relayed")
    assert (found["room"], found["inviter"]) == (room, alice.bare)
    counted = json.loads(await relay.command("stats", "--json"))
    assert (counted["ended"], counted["pending"]) == (2, 0)

    await relay.command("forget", bob.bare)
    assert [record["contact"] for record in await relay.history()] == [carol.bare]
    for table in ("pending", "history", "claims", "looks", "wishes"):
        rows = await database.sql(f"SELECT * FROM {table} AS it WHERE it::text LIKE '%{bob.bare}%'")
        assert rows == "", table
    # And as if there had been none: the block alone was in the way.
    await relay.command("unblock", room)
    alice.invite(room, stage.relay_address(bob.bare))
    assert routes_and_ends(await relay.settled(2))[1] == ("addressed", "relayed", None)
    assert len(await stage.reached(bob, room)) == 2


ENDS_SLOWLY = """
    CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
    CREATE TRIGGER slowly BEFORE INSERT ON history FOR EACH ROW EXECUTE FUNCTION slowly()
"""


async def test_killed_with_invitations_under_way(stage, relay, database, note):
    """Each contact gets one: what the relay had taken goes on from the database, and the room delivers the others."""
    alice, *contacts = await stage.people("alice", *(f"bob{n}-" for n in range(8)))
    room = await alice.create_room(stage.room())
    await database.sql(ENDS_SLOWLY)
    for contact in contacts:
        alice.invite(room, contact.bare)
    await database.server.until("SELECT count(*) > 0 FROM pending", "t", database.name)
    await relay.kill()
    taken = int(await database.sql("SELECT count(*) FROM pending"))
    await database.sql("DROP TRIGGER slowly ON history")

    await relay.start_again()

    for contact in contacts:
        await contact.expect(an_invitation(room))
    records = await relay.settled(taken)
    assert len({record["contact"] for record in records}) == len(records), "one row each"
    reached = [len(await stage.reached(contact, room)) for contact in contacts]
    note(f"{taken} of {len(contacts)} had been taken; {sum(reached) - len(contacts)} arrived twice")
    assert set(reached) <= {1, 2}


def an_invitation(room):
    return Wanted(f"an invitation to {room}", lambda it: direct_invitation(room)(it) or native_invitation(room)(it))
