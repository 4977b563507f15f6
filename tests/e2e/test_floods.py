"""Floods (XEP-0249 §5, the second attack): who floods is told once and then ignored, and nobody else notices."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections import Counter

import pytest

from support.server import Setup
from support.stanzas import direct_invitation, forged_mediated, mediated_invitation, notice, said

pytestmark = pytest.mark.one_of_each_make

DEFAULTS = {"per_inviter": "30/10m", "per_domain": "1000/10m", "per_contact": "20/1h", "per_room": "200/1h"}
QUIET = {"log": {"level": "info"}}
"""As operators run it."""


def limits(**rates):
    return pytest.mark.parametrize(
        "config", [QUIET | {"limits": DEFAULTS | rates}], ids=["limits" if rates else "default limits"]
    )


def outcomes(records):
    return Counter((record["state"], record["reason"]) for record in records)


class Flood:
    """Invitations through a room, and as if from a room, as fast as the server takes them."""

    LENGTH = 6000

    def __init__(self, stage, mallory, room, nicks):
        self._stage, self._mallory, self._room = stage, mallory, room
        self._nicks = itertools.cycle(f"Mallory{n}" for n in range(nicks)) if nicks > 1 else None
        self._numbers = itertools.count(1)
        self.sent, self.seconds = 0, 0.0

    def _batch(self):
        if self._nicks:
            yield f"<presence to='{self._room}/{next(self._nicks)}'/>"
        for _ in range(20):
            stranger = self._stage.relay_address(f"nobody{next(self._numbers)}@{self._stage.server.host}")
            yield mediated_invitation(self._room, stranger, "buy now")
            yield forged_mediated(stranger, inviter=f"alice@{self._stage.server.host}")

    @contextlib.asynccontextmanager
    async def raging(self):
        """It has begun when this begins; it is over when everything has been sent, or this ends."""
        began, begun = time.monotonic(), asyncio.Event()

        async def rage():
            while self.sent < self.LENGTH:
                batch = list(self._batch())
                await self._mallory.pour("".join(batch))
                self.sent += len(batch)
                self.seconds = time.monotonic() - began
                begun.set()

        raging = asyncio.create_task(rage())
        try:
            await begun.wait()
            yield
        finally:
            raging.cancel()


async def invite_all(stage, inviters, contacts):
    """Everybody invites everybody, one after the other, each to his own room; returns the seconds that each took."""

    async def one(inviter, room):
        took = []
        for contact in contacts:
            began = time.monotonic()
            inviter.invite(room, stage.relay_address(contact.bare))
            await contact.expect(direct_invitation(room))
            took.append(time.monotonic() - began)
        return took

    return sum(await asyncio.gather(*(one(inviter, room) for inviter, room in inviters)), [])


def show(took):
    ordered = sorted(took)
    median, worst = statistics.median(ordered) * 1000, ordered[-1] * 1000
    return f"median {median:.0f} ms, p90 {ordered[len(ordered) * 9 // 10] * 1000:.0f} ms, worst {worst:.0f} ms"


@limits()
@pytest.mark.parametrize("nicks", [1, pytest.param(50, marks=pytest.mark.needs("masked-inviter"))], ids=["", "many nicks"])
async def test_one_floods_and_ten_do_not_notice(stage, relay, note, nicks):
    mallory, *people = await stage.people("mallory", *(f"person{n}" for n in range(10)))
    contacts = await stage.people(*(f"contact{n}" for n in range(10)))
    inviters = [(person, await person.create_room(stage.room())) for person in people]
    room = await mallory.create_room(stage.room("spam"))

    began = time.monotonic()
    before = await invite_all(stage, inviters, contacts[:5])
    flood = Flood(stage, mallory, room, nicks)
    async with flood.raging():
        during = await invite_all(stage, inviters, contacts[5:])
    await mallory.passed(room)
    await mallory.passed(stage.server.component)
    note(
        f"{stage.server.name}: ten others before: {show(before)}; while one sends {flood.sent} stanzas in "
        f"{flood.seconds:.1f} s: {show(during)}"
    )

    everything = await relay.settled(100, "--limit", "100000")
    took = time.monotonic() - began

    def within(count):
        """So many in 10 minutes, and what has come back of them while this lasted: on a slow machine that is a lot."""
        return count + int(count * took / 600) + 1

    for person, _ in inviters:
        theirs = [record for record in everything if record["inviter"] == person.bare]
        assert outcomes(theirs) == {("relayed", None): 10}
    if nicks == 1:
        await mallory.expect(notice(room))
        await mallory.passed(room)
        await mallory.passed(stage.server.component)
    told = [message for message in mallory.received(notice(room)) if "Too many" in said(message)]
    of_mallory = outcomes(record for record in everything if record["room"] == room)
    refused = of_mallory.pop(("refused", "rate-limited"))
    if nicks == 1:
        # Nobody has these addresses, which not every server says.
        assert set(of_mallory) <= {("relayed", None), ("failed", "bounced")}
        assert 30 <= of_mallory.total() <= within(30)
        assert len(told) == refused == 1
    else:
        # Whose a nick was that is gone already nobody knows: that counts for the room.
        assert of_mallory.total() <= within(30) + within(200)
        assert len(told) <= refused <= 2 + nicks
    # And what he sent in the name of others.
    assert 1 <= sum(record["reason"] == "untrusted" for record in everything) <= within(30)
    assert len(relay.output.all) < 600


@limits()
async def test_what_breaks_nothing_is_not_said_again_and_again(stage, relay, note):
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room())
    component = stage.server.component

    began = time.monotonic()
    for n in range(1000):
        await mallory.pour(
            f"<message to='{component}'>{'<a>' * 70}{'</a>' * 70}</message>"
            f"<iq type='get' id='f{n}' to='{component}'><ping xmlns='urn:xmpp:ping'/></iq>"
        )
    await mallory.passed(component)
    seconds = time.monotonic() - began
    note(f"{stage.server.name}: 1000 hostile stanzas and 1000 pings in {seconds:.1f} s")
    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    assert 1 <= relay.log.count("left out a stanza") <= 2 + seconds / 10


@limits(per_contact="3/1h")
async def test_a_contact_is_left_in_peace(stage, relay):
    people = await stage.people(*(f"person{n}" for n in range(5)))
    bob, carol = await stage.people("bob", "carol")
    rooms = [await person.create_room(stage.room()) for person in people]

    for count, (person, room) in enumerate(zip(people, rooms), 1):
        person.invite(room, stage.relay_address(bob.bare))
        await relay.settled(count)
    people[4].invite(rooms[4], stage.relay_address(carol.bare))
    await carol.expect(direct_invitation(rooms[4]))

    assert [len(await stage.reached(bob, room)) for room in rooms] == [1, 1, 1, 0, 0]
    # Each is told once, for themselves.
    for number in (3, 4):
        await people[number].expect(notice(rooms[number]))
    assert outcomes(await relay.history("--contact", bob.bare)) == {
        ("relayed", None): 3,
        ("refused", "rate-limited"): 2,
    }


@limits(per_room="3/1h")
async def test_a_room_has_its_measure(stage, relay):
    alice, carol = await stage.people("alice", "carol")
    contacts = await stage.people(*(f"contact{n}" for n in range(5)))
    room, other = await alice.create_room(stage.room(), member_invites=True), await alice.create_room(stage.room())
    await carol.join(room)

    for number, contact in enumerate(contacts):
        (alice, carol)[number % 2].invite(room, stage.relay_address(contact.bare))
        # Of the fifth no trace is kept.
        await relay.settled(min(number + 1, 4))
    await carol.expect(notice(room))
    alice.invite(other, stage.relay_address(contacts[4].bare))
    await contacts[4].expect(direct_invitation(other))

    assert [len(await stage.reached(contact, room)) for contact in contacts] == [1, 1, 1, 0, 0]
    assert len(carol.received(notice(room))) == 1
    assert not alice.received(notice(room))


@limits(per_inviter="3/1h")
@pytest.mark.parametrize("crash", [False, True], ids=["restart", "crash"])
async def test_a_restart_is_no_amnesty(stage, relay, crash):
    alice, carol = await stage.people("alice", "carol")
    contacts = await stage.people(*(f"contact{n}" for n in range(5)))
    room = await alice.create_room(stage.room(), member_invites=True)
    await carol.join(room)
    for contact in contacts[:3]:
        alice.invite(room, stage.relay_address(contact.bare))
        await contact.expect(direct_invitation(room))
    await relay.settled(3)

    await relay.restart(crash=crash)
    alice.invite(room, stage.relay_address(contacts[3].bare))
    await alice.expect(notice(room))
    alice.invite(room, stage.relay_address(contacts[4].bare))
    await alice.passed(room)
    carol.invite(room, stage.relay_address(contacts[4].bare))

    assert (await contacts[4].expect(direct_invitation(room))).get("from") == carol.bare
    assert not await stage.reached(contacts[3], room)
    assert len(await stage.reached(contacts[4], room)) == 1
    assert len(alice.received(notice(room))) == 1


@limits(per_inviter="5/1h")
@pytest.mark.parametrize("setup", [Setup(privileges=False)], ids=["own domain"])
async def test_forged_bounces_cost_little(stage, relay, note):
    """One who has an invitation knows what ids look like, and says of a thousand others that they came back."""
    mallory, alice, bob = await stage.people("mallory", "alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(mallory.bare))
    received = await mallory.expect(direct_invitation(room))
    instance = received.get("id").rpartition("-")[0]

    began = time.monotonic()
    for chunk in range(10):
        await mallory.pour(
            "".join(
                f"<message type='error' to='{received.get('from')}' id='{instance}-{chunk * 100 + n + 2}'/>"
                for n in range(100)
            )
        )
    await mallory.passed(stage.server.component)
    note(f"{stage.server.name}: 1000 forged bounces in {time.monotonic() - began:.2f} s")
    alice.invite(room, stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    assert outcomes(await relay.settled(2)) == {("relayed", None): 2}
