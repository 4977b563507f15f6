"""What anybody can write to a real server: it costs its sender the stanza, the link nothing, and others nothing."""

import asyncio
import time

import pytest

from faults.hostile import DEEP, FROM_A_USER, HEADER, KB, NAMESPACES
from support import stanzas
from support.raw import RawClient, StreamEnded
from support.server import Setup
from support.stage import PASSWORD
from support.stanzas import CONFERENCE, MUC, MUC_USER, direct_invitation

SWALLOWED = 5
"""Seconds after which a server has taken a ping for the inside of what came before it."""
LOST = 30
"""Seconds after which an invitation counts as lost."""
RATE = 50
LASTING = 5
"""So many hostile stanzas a second, for so many seconds."""

EVERY_WAY = Setup(hand_over=30)
"""Invitations go by relay addresses, and are handed over."""


class Mallory:
    """Writes what they like; logs in again when the server has ended their stream."""

    def __init__(self, jid, server):
        self._jid, self._server = jid, server
        self._client = None

    async def writes(self, what: str | bytes, then: str) -> bool:
        """Whether the server has taken it: a ping behind it comes back from this address."""
        try:
            await self.log_in()
            self._client.send(what)
            async with asyncio.timeout(SWALLOWED):
                await self._client.passed(then)
            return True
        except (StreamEnded, TimeoutError):
            self._client.cut()
            self._client = None
            return False

    async def log_in(self):
        if self._client is None:
            client = RawClient(self._jid, PASSWORD, self._server.c2s_port, HEADER)
            self._client = await client.connect()
        return self._client


@pytest.fixture
async def mallory(own_stage):
    return Mallory(await own_stage.account("mallory"), own_stage.server)


@pytest.mark.one_of_each_make
async def test_each_is_its_senders_own_affair(own_stage, mallory, relays, config, note):
    """One invitation is on its way when it comes, the next one follows: the same link carries both."""
    relay = relays(own_stage.server, **config)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    address = own_stage.relay_address(bob.bare)
    cases = FROM_A_USER if "deep-nesting" in own_stage.server.lacks else FROM_A_USER | DEEP
    refused, faults, rooms = [], [], []

    async def invite():
        rooms.append(await alice.create_room(own_stage.room(), anonymous=False))
        alice.invite(rooms[-1], address)

    for case, write in cases.items():
        downs = relay.log.count("link is down")
        await invite()
        if not await mallory.writes(write(address), own_stage.server.component):
            refused.append(case)
        await invite()
        try:
            for room in rooms[-2:]:
                await bob.expect(direct_invitation(room), within=LOST)
        except AssertionError:
            faults.append(f"{case}: an invitation is lost")
        for room in rooms[-2:]:
            # A user may be in so many rooms only.
            alice.send(f"<presence type='unavailable' to='{room}/{alice.nick}'/>")
        if relay.log.count("link is down") > downs:
            faults.append(f"{case}: the link fell")
            await relay.connected()

    note(f"{len(cases)} written, {len(refused)} refused by the server itself: {', '.join(refused)}")
    assert not faults, "\n".join(faults)
    assert relay.log.count("link is up") == 1
    records = await relay.settled(len(rooms), "--inviter", alice.bare, "--limit", "10000")
    assert {(record["state"], record["contact"]) for record in records} == {("relayed", bob.bare)}
    assert len(records) == len(rooms)


@pytest.mark.one_of_each_make
async def test_fifty_a_second(own_stage, relays, config, note):
    """They rain while others invite: all good ones arrive, over the same link, and the log does not grow with the rain."""
    relay = relays(own_stage.server, **config)
    await relay.start()
    alice, bob = await own_stage.people("alice", "bob")
    room = await alice.create_room(own_stage.room(), anonymous=False)
    address = own_stage.relay_address(bob.bare)
    raw = await Mallory(await own_stage.account("mallory"), own_stage.server).log_in()
    rain = [write(address) for case, write in NAMESPACES.items() if await _passes(own_stage, write(address))]
    contacts, rained, began = [], 0, time.monotonic()

    while (passed := time.monotonic() - began) < LASTING:
        while rained < passed * RATE:
            raw.send(rain[rained % len(rain)])
            rained += 1
        contacts.append(await own_stage.account("carol"))
        alice.invite(room, own_stage.relay_address(contacts[-1]))
        await asyncio.sleep(1 / RATE)
    await raw.passed(own_stage.server.host)

    records = await relay.settled(len(contacts), "--inviter", alice.bare, "--limit", "10000")
    assert sorted(record["contact"] for record in records) == sorted(contacts)
    assert {record["state"] for record in records} == {"relayed"}
    assert relay.log.count("link is down") == 0
    lines = relay.log.count("left out")
    note(f"{len(rain)} kinds, {rained} in {LASTING} s beside {len(contacts)} invitations; {lines} lines of the log")
    assert lines <= 2 * LASTING


async def _passes(stage, what) -> bool:
    return await Mallory(await stage.account("eve"), stage.server).writes(what, stage.server.host)


LONG = {
    "emoji": "\U0001f916" * 5 * KB,
    "Cyrillic letters": "\u0434" * 4500,
    "quotes": "'\"" * 3 * KB,
    "ampersands": "&" * 4 * KB,
    "lines": "line\n" * 2 * KB,
}
"""Reasons that are over 8000 bytes as an attribute, where some servers put them."""


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("setup", [EVERY_WAY], ids=["every way"])
@pytest.mark.parametrize("handed_over", [False, True], ids=["addressed", "handed over"])
@pytest.mark.parametrize("what", LONG)
async def test_a_long_reason_is_cut(stage, relays, what, handed_over):
    """It is an invitation still, whatever the server makes of its reason."""
    relay = relays(stage.server)
    await relay.start()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room(), anonymous=False)

    alice.invite(room, bob.bare if handed_over else stage.relay_address(bob.bare), LONG[what])

    message = await bob.expect(direct_invitation(room))
    reason = message.find(f"{{{CONFERENCE}}}x").get("reason")
    # `relay.max_reason`, with something that says that it was cut.
    assert 400 < len(reason) <= 500
    plain = " ".join(reason.split())[:390]
    assert plain == " ".join(LONG[what].split())[:390]
    assert relay.log.count("link is down") == 0


NAMES = {"quotes": "'\"" * 511, "Japanese letters": "\u30ca" * 341, "letters": "n" * 1023}
"""As long as a resource may be."""


@pytest.mark.parametrize("what", NAMES)
async def test_an_inviter_with_a_long_resource_and_nick(stage, relays, what):
    """Hidden behind a nick or not, the invitation is relayed in the inviter's name."""
    relay = relays(stage.server)
    await relay.start()
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    nick = NAMES[what]
    inviter = await own_raw(stage, alice.bare, nick)
    escaped = stanzas.text(nick, {"'": "&apos;"})
    # A parser may wait for as much again before it looks once more at a long tag of which it has got a part.
    white_space = " " * 2 * len(escaped.encode())
    inviter.send(f"<presence to='{room}/{escaped}'><x xmlns='{MUC}'/></presence>{white_space}")
    await inviter.hears(rb"code=['\"]110|type=['\"]error")

    inviter.send(stanzas.mediated_invitation(room, stage.relay_address(bob.bare), "Come & talk"))

    message = await bob.expect(direct_invitation(room))
    assert message.get("from") == alice.bare
    assert relay.log.count("link is down") == 0
    inviter.cut()


async def own_raw(stage, jid, resource) -> RawClient:
    return await RawClient(jid, PASSWORD, stage.server.c2s_port).connect(resource)


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("what", ["9000 letters", "20000 quotes", "130000 quotes"])
async def test_a_long_password_is_its_rooms_own_affair(own_stage, relays, config, what):
    """As an attribute each quote becomes five bytes or more; others' invitations arrive whatever becomes of this one."""
    relay = relays(own_stage.server, **config)
    await relay.start()
    alice, mallory, bob = await own_stage.people("alice", "mallory", "bob")
    count, kind = what.split()
    password = {"letters": "p", "quotes": '"'}[kind] * int(count)
    closed = await mallory.create_room(own_stage.room(), password=password)
    room = await alice.create_room(own_stage.room(), anonymous=False)

    mallory.invite(closed, own_stage.relay_address(bob.bare))
    await mallory.passed(own_stage.server.component)
    alice.invite(room, own_stage.relay_address(bob.bare))

    await bob.expect(direct_invitation(room))
    await relay.settled(1, "--inviter", alice.bare)
    assert relay.log.count("link is down") == 0
    assert len(await own_stage.reached(bob, room)) == 1
