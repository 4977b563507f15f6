"""Invitations of one contact to one room while another one is under way, and what becomes of limits, claims and memberships
when the relay is killed, the link is lost, or something comes back late."""

from datetime import timedelta

import pytest

from faults.test_bounces import error, is_invitation, own_domain
from support import stanzas
from support.clock import WallClock
from support.scripted import told
from support.server import Setup
from support.stanzas import MUC_USER

MALLORY = "mallory@elsewhere.example"
RELAYED, BOUNCED, REPEATED = ("relayed", None), ("failed", "bounced"), ("suppressed", "duplicate")


def outcomes(records):
    return {record["inviter"].partition("@")[0]: (record["state"], record["reason"]) for record in records}


def holds(scripted, sender):
    """Keeps the messages of this sender; they are neither answered nor confirmed."""
    kept = []
    scripted.answers_pings = False
    scripted.on_message = lambda m: kept.append(m) if is_invitation(m) and sender in m.get("from") else None
    return kept


def masked(scripted, contact, nick, room="tea"):
    """An invitation whose room names the inviter by nick."""
    to, room = f"{stanzas.escaped(scripted.jid(contact))}@{scripted.component}", scripted.room(room)
    return f"<message to='{to}' from='{room}'><x xmlns='{MUC_USER}'><invite from='{room}/{nick}'/></x></message>"


@pytest.mark.parametrize("setup", [Setup(), Setup(privileges=False)], ids=["handed over", "addressed"])
async def test_one_that_is_held_up_goes_out_when_the_first_fails(scripted, relay, setup):
    kept = holds(scripted, "mallory")
    # From elsewhere, so that it comes back to the relay.
    scripted.send(scripted.invitation("bob", inviter="mallory").replace(scripted.jid("mallory"), MALLORY))
    await scripted.delivered(scripted.jid("bob"))
    if setup.privileges:
        scripted.send(scripted.hand_over("bob", inviter="alice"))
        answer = await scripted.taken.take(stanzas.reply(to="handover"))
        assert answer.get("type") == "result"
    else:
        scripted.send(scripted.invitation("bob", inviter="alice"))
        await relay.has_taken_in(2)
    await scripted.passed()

    [first] = kept
    scripted.on_message = lambda m: None
    scripted.send(error(first, "service-unavailable"))
    scripted.answer_all()

    _, second = await scripted.delivered(scripted.jid("bob"), times=2)
    assert "alice" in second.sender
    assert outcomes(await relay.settled(2)) == {"mallory": BOUNCED, "alice": RELAYED}
    await scripted.taken.take(told(MALLORY))
    assert not [message for message in scripted.taken.all if told(scripted.jid("alice"))(message)]


@own_domain
async def test_one_that_is_held_up_hears_when_the_first_arrives(scripted, relay):
    holds(scripted, "mallory")
    scripted.send(scripted.invitation("bob", inviter="mallory"))
    await scripted.delivered(scripted.jid("bob"))
    scripted.send(scripted.invitation("bob", inviter="alice"))
    await relay.has_taken_in(2)

    scripted.answer_all()

    await scripted.taken.take(told(scripted.jid("alice")))
    assert outcomes(await relay.settled(2)) == {"mallory": RELAYED, "alice": REPEATED}
    assert len(scripted.deliveries) == 1


@own_domain
async def test_it_waits_across_a_crash(scripted, relay):
    holds(scripted, "mallory")
    scripted.send(scripted.invitation("bob", inviter="mallory"))
    await scripted.delivered(scripted.jid("bob"))
    scripted.send(scripted.invitation("bob", inviter="alice"))
    await relay.has_taken_in(2)
    await relay.kill()

    scripted.on_message = lambda m: (
        error(m, "service-unavailable") if is_invitation(m) and "mallory" in m.get("from") else None
    )
    scripted.answers_pings = True
    await relay.start_again()

    assert outcomes(await relay.settled(2)) == {"mallory": BOUNCED, "alice": RELAYED}


@own_domain
@pytest.mark.parametrize("config", [{"limits": {"per_room": "10/1h"}}], ids=["10 an hour"])
async def test_what_was_under_way_is_not_counted_again(scripted, relay):
    scripted.answers_pings = False
    contacts = [scripted.jid(f"bob{n}") for n in range(10)]
    scripted.send("".join(masked(scripted, f"bob{n}", "Alice") for n in range(10)))
    await scripted.delivered(*contacts)
    await relay.kill()
    scripted.answers_pings = True
    await relay.start_again()

    records = await relay.settled(10)
    assert {record["state"] for record in records} == {"relayed"}
    # And it was counted once: the hour is used up.
    scripted.send(masked(scripted, "carol", "Alice"))
    assert (await relay.settled(11))[-1]["reason"] == "rate-limited"


@own_domain
@pytest.mark.parametrize("config", [{"limits": {"per_room": "2/1h"}}, {"limits": {"per_contact": "2/1h"}}], ids=str)
async def test_who_is_over_a_limit_stays_so_when_the_link_is_lost(scripted, relay, config):
    """Before the inviter has been told: the invitation is tried again."""
    scripted.answers_pings = False
    by_room = "per_room" in config["limits"]
    for n in range(3):
        contact, room = (f"bob{n}", "tea") if by_room else ("bob", f"tea{n}")
        scripted.send(masked(scripted, contact, "Alice", room))
        await relay.has_taken_in(n + 1)
    await scripted.taken.take(stanzas.Wanted("a decline", lambda m: m.find(f"{{{MUC_USER}}}x") is not None))

    scripted.cut()
    scripted.answers_pings = True

    records = await relay.settled(3)
    assert sorted((record["state"], record["reason"] or "") for record in records) == [
        ("refused", "rate-limited"),
        ("relayed", ""),
        ("relayed", ""),
    ]
    assert len({delivery.id for delivery in scripted.deliveries}) == 2


@own_domain
async def test_a_membership_stays_as_long_as_one_needs_it(scripted, relays, config, tmp_path):
    clock = WallClock(tmp_path)
    relay = relays(scripted, **config)
    relay.env.update(clock.env)
    await relay.start()
    room, bob = scripted.room("tea"), scripted.jid("bob")
    scripted.members_only.add(room)
    kept = []
    scripted.on_message = lambda m: kept.append(m) if is_invitation(m) else None
    # Only what comes onto the list from now on came with an invitation.
    scripted.send(scripted.invitation("carol"))
    assert [record["state"] for record in await relay.settled(1)] == ["refused"]
    await scripted.taken.take(told(scripted.jid("alice")))
    for times in (2, 3):
        # The room has made the address a member when it passed the invitation on.
        scripted.members("tea", [f"{stanzas.escaped(bob)}@{scripted.component}"])
        scripted.send(scripted.invitation("bob"))
        await relay.settled(times)
        clock.set(timedelta(minutes=11))
    assert [record["state"] for record in await relay.history()] == ["relayed", "relayed", "refused"]

    for message, is_member in zip(kept, (True, False), strict=True):
        scripted.send(error(message, "service-unavailable"))
        await scripted.taken.take(told(scripted.jid("alice")))
        assert (bob in scripted.members_of("tea")) == is_member
