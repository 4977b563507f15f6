"""`journal move` from a file to PostgreSQL and back, with invitations under way: they arrive from the new place, once each."""

import tomllib

import pytest

from postgres.stream import Stream
from support.process import Process

pytestmark = pytest.mark.xdist_group("postgres")

PART = 50
ALL = ("--limit", "1000000")


def move(target):
    place = tomllib.loads(target.config.read_text())["journal"]
    if "url" in place:
        return "journal", "move", "--to", place["url"], "--key-file", place["key_file"]
    return "journal", "move", "--to", place["path"]


async def refused(source, target):
    """Why it is."""
    process = Process("muc-invite-relay", source.argv(*move(target)))
    await process.start()
    assert await process.ends() != 0
    return "\n".join(process.output.all)


async def test_there_and_back(scripted, relays, journal):
    in_file, on_server, back = relays(scripted), relays(scripted, journal=journal), relays(scripted)
    stream = Stream(scripted, in_file)
    await in_file.start()
    await in_file.command("block", "evil.example")
    await stream.delivered(*stream.send(PART))
    await in_file.settled(PART, *ALL)
    assert "runs" in await refused(in_file, on_server)

    for source, target in ((in_file, on_server), (on_server, back)):
        scripted.answers_pings = False
        await stream.delivered(*stream.send(PART))
        await source.kill()
        before = await source.history(*ALL)
        assert {record["state"] for record in before} == {"relayed", "pending"}

        await source.command(*move(target))

        assert await target.history(*ALL) == before
        assert await source.history(*ALL) == before, "the old one stays as it is"
        assert "has a journal with something in it" in await refused(source, target)
        scripted.answers_pings = True
        await target.start()
        stream.relay = target
        await target.settled(len(before), *ALL)
        assert await target.command("blocks") == "evil.example\n"

    # Twice those that were under way, whose confirmation had not come.
    assert await stream.arrives() == 2 * PART
    # What had ended is known in each place.
    scripted.send(scripted.invitation("bob0"))
    assert (await back.settled(len(stream.contacts) + 1, *ALL))[-1]["reason"] == "duplicate"
