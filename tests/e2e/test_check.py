"""What `check` says of a real server: with everything granted, and with each thing missing in turn."""

import asyncio
import json

import pytest

from support.relay import Relay
from support.server import Setup

GRANTS_NEEDED = pytest.mark.parametrize(
    ("setup", "missing", "remedy"),
    [
        (Setup(privileges=False), "privileges (XEP-0356)", "outgoing"),
        (Setup(service_admin=False, privileges=False), "the relay's own rights in rooms", "admin"),
    ],
    ids=["no privileges", "no rights in rooms"],
)


async def check(relay: Relay) -> tuple[int, dict[str, dict]]:
    """The exit code, and the findings by what was looked at."""
    process = await asyncio.create_subprocess_exec(
        *relay.argv("check", "--json"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    findings = [json.loads(line) for line in output.decode().splitlines()]
    assert findings, errors.decode()
    return process.returncode, {finding["what"]: finding for finding in findings}


async def test_a_running_relay_is_asked(stage, relay):
    [alice] = await stage.people("alice")
    await alice.create_room(stage.room())

    code, findings = await check(relay)

    assert findings["relay"]["found"] == "runs, and was asked"
    assert findings["journal"]["state"] == "ok"
    assert next(f for what, f in findings.items() if what.startswith("connection"))["state"] == "ok"
    assert findings[f"{stage.server.host}: messages in users' names"]["state"] == "ok"
    wrong = [f for f in findings.values() if f["state"] in ("missing", "failed")]
    assert (code, wrong) == ((0, []) if "plain-iq" not in stage.server.lacks else (1, [findings["ordinary questions"]]))


async def test_without_a_relay_it_connects_itself(server, relays):
    relay = relays(server)

    code, findings = await check(relay)

    assert findings["relay"]["found"] == "does not run: this check connected itself"
    assert next(f for what, f in findings.items() if what.startswith("connection"))["state"] == "ok"
    assert code == (0 if "plain-iq" not in server.lacks else 1)


@GRANTS_NEEDED
async def test_each_missing_thing_comes_with_its_remedy(stage, relay, missing, remedy):
    [alice] = await stage.people("alice")
    await alice.create_room(stage.room())

    code, findings = await check(relay)

    assert code == 1
    finding = next(f for what, f in findings.items() if what.startswith(missing))
    assert finding["state"] == "missing", finding
    assert remedy in finding["remedy"]


async def test_a_service_that_is_none(server, relays):
    relay = relays(server, muc={"services": [server.host]})
    code, findings = await check(relay)
    if "plain-iq" in server.lacks:
        pytest.skip("not supported: " + server.lacks["plain-iq"])
    assert code == 1
    assert findings[f"rooms of {server.host}"]["found"] == "this is no MUC service"


async def test_a_wrong_secret(server, relays):
    relay = relays(server, component={"secret": "not the secret"})
    code, findings = await check(relay)
    assert code == 1
    [connection] = [f for what, f in findings.items() if what.startswith("connection")]
    assert connection["state"] == "failed"
    assert "component.secret" in connection["found"]


async def test_one_journal_has_one_relay(server, relays):
    first, second = relays(server), relays(server)
    await first.start()
    second.config.write_text(second.config.read_text().replace(str(second.journal), str(first.journal)))
    await second.launch()
    assert await second.process.ends() == 1
    assert "another relay runs" in "\n".join(second.output.all)
