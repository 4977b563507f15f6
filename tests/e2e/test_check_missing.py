"""Each thing that `setup` prints is left out in turn: `check` misses that and nothing else, and what it says to paste
mends it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

import yaml
from support import paste
from support.checking import Checked, check
from support.prosody import Prosody
from support.server import Setup
from support.stage import Stage

Alter = Callable[[str], str]

BEFORE = ("--without", "relay")
"""No relay runs yet."""

MUC_ADMIN = "http://jabber.org/protocol/muc#admin"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
BLOCKING = "urn:xmpp:blocking"


@dataclass(frozen=True)
class Thing:
    """Something that `setup` prints."""

    name: str
    what: str
    """The line of `check` that is about it."""
    prosody: Alter | None = None
    """Leaves it out of Prosody's configuration; none if there is no such thing."""
    ejabberd: Alter | None = None
    needs: str | None = None
    """What the server must be able to do, or it is not missed."""


def line(begin: str) -> Alter:
    return lambda text: paste.without_lines(text, begin)


def last_line(begin: str) -> Alter:
    return lambda text: paste.without_last_line(text, begin)


def key(*path: str) -> Alter:
    return lambda text: paste.without_key(text, *path)


def instead(old: str, new: str) -> Alter:
    def alter(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return alter


def privilege(*path: str) -> Alter:
    return key("modules", "mod_privilege", *path)


THINGS = [
    Thing("messages", "messages", line('message = "outgoing"'), privilege("message")),
    Thing("rosters", "rosters", line('roster = "get"'), privilege("roster")),
    Thing("muc#admin", "muc-admin", line(f'["{MUC_ADMIN}"]'), privilege("iq", MUC_ADMIN), needs="privileged-iq"),
    Thing("block lists", "block-lists", line(f'["{BLOCKING}"]'), privilege("iq", BLOCKING), needs="privileged-iq"),
    Thing("disco#info", "disco-info", None, privilege("iq", DISCO_INFO), needs="privileged-iq"),
    Thing("mod_privilege", "messages", line('modules_enabled = { "privilege" }'), privilege()),
    Thing("mod_privilege of the component", "messages", last_line('modules_enabled = { "privilege" }')),
    Thing("admins", "rights", line("admins = "), instead("- allow: invite_relay", "- deny: invite_relay"), "plain-iq"),
    Thing("admins' rights", "rights", line("component_admins_as_room_owners"), needs="powerless-admins"),
    Thing(
        "hand-over module",
        "hand-over",
        line('modules_enabled = { "muc_invite_relay" }'),
        key("modules", "mod_muc_invite_relay"),
    ),
]


@pytest.fixture(scope="module")
async def whole(kind, pool):
    """A server with all that `setup` prints, and a public room on it."""
    server = await pool.own(kind, Setup(hand_over=5))
    stage = Stage(server)
    [alice] = await stage.people("alice")
    await alice.create_room(stage.room())
    await stage.empty()
    yield server
    await server.stop()


def is_well(checked: Checked) -> bool:
    assert checked.wrong == []
    return checked.code == 0


async def test_nothing_is_missing_of_what_setup_prints(whole, relays, shows):
    shows(whole.process)
    await whole.reconfigure(lambda text: text)

    checked = await check(relays(whole), *BEFORE)

    assert is_well(checked)
    assert whole.version in checked.found("server", whole.host)
    assert checked.found("hand-over", whole.muc) == "the module answers; it waits 5 s for ours"
    assert checked.state("clock", whole.muc) == "ok"


@pytest.mark.one_of_each_make
@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.name)
async def test_what_is_left_out_is_missing_and_what_is_pasted_mends_it(whole, relays, shows, thing):
    leave_out = thing.prosody if isinstance(whole, Prosody) else thing.ejabberd
    if leave_out is None or thing.needs in whole.lacks:
        pytest.skip(f"not supported by {whole.name}: it needs no such thing")
    relay = relays(whole)
    await whole.reconfigure(leave_out)
    shows(whole.process)

    checked = await check(relay, *BEFORE)
    assert checked.code == 1
    assert [(finding["state"], finding["what"]) for finding in checked.wrong] == [("missing", thing.what)]
    [remedy] = (finding["remedy"] for finding in checked.wrong)

    await whole.reconfigure(leave_out, remedy)
    assert is_well(await check(relay, *BEFORE))


def for_local_users(text: str) -> str:
    """mod_muc is for the users of this server, as some have it."""
    document = yaml.safe_load(text)
    document["acl"]["local"] = {"user_regexp": ""}
    document["access_rules"]["local"] = [{"allow": "local"}]
    document["modules"]["mod_muc"]["access"] = "local"
    return yaml.safe_dump(document)


@pytest.mark.needs("plain-iq")
async def test_a_service_that_admits_users_only(whole, relays, shows):
    """Where the component's own questions vanish, rooms are asked in the name of a user, who is admitted."""
    if isinstance(whole, Prosody):
        pytest.skip("its MUC services ask nobody who he is")
    relay = relays(whole)
    await whole.reconfigure(for_local_users)
    shows(whole.process)

    [line] = (await check(relay, *BEFORE)).wrong
    assert (line["state"], line["what"], line["of"]) == ("failed", "rooms", whole.muc)
    assert line["found"].startswith("does not let the component ask it (forbidden")

    await whole.reconfigure(for_local_users, line["remedy"])
    assert is_well(await check(relay, *BEFORE))


async def test_a_service_that_is_not_there(whole, relays, shows):
    """Where questions to hosts vanish, nothing can be said of it."""
    await whole.reconfigure(lambda text: text)
    shows(whole.process)
    relay = relays(whole, muc={"services": ["confernce.example.test"]})

    checked = await check(relay, *BEFORE)

    assert checked.code == 1
    line = checked.line("rooms")
    assert line["found"].startswith("the server serves no such host")
    assert "correct the name in muc.services" in line["remedy"].splitlines()[0]
