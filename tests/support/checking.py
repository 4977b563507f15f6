"""What `muc-invite-relay check` says, for scenarios. Knows nothing of servers."""

import asyncio
import json
import os
from dataclasses import dataclass

from support.relay import Relay

Finding = dict[str, str | None]


@dataclass
class Checked:
    """One run of it."""

    code: int
    findings: list[Finding]

    @property
    def wrong(self) -> list[Finding]:
        """What is not well."""
        return [finding for finding in self.findings if finding["state"] in ("missing", "failed")]

    def line(self, what: str, of: str | None = None) -> Finding:
        """The one line about this; `of` whom, if there are several."""
        [finding] = (it for it in self.findings if it["what"] == what and of in (None, it["of"]))
        return finding

    def state(self, what: str, of: str | None = None) -> str:
        return self.line(what, of)["state"]

    def found(self, what: str, of: str | None = None) -> str:
        return self.line(what, of)["found"]


async def check(relay: Relay, *options: str) -> Checked:
    """Runs it on the relay's configuration, whether the relay runs or not."""
    process = await asyncio.create_subprocess_exec(
        *relay.argv("check", "--json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **relay.env},
    )
    output, errors = await process.communicate()
    findings = [json.loads(line) for line in output.decode().splitlines()]
    assert findings, errors.decode()
    return Checked(process.returncode, findings)
