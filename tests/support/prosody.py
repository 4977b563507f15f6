"""Prosody as a fixture, on what `muc-invite-relay setup prosody` prints. Knows nothing of scenarios."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from support.client import Client
from support.printed import printed_setup, replaced
from support.process import Process, run
from support.server import Server

CONFIG = Path(__file__).resolve().parents[2] / "config/prosody"

_TEST_MODULES = Path(__file__).resolve().parent / "prosody_modules"
"""Modules that only tests need."""


class Prosody(Server):
    """Prosody; its versions are subclasses."""

    lacks: ClassVar[Mapping[str, str]] = {
        "powerless-admins": "its admins have all rights in rooms, unless told otherwise",
        "cluster": "Prosody has no clusters",
        "several-connections": "Prosody takes one connection of a component",
        "store_empty_body": "it keeps every message",
    }

    @property
    def hint(self) -> str:
        return "no-store" if self.setup.offline else "store"

    async def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "data").mkdir(exist_ok=True)
        printed = await printed_setup(self, "prosody")
        # The hand-over module stays where it is.
        paths = f'plugin_paths = {{ "{CONFIG}"; "{_TEST_MODULES}" }}'
        printed = replaced(printed, '-- plugin_paths = { "/usr/local/lib/prosody/modules" }', paths)
        # Several servers run beside each other, so none has the usual port.
        for option in ("component_interfaces", "component_ports"):
            printed = replaced(printed, f"-- {option} = ", f"{option} = ")
        (self.directory / "relay.cfg.lua").write_text(self.alter(printed))
        # Read last: of an option that is set twice Prosody takes the later one. In a file of its own, since 0.12 can't
        # read one that sets it twice and has a long path.
        (self.directory / "pasted.cfg.lua").write_text(self.pasted)
        config = self.directory / "prosody.cfg.lua"
        config.write_text(self._config())
        self.process = Process(self.name, self.inside(["/usr/bin/prosody", "-F", "--config", str(config)]))
        await self.process.start()
        await self.process.says(f"Hello and welcome to Prosody version {self.version}")
        await self.process.says(f"Activated service 'component' on [127.0.0.1]:{self.component_port}")
        await self.process.says(f"Activated service 'c2s' on [127.0.0.1]:{self.c2s_port}")
        if self.setup.names is not None:
            await self.process.says(f"Activated service 's2s' on [127.0.0.1]:{self.s2s_port}")

    async def add_user(self, name: str, password: str) -> None:
        self._store(self.host, "accounts", name, {"password": f'"{password}"'})

    async def large_room(self, owner: Client, room: str, members: Sequence[str], members_only: bool) -> None:
        """An iq sets one member, and each time the room is written anew: its file is read when somebody enters."""
        kind = f"{{ persistent = true; members_only = {str(members_only).lower()}; }}"
        people = dict.fromkeys(members, '"member"') | {owner.bare: '"owner"'}
        name, _, service = room.partition("@")
        self._store(service, "config", name, {"_jid": f'"{room}"', "_data": kind, "_affiliation_data": "{}"} | people)
        await owner.join(room)

    def _store(self, host: str, store: str, name: str, values: dict[str, str]) -> None:
        """Writes a file as Prosody's internal storage does; the values are Lua."""
        directory = self.directory / "data" / host.replace(".", "%2e") / store
        directory.mkdir(parents=True, exist_ok=True)
        # Everything but ASCII letters and digits as its bytes.
        file = "".join(c if c.isascii() and c.isalnum() else "".join(f"%{byte:02x}" for byte in c.encode()) for c in name)
        lines = "".join(f'\t["{key}"] = {value};\n' for key, value in values.items())
        (directory / f"{file}.dat").write_text(f"return {{\n{lines}}};\n")

    async def reload_module(self) -> None:
        reload = ["shell", "module", "reload", "muc_invite_relay", self.muc]
        await run(self.inside(["/usr/bin/prosodyctl", "--config", str(self.directory / "prosody.cfg.lua"), *reload]))

    def _config(self) -> str:
        modules = ["roster", "saslauth", "disco", "ping", "version", "blocklist", "carbons"]
        if self.setup.block_strangers:
            modules.append("block_strangers")
        if self.setup.archive:
            modules.append("mam")
        if self.setup.hand_over is not None:
            modules.append("admin_shell")
        if self.setup.resumption is not None:
            modules.append("smacks")
        disabled = ["http"]
        if self.setup.names is None:
            disabled.append("s2s")
        else:
            modules += ["dialback", "name_server"]
        if not self.setup.offline:
            disabled.append("offline")
        lines = [
            "run_as_root = true",
            f'data_path = "{self.directory}/data"',
            f'pidfile = "{self.directory}/prosody.pid"',
            'log = { { levels = { min = "info" }, to = "file", filename = "/dev/stdout", timestamps = "%T" } }',
            'interfaces = { "127.0.0.1" }',
            f"c2s_ports = {{ {self.c2s_port} }}",
            f"s2s_ports = {{ {self.s2s_port} }}",
            "s2s_direct_tls_ports = { }",
            "s2s_require_encryption = false",
            f"name_server_port = {self.setup.names or 53}",
            "c2s_direct_tls_ports = { }",
            'authentication = "internal_plain"',
            "c2s_require_encryption = false",
            "allow_unencrypted_plain_auth = true",
            f"modules_enabled = {_lua(modules)}",
            f"modules_disabled = {_lua(disabled)}",
            f"smacks_hibernation_time = {self.setup.resumption or 600}",
            f'VirtualHost "{self.host}"',
            f'Component "{self.other_muc}" "muc"',
            f'Component "{self.remote}"',
            f'    component_secret = "{self.secret}"',
            f'Include "{self.directory}/relay.cfg.lua"',
            f'Component "{self.muc}" "muc"',
        ]
        if self.setup.hand_over is None:
            lines.append("    modules_enabled = { }")
        else:
            lines.append(f"    muc_invite_relay_timeout = {self.setup.hand_over}")
        if not self.setup.privileges:
            for section in (f'VirtualHost "{self.host}"', f'Component "{self.component}"'):
                lines += [section, "    modules_enabled = { }"]
        if self.setup.iq:
            granted = "; ".join(f'["{namespace}"] = "get"' for namespace in self.setup.iq)
            lines += [
                f'VirtualHost "{self.host}"',
                f'    privileged_entities = {{ ["{self.component}"] = {{ message = "outgoing";',
                f'        iq = {{ ["http://jabber.org/protocol/muc#admin"] = "both"; {granted} }} }} }}',
            ]
        if not self.setup.service_admin:
            lines += [f'Component "{self.muc}" "muc"', "    admins = { }"]
        lines.append(f'Include "{self.directory}/pasted.cfg.lua"')
        return "\n".join([*lines, self.setup.extra, ""])


def _lua(words: list[str]) -> str:
    return "{ " + "; ".join(f'"{word}"' for word in words) + " }"
