"""What `muc-invite-relay setup` prints for a server under test: what operators paste is what scenarios run on."""

import tempfile
from pathlib import Path

from support.process import run
from support.relay import BINARY
from support.server import Server


async def printed_setup(server: Server, make: str, *options: str) -> str:
    """The server's side of this server's own relay configuration, the secret included."""
    assert BINARY.exists(), f"{BINARY} is missing: cargo build, or name the binary in RELAY_BIN"
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config.toml"
        asks = {"relay": {"support": "ask"}} if server.setup.presence else {}
        # Operators name the hosts of their users. The scenarios' own relays know them by their privileges.
        hosts = {"muc": {"hand_over_from": [server.host]}}
        config.write_text(server.relay_config(Path(directory) / "journal.db", **asks, **hosts))
        return await run([str(BINARY), "--config", str(config), "setup", make, "--show-secret", *options]) + "\n"


def replaced(text: str, theirs: str, ours: str) -> str:
    """The text with our words in place of theirs, which must be there."""
    assert theirs in text, f"muc-invite-relay setup no longer prints {theirs!r}"
    return text.replace(theirs, ours)
