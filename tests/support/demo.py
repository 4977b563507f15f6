"""The demonstration: invitations on their way from alice to bob, each step shown and checked. See scripts/demo.

First by bob's address at the relay, which needs nothing of the server's rooms; then by his own, which their server hands
over; then to several at once; then from a client that knows no relay addresses; then to one that knows no direct
invitations; and at last without the relay.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from support import stanzas
from support.capabilities import says_what_it_can
from support.client import Client
from support.prosody import Prosody
from support.relay import Relay
from support.server import Setup
from support.stanzas import direct_invitation, invitation, native_invitation

PASSWORD = "open sesame"
BOLD, GREEN, RED, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("",) * 4

_steps = iter(range(1, 100))


class AnyProsody(Prosody):
    """Whichever version this machine has."""

    name = "prosody"
    version = ""


def step(title: str) -> None:
    print(f"\n{BOLD}{next(_steps)}. {title}{PLAIN}", flush=True)


def show(text: str) -> None:
    for line in text.splitlines():
        print(f"   {line}", flush=True)


def check(claim: str, holds: bool) -> None:
    if not holds:
        raise AssertionError(f"it is not so that {claim}")
    print(f"   {GREEN}✓{PLAIN} {claim}", flush=True)


def show_stanza(stanza: ElementTree.Element) -> None:
    ElementTree.indent(stanza)
    show(stanzas.show(stanza))


async def addressed(server: AnyProsody, relay: Relay, alice: Client, bob: Client) -> None:
    room = f"tea@{server.muc}"
    bob_at_the_relay = f"{stanzas.escaped(bob.bare)}@{server.component}"

    step(f"alice opens {room}: members only, with a password")
    await alice.create_room(room, members_only=True, password="xyzzy")
    check("bob is no member", await alice.affiliation(room, bob.bare) == "none")

    step("alice invites bob, by his address at the relay")
    shown = len(relay.process.output.all)
    sent = stanzas.mediated_invitation(room, bob_at_the_relay, "Come & talk", id="invite-1")
    show(sent)
    alice.send(sent)

    step("bob receives a direct invitation, from alice herself")
    message = await bob.expect(direct_invitation(room))
    received = invitation(message)
    show_stanza(message)
    check(f"it comes from {alice.bare} and not from the room", received.sender == alice.bare)
    check("it carries the password", received.password == "xyzzy")
    await relay.settled(1)

    step("meanwhile, in the relay's log")
    show("\n".join(relay.process.output.all[shown:]))

    step("the door is open")
    check("bob is a member now", await alice.affiliation(room, bob.bare) == "member")
    await alice.until_affiliation(room, bob_at_the_relay, "none")
    check("his address at the relay is none", True)
    check("bob enters the room", (await bob.join(room, received.password)).get("type") is None)
    bob.send(f"<presence type='unavailable' to='{room}/{bob.nick}'/>")
    await bob.expect(stanzas.a("presence", type="unavailable", sender=room))

    step("alice invites bob once more")
    alice.invite(room, bob_at_the_relay, "Are you coming?")
    _, again = await relay.settled(2)
    check("it is suppressed as a duplicate", (again["state"], again["reason"]) == ("suppressed", "duplicate"))
    await bob.passed(server.component)
    check("bob has heard nothing of it", len(bob.received(direct_invitation(room))) == 1)


async def handed_over(server: AnyProsody, relay: Relay, alice: Client, bob: Client) -> None:
    room = f"coffee@{server.muc}"

    step(f"alice opens {room}: members only, and semi-anonymous")
    await alice.create_room(room, members_only=True)

    step("alice invites bob by his own address, as people always have; the room's server hands it over to the relay")
    shown = len(relay.process.output.all)
    sent = stanzas.mediated_invitation(room, bob.bare, "And a cup of coffee?", id="invite-2")
    show(sent)
    alice.send(sent)

    step("bob receives a direct invitation, from alice herself")
    message = await bob.expect(direct_invitation(room))
    show_stanza(message)
    check(f"it comes from {alice.bare} and not from the room", invitation(message).sender == alice.bare)
    *_, record = await relay.settled(3)
    check("it was handed over, and relayed", (record["route"], record["state"]) == ("handed-over", "relayed"))
    await bob.passed(room)
    check("the room itself has sent none", not bob.received(native_invitation(room)))
    check("the room has made bob a member", await alice.affiliation(room, bob.bare) == "member")

    step("meanwhile, in the relay's log")
    show("\n".join(relay.process.output.all[shown:]))

    step("muc-invite-relay history")
    show(await relay.command("history"))


async def many(server: AnyProsody, relay: Relay, alice: Client, bob: Client, carol: Client) -> None:
    room = f"cocoa@{server.muc}"

    step(f"alice opens {room}: members only; bob is a member already, and inside")
    await alice.create_room(room, members_only=True)
    await alice.set_affiliation(room, bob.bare, "member")
    await bob.join(room)

    step("alice invites a group: team@ the relay, which is bob and carol in its configuration")
    sent = stanzas.mediated_invitation(room, f"team@{server.component}", "Cocoa for all", id="invite-3")
    show(sent)
    alice.send(sent)

    step("carol receives an invitation of her own, and bob, who is inside, none")
    message = await carol.expect(direct_invitation(room))
    show_stanza(message)
    check("it comes from alice", invitation(message).sender == alice.bare)
    check("carol is a member now", await alice.affiliation(room, carol.bare) == "member")
    await bob.passed(server.component)
    check("bob has heard nothing of it", not bob.received(direct_invitation(room)))

    step("and alice is told how many, but not who")
    text = stanzas.said(await alice.expect(stanzas.notice(room)))
    show(text)
    check("one is invited, and one there already", text.endswith(": 1 invited, 1 already there"))

    step("muc-invite-relay history")
    await relay.settled(5)
    show(await relay.command("history", "--limit", "2"))


async def all_members(server: AnyProsody, relay: Relay, alice: Client, bob: Client, carol: Client) -> None:
    room = f"lemonade@{server.muc}"

    step(f"alice opens {room}: members only; bob and carol are members")
    await alice.create_room(room, members_only=True)
    for person in (bob, carol):
        await alice.set_affiliation(room, person.bare, "member")

    step("alice invites whoever is on the room's own lists: members@ the relay")
    sent = stanzas.mediated_invitation(room, f"members@{server.component}", "Lemonade for all", id="invite-4")
    show(sent)
    alice.send(sent)

    step("bob and carol receive one each, and alice is told how many")
    for person in (bob, carol):
        received = invitation(await person.expect(direct_invitation(room)))
        check(f"{person.bare} has one, from alice", received.sender == alice.bare)
    text = stanzas.said(await alice.expect(stanzas.notice(room)))
    show(text)
    check("two are invited", text.endswith(": 2 invited"))
    await relay.settled(8)


async def directly(server: AnyProsody, relay: Relay, alice: Client, bob: Client) -> None:
    room = f"biscuits@{server.muc}"

    step(f"alice opens {room}: members only; her client sends bob's address at the relay a direct invitation")
    await alice.create_room(room, members_only=True)
    to = f"{stanzas.escaped(bob.bare)}@{server.component}"
    sent = f"<message to='{to}' id='invite-5'><x xmlns='{stanzas.CONFERENCE}' jid='{room}' reason='Biscuits'/></message>"
    show(sent)
    alice.send(sent)

    step("the relay sees that alice may invite there, makes bob a member, and passes it on")
    received = invitation(await bob.expect(direct_invitation(room)))
    check("it comes from alice", received.sender == alice.bare)
    check("bob is a member now", await alice.affiliation(room, bob.bare) == "member")
    *_, record = await relay.settled(9)
    check("its route is direct", (record["route"], record["state"]) == ("direct", "relayed"))


async def to_a_client_that_can_not(server: AnyProsody, relay: Relay, alice: Client, bob: Client) -> None:
    room = f"scones@{server.muc}"

    step("bob's client says what it can do: direct invitations are not among it")
    await says_what_it_can(bob, direct=False)

    step(f"alice opens {room} and invites bob, by his address at the relay")
    await alice.create_room(room)
    alice.invite(room, f"{stanzas.escaped(bob.bare)}@{server.component}", "Scones")

    step("bob receives the room's own invitation: the relay has asked the room for it, in alice's name")
    message = await bob.expect(native_invitation(room))
    show_stanza(message)
    inviter = message.find(f".//{{{stanzas.MUC_USER}}}invite").get("from")
    check("alice is the inviter", inviter == alice.bare)
    *_, record = await relay.settled(10)
    check("the history says why", (record["state"], record["reason"]) == ("relayed", "unsupported"))
    await bob.passed(room)
    check("it is the only one", not bob.received(direct_invitation(room)))


async def without_the_relay(server: AnyProsody, alice: Client, bob: Client) -> None:
    room = f"cake@{server.muc}"

    step(f"without the relay, alice invites bob to {room}, by his own address")
    await alice.create_room(room)
    alice.invite(room, bob.bare, "There is cake")

    step("nothing is lost: bob receives the room's own invitation")
    show_stanza(await bob.expect(native_invitation(room)))
    await bob.passed(room)
    check("it is the only one", len(bob.received(native_invitation(room))) == 1)


async def main() -> int:
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with contextlib.AsyncExitStack() as afterwards:
        directory = Path(afterwards.enter_context(tempfile.TemporaryDirectory(prefix="muc-invite-relay-demo-")))
        server = AnyProsody(Setup(hand_over=5, presence=True), directory / "prosody")
        team = {"team": [f"{name}@{server.host}" for name in ("bob", "carol")]}
        relay = Relay(server, directory, log={"level": "info"}, relay={"support": "ask"}, groups=team)
        try:
            step("Prosody starts on 127.0.0.1, with what `muc-invite-relay setup prosody` prints and an empty store")
            afterwards.push_async_callback(end, server)
            await server.start()
            show(next(line for line in server.process.output.all if "Hello" in line))

            step("the relay connects")
            afterwards.push_async_callback(end, relay)
            await relay.start()
            show(relay.log)

            people = []
            for name in ("alice", "bob", "carol"):
                await server.add_user(name, PASSWORD)
                person = Client(f"{name}@{server.host}", PASSWORD, server.c2s_port)
                afterwards.push_async_callback(person.disconnect)
                people.append(await person.connect())
            await addressed(server, relay, *people[:2])
            await handed_over(server, relay, *people[:2])
            await many(server, relay, *people)
            await all_members(server, relay, *people)
            await directly(server, relay, *people[:2])
            await to_a_client_that_can_not(server, relay, *people[:2])

            step("the relay is asked to end")
            await relay.stop()
            check("it ended well", True)
            await without_the_relay(server, *people[:2])
        except (AssertionError, OSError) as failure:
            print(f"\n{RED}FAILED{PLAIN}: {failure}\n\nThe relay said:\n{relay.log}", file=sys.stderr)
            return 1
    print(f"\n{GREEN}All of it worked{PLAIN}, and nothing is left running.")
    return 0


async def end(program: Prosody | Relay) -> None:
    if program.process and program.process.running:
        await program.kill()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
