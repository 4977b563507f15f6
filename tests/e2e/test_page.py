"""The page for people, as a browser shows it."""

import signal

import pytest

from support import browser
from support.ports import free_port
from support.stanzas import direct_invitation, notice
from support.web import Web

pytestmark = pytest.mark.one_of_each_make


@pytest.fixture
def web():
    return Web(free_port())


@pytest.fixture
def show_people():
    return False


@pytest.fixture
def config(web, show_people):
    return {"metrics": {"listen": f"127.0.0.1:{web.port}", "show_people": show_people}}


@pytest.mark.parametrize("show_people", [False, True], ids=["masked", "named"])
async def test_what_became_of_invitations_can_be_seen(stage, relay, web, show_people):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await bob.expect(direct_invitation(room))
    alice.invite(room, stage.relay_address(bob.bare))
    alice.invite(room, f"nobody@{stage.server.component}")
    await alice.expect(notice(room))
    await relay.settled(3)

    page = await browser.look(web.url)

    assert page.all("h1")[0].text == stage.server.component
    [state] = page.all(".state")
    assert state.attributes["class"] == "state well"
    assert state.text.startswith(f"Connected to 127.0.0.1:{stage.server.component_port} for ")
    tiles = {tile.all("span")[0].text: tile.all("b")[0].text for tile in page.all("ul.tiles")[0].all("li")}
    none = {"handed-back": "0", "failed": "0", "expired": "0"}
    assert tiles == {"relayed": "1", "suppressed": "1", "refused": "1"} | none
    bars = sum((title.text.split(": ")[1:] for title in page.all("title") if ": " in title.text), [])
    assert bars == ["1 relayed", "1 suppressed", "1 refused"]
    reasons = page.all("div.reasons")[0]
    assert [(name.text, number.text) for name, number in zip(reasons.all("span"), reasons.all("b"), strict=True)] == [
        ("duplicate", "1"),
        ("malformed", "1"),
    ]
    rows = [[cell.text for cell in row.all("td")] for row in page.all("tbody")[0].all("tr")]
    assert sorted(row[1] for row in rows) == ["refused malformed", "relayed", "suppressed duplicate"]
    host, service = stage.server.host, stage.server.muc
    who = f"{alice.bare} → {bob.bare} {room}" if show_people else f"a…@{host} → b…@{host} t…@{service}"
    assert [row[2] for row in rows if row[1] == "relayed"] == [who]
    assert (alice.bare in page.text) == show_people


async def test_that_nothing_works_can_be_seen(own_server, relays, config, web):
    relay = relays(own_server, **config)
    await relay.start()
    await own_server.kill()
    await web.until("/readyz", 503)

    page = await browser.look(web.url)

    [state] = page.all(".state")
    assert state.attributes["class"] == "state wrong"
    assert state.text.startswith("no link to the server: ")
    assert "No invitation has ended in this time." in page.text


async def text(web):
    """The page, without the marks that say where a line may break."""
    return (await web.get("/")).text.replace("<wbr>", "")


async def test_people_can_be_shown_without_a_restart(stage, relay, web):
    alice, bob = await stage.people("alice", "bob")
    room = await alice.create_room(stage.room())
    alice.invite(room, stage.relay_address(bob.bare))
    await relay.settled(1)
    assert bob.bare not in await text(web)

    listen = {"listen": f"127.0.0.1:{web.port}", "show_people": True}
    relay.config.write_text(stage.server.relay_config(relay.journal, metrics=listen))
    relay.process.signal(signal.SIGHUP)
    await relay.process.says("changed: log.level, metrics.show_people")

    assert bob.bare in await text(web)
