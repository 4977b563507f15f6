"""Who looks like somebody else: letters of another script, letters that run together, a domain in either notation.

Look-alikes are written as numbers here, so that readers can tell them apart as well.
"""

from datetime import timedelta
from xml.sax.saxutils import quoteattr

import pytest

from support.client import Client
from support.clock import WallClock
from support.ports import free_port
from support.server import Server, Setup
from support.stage import PASSWORD, Stage
from support.stanzas import MUC_USER, direct_invitation, native_invitation, notice
from support.web import Web

pytestmark = pytest.mark.one_of_each_make

CYRILLIC_A, CYRILLIC_E = "\u0430", "\u0435"
REFUSE = pytest.mark.parametrize("config", [{"relay": {"mimicry": "refuse"}}], ids=["mimicry=refuse"])
REFUSED = ("refused", "mimicry")


async def look_alike(stage: Stage, client: Client) -> Client:
    """A user whose address looks like this one's."""
    localpart = client.bare.partition("@")[0].replace("a", CYRILLIC_A, 1)
    await stage.server.add_user(localpart, PASSWORD)
    return await stage.log_in(f"{localpart}@{stage.server.host}")


def shown(jid: str) -> str:
    """As it stands in the log, where look-alikes differ."""
    numbers = "".join(c if c.isascii() else f"\\u{{{ord(c):x}}}" for c in jid)
    return jid if jid.isascii() else f"{jid} ({numbers})"


def warning(mimic: str, known: str) -> str:
    return f"{shown(mimic)} looks like {shown(known)}, which the contact knows"


def verdict(record):
    return record["state"], record["reason"]


async def test_one_who_looks_like_a_friend_is_warned_of(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    mallory = await look_alike(stage, alice)
    rooms = [await inviter.create_room(stage.room(name)) for inviter, name in ((mallory, "tea"), (alice, "den"))]

    for inviter, room in zip((mallory, alice), rooms):
        inviter.invite(room, stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))

    await relay.settled(2)
    assert warning(mallory.bare, alice.bare) in relay.log
    assert relay.log.count("looks like") == 1


@REFUSE
async def test_or_refused_and_sees_nothing_of_it(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    mallory = await look_alike(stage, alice)
    room = await mallory.create_room(stage.room(), members_only=True)
    den = await alice.create_room(stage.room("den"))

    mallory.invite(room, stage.relay_address(bob.bare))
    assert verdict((await relay.settled(1))[0]) == REFUSED
    alice.invite(den, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(den))
    assert not await stage.reached(bob, room)
    # It is said a moment after it stands in the journal.
    await relay.process.says(warning(mallory.bare, alice.bare))
    await mallory.passed(stage.server.component)
    assert not mallory.received(notice(room))
    assert await mallory.affiliation(room, bob.bare) == "none"
    await mallory.until_affiliation(room, stage.relay_address(bob.bare), "none")


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no roster"])
async def test_it_is_no_use_to_come_again(stage, relay):
    """Where nobody may read a roster, the contact knows who has invited him; and the first one keeps the look."""
    alice, bob = await stage.people("alice", "bob")
    mallory = await look_alike(stage, alice)
    rooms = [stage.room(name) for name in ("tea", "den", "pub", "inn")]
    inviters = [alice, mallory, mallory, alice]

    for inviter, room in zip(inviters, rooms):
        await inviter.create_room(room)
        inviter.invite(room, stage.relay_address(bob.bare))
        # Known is who has reached him: not before the server has confirmed it.
        await relay.settled(1, "--room", room)

    await relay.settled(4)
    assert relay.log.count(warning(mallory.bare, alice.bare)) == 2
    assert relay.log.count("looks like") == 2


@REFUSE
async def test_a_room_that_looks_like_another(stage, relay):
    alice, mallory, bob, carol = await stage.people("alice", "mallory", "bob", "carol")
    room = await alice.create_room(stage.room("tea"))
    false = await mallory.create_room(room.replace("e", CYRILLIC_E, 1))
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)

    for contact in (bob, carol):
        mallory.invite(false, stage.relay_address(contact.bare))

    # Who doesn't know the one is not deceived by the other.
    await carol.expect(direct_invitation(false))
    assert verdict((await relay.settled(1, "--contact", bob.bare, "--room", false))[0]) == REFUSED
    assert not await stage.reached(bob, false)
    await relay.process.says(warning(false, room))


@REFUSE
@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no roster"])
async def test_one_who_was_alone_with_his_look_when_he_came(stage, relay):
    """What the relay remembers of him does not hold once there is a second one."""
    alice, bob, carol = await stage.people("alice", "bob", "carol")
    mallory = await look_alike(stage, alice)
    rooms = [stage.room(name) for name in ("tea", "den", "pub")]

    for inviter, contact, room in zip((mallory, alice, mallory), (carol, bob, bob), rooms):
        await inviter.create_room(room)
        inviter.invite(room, stage.relay_address(contact.bare))
        await relay.settled(1, "--room", room)

    assert [verdict(record) for record in await relay.history()] == [REFUSED, ("relayed", None), ("relayed", None)]


@REFUSE
async def test_nor_does_it_survive_a_restart(stage, relay):
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room("tea"))
    false = await mallory.create_room(room.replace("e", CYRILLIC_E, 1))
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)
    await relay.restart(crash=True)

    mallory.invite(false, stage.relay_address(bob.bare))

    assert verdict((await relay.settled(2))[-1]) == REFUSED
    assert not await stage.reached(bob, false)


@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no roster"])
@pytest.mark.parametrize(
    "config",
    [{"muc": {"services": [Server.muc, Server.remote]}, "relay": {"mimicry": "refuse"}}],
    ids=["mimicry=refuse, the other service is believed"],
)
async def test_a_domain_that_looks_like_another(stage, relay):
    """The inviter's domain is another server's; the room that names him is played, so that he can have any."""
    [bob] = await stage.people("bob")
    service = await stage.remote()
    known = f"alice@{stage.server.host}"
    others = [
        f"alice@ex{CYRILLIC_A}mple.test",
        "alice@xn--exmple-4nf.test",
        "alice@exarnple.test",
        "alice@examp1e.test",
    ]

    for number, inviter in enumerate((known, *others)):
        service.send(
            f"<message from='den{number}@{service.jid}' to={quoteattr(stage.relay_address(bob.bare))}>"
            f"<x xmlns='{MUC_USER}'><invite from={quoteattr(f'{inviter}/phone')}/></x></message>"
        )
        await relay.settled(number + 1)

    first, *rest = await relay.settled(len(others) + 1)
    assert verdict(first) == ("relayed", None)
    assert [verdict(record) for record in rest] == [REFUSED] * len(others)
    # The second is the first in A-labels.
    for other in (others[0], others[0], *others[2:]):
        await relay.process.says(warning(other, known))
    for number, _ in enumerate(others, start=1):
        assert not await stage.reached(bob, f"den{number}@{service.jid}")


@REFUSE
@pytest.mark.parametrize("setup", [Setup(hand_over=60)], ids=["hand-over"])
async def test_nor_does_the_server_deliver_it_then(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    mallory = await look_alike(stage, alice)
    room = await mallory.create_room(stage.room())

    mallory.invite(room, bob.bare)

    [record] = await relay.settled(1)
    assert (record["route"], *verdict(record)) == ("handed-over", *REFUSED)
    await bob.passed(stage.server.host)
    assert not bob.received(native_invitation(room))
    assert not await stage.reached(bob, room)


@REFUSE
@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["no roster"])
async def test_who_is_forgotten_is_known_to_nobody(stage, relay, commands):
    alice, mallory, bob = await stage.people("alice", "mallory", "bob")
    room = await alice.create_room(stage.room("tea"), anonymous=False)
    false = await mallory.create_room(room.replace("e", CYRILLIC_E, 1))
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    await relay.settled(1)

    await commands(bob).give("forget-me", {"what": "invitations"})

    mallory.invite(false, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(false))


async def test_of_a_friend_the_roster_is_asked_once_a_day_and_of_a_stranger_each_minute(stage, relays, tmp_path):
    """What a server has said is good for a minute, but a friend stays himself."""
    web, clock = Web(free_port()), WallClock(tmp_path, all_time=True)
    relay = relays(stage.server, metrics={"listen": f"127.0.0.1:{web.port}"})
    relay.env.update(clock.env)
    await relay.start()
    alice, carol, bob = await stage.people("alice", "carol", "bob")
    await alice.befriend(bob)

    async def times_asked():
        return (await web.metrics())["muc_invite_relay_roster_lookups_total miss"]

    async def invites(inviter, minutes):
        """Invites bob, so many minutes after the start; returns how often his roster was asked for because of that."""
        clock.set(timedelta(minutes=minutes))
        before = await times_asked()
        room = await inviter.create_room(stage.room())
        inviter.invite(room, stage.relay_address(bob.bare))
        await relay.settled(1, "--room", room)
        return await times_asked() - before

    assert [await invites(alice, minutes) for minutes in (0, 2, 4, 25 * 60)] == [1, 0, 0, 1]
    assert [await invites(carol, 25 * 60 + minutes) for minutes in (2, 4)] == [1, 1]


@pytest.mark.parametrize("config", [{"relay": {"mimicry": "off"}}], ids=["mimicry=off"])
async def test_where_nobody_looks_nobody_is_warned(stage, relay):
    alice, bob = await stage.people("alice", "bob")
    await alice.befriend(bob)
    mallory = await look_alike(stage, alice)

    for inviter in (alice, mallory):
        room = await inviter.create_room(stage.room())
        inviter.invite(room, stage.relay_address(bob.bare))
        await bob.expect(direct_invitation(room))

    await relay.settled(2)
    assert "looks like" not in relay.log
