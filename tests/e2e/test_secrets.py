"""Whatever goes through the relay, and however much it logs: no room's password, no reason and not the component's
secret stands where somebody could read it later, nor stays in the journal's files."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from support.ports import free_port
from support.process import Process
from support.server import Server, Setup
from support.stanzas import (
    CLIENT,
    CONFERENCE,
    MUC_USER,
    condition,
    direct_invitation,
    invitation,
    native_invitation,
    notice,
)
from support.web import Web

pytestmark = pytest.mark.one_of_each_make

PASSWORD = "planted-password"
REASON = "planted-reason"
PLANTED = (PASSWORD, REASON, Server.secret)

Verdict = tuple[str, str | None]
"""State and reason in the history."""

WATCHED = ("/", "/metrics", "/healthz", "/readyz")

HAND_OVER = Setup(hand_over=60)
BOUNCES = Setup(privileges=False)
"""What leaves from the relay's own domain comes back to it."""


async def printed(relay, *arguments: str) -> str:
    """All that a command prints, whatever it thinks of what it has found."""
    process = Process("muc-invite-relay", relay.argv(*arguments))
    await process.start()
    await process.ends()
    return "\n".join(process.output.all)


def files(directory: Path) -> dict[str, bytes]:
    """All that the relay has written, and nothing that was written for it."""
    return {
        file.name: file.read_bytes() for file in directory.iterdir() if file.is_file() and file.name != "config.toml"
    }


def found(content: bytes | str) -> list[str]:
    content = content if isinstance(content, bytes) else content.encode()
    return [planted for planted in PLANTED if planted.encode() in content]


async def until_ended(relay, expected: set[Verdict]) -> None:
    """Waits until the history has these, and nothing is under way."""
    try:
        async with asyncio.timeout(20):
            while True:
                verdicts = {(record["state"], record["reason"]) for record in await relay.history()}
                if verdicts >= expected and ("pending", None) not in verdicts:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{expected - verdicts} did not come to pass: {verdicts}") from None


async def until_wiped(directory: Path) -> None:
    """Waits until the WAL has been emptied, and the files hold nothing."""
    try:
        async with asyncio.timeout(20):
            while any(found(content) for content in files(directory).values()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        left = {name: found(content) for name, content in files(directory).items() if found(content)}
        raise AssertionError(f"left in the files: {left}") from None


async def invitations(stage, relay, commands, take) -> AsyncIterator[Verdict]:
    """One of each kind that a room sends."""
    alice, bob, carol, dave, erin, frank = await stage.people("alice", "bob", "carol", "dave", "erin", "frank")
    room = await alice.create_room(stage.room("locked"), password=PASSWORD)
    rooms = [await alice.create_room(stage.room(name), password=PASSWORD) for name in ("den", "pub")]
    await carol.join(room, PASSWORD)
    await alice.set_affiliation(room, dave.bare, "outcast")
    await take(erin, "nobody")
    await commands(frank).give("my-settings", {"block": room})

    def invite(contact: str, to: str = room) -> None:
        alice.invite(to, stage.relay_address(contact), REASON)

    # Relayed: the contact alone has both.
    invite(bob.bare)
    received = invitation(await bob.expect(direct_invitation(room)))
    assert (received.password, received.reason) == (PASSWORD, REASON)
    await relay.settled(1)
    invite(bob.bare)
    yield "suppressed", "duplicate"
    invite(carol.bare)
    if "occupants" not in stage.server.lacks:
        yield "suppressed", "occupant"
    invite(dave.bare)
    await alice.expect(notice(room))
    yield "refused", "outcast"
    invite(erin.bare)
    yield "suppressed", "opted-out"
    invite(frank.bare)
    yield "suppressed", "blocked"
    for other in rooms:
        invite(bob.bare, other)
    yield "refused", "rate-limited"
    alice.invite(room, f"nobody@{stage.server.component}", REASON)
    yield "refused", "malformed"


async def handed_over(stage, relay, take) -> AsyncIterator[Verdict]:
    """What the server's module brings."""
    grace, heidi, ivan = await stage.people("grace", "heidi", "ivan")
    room = await grace.create_room(stage.room("locked"), password=PASSWORD)
    grace.invite(room, heidi.bare, REASON)
    received = invitation(await heidi.expect(direct_invitation(room)))
    assert (received.password, received.reason) == (PASSWORD, REASON)
    await take(ivan, "server")
    grace.invite(room, ivan.bare, REASON)
    await ivan.expect(native_invitation(room))
    yield "handed-back", "opted-out"


async def come_back(stage, relay) -> AsyncIterator[Verdict]:
    """What the server sends back."""
    [judy] = await stage.people("judy")
    room = await judy.create_room(stage.room("locked"), password=PASSWORD, anonymous=False)
    judy.invite(room, stage.relay_address(f"nobody@{stage.server.host}"), REASON)
    yield "failed", "bounced"


async def forged_and_broken(stage, relay, commands) -> AsyncIterator[Verdict]:
    """What everybody can send."""
    [mallory] = await stage.people("mallory")
    component = stage.server.component
    to = quoteattr(stage.relay_address(f"bob@{stage.server.host}"))
    secrets = f"<password>{PASSWORD}</password>"
    forged = f"<x xmlns='{MUC_USER}'><invite from='%s'><reason>{REASON}</reason></invite>{secrets}</x>"
    for inviter in (f"alice@{stage.server.host}", "a@@b", ""):
        mallory.send(f"<message to={to}>{forged % inviter}</message>")
    yield "refused", "untrusted"
    direct = f"<x xmlns='{CONFERENCE}' jid='tea@{stage.server.muc}' password='{PASSWORD}' reason='{REASON}'/>"
    mallory.send(f"<message to={to}>{direct.replace('tea@', 'tea@@')}</message>")
    for type in ("normal", "error", PASSWORD):
        mallory.send(f"<message to={to} type='{type}' id='{REASON}'>{direct}</message>")
    mallory.send(f"<message to={to}><body>{PASSWORD} {REASON}</body></message>")
    mallory.send(f"<message to={to}><x xmlns='{CONFERENCE}' jid='{PASSWORD * 600}'/></message>")
    # The parser of Prosody 13.0.6 on Debian 13 puts the end of a long attribute off until much more has come.
    mallory.send(" " * 30_000)
    mallory.send(f"<message to={to}><{PASSWORD}>{'<a>' * 100}{REASON}{'</a>' * 100}</{PASSWORD}></message>")
    for deadline in ("2100-01-01T00:00:00Z", PASSWORD, ""):
        inside = f"<message xmlns='{CLIENT}' from='tea@{stage.server.muc}' to='bob@{stage.server.host}'>"
        answer = await mallory.iq(
            component,
            f"<handover xmlns='urn:x-muc-invite-relay:0' deadline='{deadline}'><forwarded xmlns='urn:xmpp:forward:0'>"
            f"{inside}{forged % f'alice@{stage.server.host}'}</message></forwarded></handover>",
            kind="set",
        )
        assert condition(answer) == "forbidden"
    complaint = await commands(mallory).give("my-settings", {"block": f"{PASSWORD}@@{REASON}"})
    assert complaint.status == "executing"
    for payload in (f"<command xmlns='http://jabber.org/protocol/commands' node='{PASSWORD}'/>", f"<{REASON} xmlns='x'/>"):
        await mallory.iq(component, payload, kind="set")
    await mallory.passed(component)


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("setup", [HAND_OVER, BOUNCES], ids=["hand-over", "no privileges"])
async def test_nothing_shows_what_went_through(stage, server, setup, relays, commands, take, format):
    log = {"level": "trace", "format": format}
    web = Web(free_port())
    metrics = {"listen": f"127.0.0.1:{web.port}", "show_people": True}
    relay = relays(server, log=log, limits={"per_contact": "2/1h"}, metrics=metrics)
    await relay.start()

    scenes = [
        invitations(stage, relay, commands, take),
        handed_over(stage, relay, take) if setup is HAND_OVER else come_back(stage, relay),
        forged_and_broken(stage, relay, commands),
    ]
    verdicts = {verdict for scene in scenes async for verdict in scene}
    await until_ended(relay, verdicts | {("relayed", None)})
    outputs = {f"{path} before": (await web.get(path)).text for path in WATCHED}
    assert 'state="suppressed"' in outputs["/metrics before"]
    # What goes on after a crash is read from the disk again.
    await relay.restart(crash=True)
    [nosy] = await stage.people("nosy")
    await commands(nosy).give("my-data")

    await until_wiped(relay.journal.parent)
    outputs |= {
        " ".join(arguments): await printed(relay, *arguments)
        for arguments in [
            ("history",),
            ("history", "--json"),
            ("check",),
            ("check", "--json"),
            ("check", "--offline"),
            ("setup", "prosody"),
            ("setup", "ejabberd"),
            ("forget", f"nobody@{server.host}"),
        ]
    }
    outputs |= {path: (await web.get(path)).text for path in WATCHED}
    assert "opted-out" in outputs["/"]
    await relay.stop()
    outputs["the log"] = relay.log
    assert "DEBUG" in relay.log
    assert {name: found(output) for name, output in outputs.items() if found(output)} == {}
    assert {name: found(content) for name, content in files(relay.journal.parent).items() if found(content)} == {}
