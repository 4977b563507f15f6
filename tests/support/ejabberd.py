"""ejabberd as a fixture, on what `muc-invite-relay setup ejabberd` prints. Knows nothing of scenarios."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from support import stanzas
from support.client import Client
from support.paste import joined
from support.ports import free_port
from support.printed import printed_setup, replaced
from support.process import Process, run
from support.server import Server, Setup

CONFIG = Path(__file__).resolve().parents[2] / "config/ejabberd"
MODULE = "mod_muc_invite_relay"

_AT_ONCE = 1000
"""Members that are made by one iq."""

_compiled: dict[tuple[Path, str], bytes] = {}
"""By the root of the version and the source."""


class Ejabberd(Server):
    """ejabberd; its versions are subclasses. The hand-over module is compiled and on the code path, loaded or not."""

    lacks = {
        "masked-inviter": "ejabberd always names the inviter",
        "clients-own-elements": "ejabberd writes invitations anew",
        "conflict": "ejabberd takes several connections of one component",
        "deep-nesting": "elements nested 5000 deep end ejabberd itself",
        "outsiders-invite": "occupants only may invite",
        "occupants": "rooms tell the real addresses of those inside to moderators inside only",
    }

    node = "test@localhost"
    """The name of its Erlang node."""

    def __init__(self, setup: Setup, directory: Path):
        super().__init__(setup, directory)
        self.remote_port = free_port()
        self._http_port = free_port()
        self._node_port = free_port()

    async def start(self) -> None:
        await self.prepare()
        self.process = Process(self.name, self._ejabberdctl("foreground"), self.environment)
        await self.process.start()
        await self.takes_connections()

    async def takes_connections(self) -> None:
        """Waits until it says so, for the next time if it has before."""
        await self.process.says(f"ejabberd {self.version}", within=60)
        await self.process.says(f"connections at 127.0.0.1:{self.c2s_port} for ejabberd_c2s")
        await self.process.says(f"connections at 127.0.0.1:{self.component_port} for ejabberd_service")
        if self.setup.names is not None:
            await self.process.says(f"connections at 127.0.0.1:{self.s2s_port} for ejabberd_s2s_in")

    async def prepare(self) -> None:
        """Writes all that the server starts from."""
        beams = self.directory / "beams"
        beams.mkdir(parents=True, exist_ok=True)
        (self.directory / "spool").mkdir(exist_ok=True)
        await self._compile(CONFIG / f"{MODULE}.erl", beams)
        (self.directory / "ejabberd.yml").write_text(self._config())
        await self._write_relays_side()
        if self.setup.names is not None:
            (self.directory / "inetrc").write_text(
                "{lookup, [file, dns]}.\n{resolv_conf, \"\"}.\n{timeout, 2000}.\n{retry, 1}.\n"
                f"{{nameserver, {{127,0,0,1}}, {self.setup.names}}}.\n"
            )
        options = f"-pa {beams} -kernel inet_dist_use_interface {{127,0,0,1}} +sbwt none"
        (self.directory / "ejabberdctl.cfg").write_text(f"ERLANG_NODE={self.node}\n" + self._distribution(options))
        script = (self.root / "usr/sbin/ejabberdctl").read_text()
        for pattern, ours in {
            # Anybody may run it, and signals reach the server itself.
            r"^INSTALLUSER=.*": "INSTALLUSER=",
            r'(as_current_user(?:,\*)?\)\s+)"\$@"': r'\1exec "$@"',
        }.items():
            script, count = re.subn(pattern, ours, script, flags=re.MULTILINE)
            assert count == 1, f"{pattern} is not in ejabberdctl {count} times"
        (self.directory / "ejabberdctl").write_text(script)

    async def reconfigure(self, alter: Callable[[str], str], pasted: str = "") -> None:
        """Without a restart: privileges are given out when the relay connects, and named rules are read when needed."""
        self.alter, self.pasted = alter, pasted
        await self._write_relays_side()
        await self.call("reload_config")

    async def add_user(self, name: str, password: str) -> None:
        await self.call("register", user=name, host=self.host, password=password)

    async def large_room(self, owner: Client, room: str, members: Sequence[str], members_only: bool) -> None:
        """Many in one iq set: the room is written once for each."""
        await owner.create_room(room, members_only=members_only)
        for start in range(0, len(members), _AT_ONCE):
            items = "".join(f"<item jid='{jid}' affiliation='member'/>" for jid in members[start : start + _AT_ONCE])
            answer = await owner.iq(room, f"<query xmlns='{stanzas.MUC_ADMIN}'>{items}</query>", kind="set")
            assert answer.get("type") == "result", stanzas.show(answer)

    async def reload_module(self) -> None:
        answer = await self.call("restart_module", host=self.host, module=MODULE)
        # 24.12 gives the bare number.
        assert answer in (0, {"res": 0}), answer

    async def kill(self) -> None:
        """Mnesia writes seconds later; what a test has set up before the crash is on the disk."""
        script = f"ok = rpc:call('{self.node}', mnesia, sync_log, []), halt()."
        await run(
            self.inside(["erl", "-noinput", "-hidden", "-sname", "sync@localhost", "-dist_listen", "false"]
            + ["-start_epmd", "false", "-erl_epmd_port", str(self._node_port), "-eval", script]),
            env=self.environment,
        )
        await super().kill()

    async def call(self, command: str, **arguments: object) -> object:
        """Runs one of ejabberd's commands in the running server."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._http_port}/api/{command}",
            json.dumps(arguments).encode(),
            {"Content-Type": "application/json"},
        )

        def answer() -> object:
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                raise AssertionError(f"{command}: {error.code} {error.read().decode()}") from None

        return await asyncio.to_thread(answer)

    async def ctl(self, *arguments: str) -> str:
        """Runs ejabberdctl beside the running server and returns what it prints."""
        return await run(self._ejabberdctl(*arguments), env=self.environment)

    def _distribution(self, options: str) -> str:
        """How other Erlang programs reach the node, as lines of ejabberdctl.cfg; `options` are those of the emulator."""
        return f"ERL_DIST_PORT={self._node_port}\nERL_OPTIONS='{options}'\n"

    def _ejabberdctl(self, *arguments: str) -> list[str]:
        directory = str(self.directory)
        program = ["/bin/bash", f"{directory}/ejabberdctl", "--config-dir", directory]
        return self.inside([*program, "--logs", f"{directory}/logs", "--spool", f"{directory}/spool", *arguments])

    @property
    def environment(self) -> dict[str, str]:
        """What it and its commands run with. The cookie lives in HOME."""
        return {"HOME": str(self.directory)}

    async def _compile(self, source: Path, beams: Path) -> None:
        """Once for each version and source in a test run; a warning is an error."""
        key = (self.root, source.read_text())
        if key in _compiled:
            beam = beams / f"{source.stem}.beam"
            beam.write_bytes(_compiled[key])
            return
        headers = [*self.root.glob("usr/lib/*-linux-gnu/ejabberd-*/include")]
        headers += self.root.glob("usr/lib/erlang/lib/p1_xm*/include")
        inside = (f"/{directory.relative_to(self.root)}" for directory in headers)
        includes = [word for directory in inside for word in ("-I", directory)]
        [libraries] = self.root.glob("usr/lib/*-linux-gnu")
        await run(
            self.inside(["erlc", "-Werror", "+debug_info", *includes, "-o", str(beams), str(source)]),
            env={"ERL_LIBS": f"/{libraries.relative_to(self.root)}"},
        )
        _compiled[key] = (beams / f"{source.stem}.beam").read_bytes()

    async def _write_relays_side(self) -> None:
        text = self.alter(await self._relays_side())
        if self.pasted:
            text = joined(text, self.pasted)
        (self.directory / "relay.yml").write_text(text)

    async def _relays_side(self) -> str:
        """What operators paste, less what the setup leaves out."""
        text = await printed_setup(self, "ejabberd", "--server-version", self.version)
        text = replaced(text, "  mod_muc:\n", f'  mod_muc:\n    hosts: ["{self.muc}", "{self.other_muc}"]\n')
        if "privileged-iq" not in self.lacks:
            new = (namespace for namespace in self.setup.iq if f"{namespace}:" not in text)
            more = "".join(f"\n      {namespace}: {{get: invite_relay}}" for namespace in new)
            text = replaced(text, "    iq:", f"    iq:{more}")
        if not self.setup.privileges:
            text = _without(text, "  mod_privilege:")
        if not self.setup.service_admin:
            text = _without(text, "    access_admin:")
        if self.setup.hand_over is None:
            return _without(text, f"  {MODULE}:")
        # As on Prosody, whose module is loaded for one MUC service.
        options = f"timeout: {self.setup.hand_over}\n    access: handed_over"
        return replaced(text, f"  {MODULE}:\n", f"  {MODULE}:\n    {options}\n")

    def _config(self) -> str:
        modules = ["adhoc", "blocking", "carboncopy", "disco", "ping", "version", "privacy", "roster"]
        modules += ["http_api", "admin_extra"]
        if self.setup.offline:
            modules.append("offline")
        if self.setup.block_strangers:
            modules.append("block_strangers")
        if self.setup.names is not None:
            modules.append("s2s_dialback")
        options = {"mam": "{default: always}"} if self.setup.archive else {}
        options |= dict.fromkeys(modules, "{}")
        if self.setup.resumption is not None:
            options["stream_mgmt"] = f"{{resume_timeout: {self.setup.resumption}, ack_timeout: infinity}}"
        lines = [
            f"hosts: [{self.host}]",
            "loglevel: info",
            *self._federation(),
            "auth_method: internal",
            f"acl: {{admin: {{user: admin@{self.host}}}, other_muc: {{server: {self.other_muc}}}}}",
            "access_rules: {handed_over: [{deny: other_muc}, allow]}",
            "api_permissions:",
            "  tests: {from: [mod_http_api, ejabberd_ctl], who: all, what: '*'}",
            "listen:",
            f"  - {{port: {self.c2s_port}, ip: 127.0.0.1, module: ejabberd_c2s}}",
            f"  - {{port: {self._http_port}, ip: 127.0.0.1, module: ejabberd_http,"
            " request_handlers: {/api: mod_http_api}}",
            f"  - {{port: {self.remote_port}, ip: 127.0.0.1, module: ejabberd_service, access: all,"
            f" hosts: {{{self.remote}: {{password: {self.secret}}}}}}}",
            *self._s2s_listener(),
            # Room for a burst to one contact.
            "shaper_rules: {max_user_offline_messages: 5000}",
            "modules:",
            *(f"  mod_{name}: {value}" for name, value in options.items()),
            f"include_config_file: {self.directory}/relay.yml",
        ]
        return "\n".join([*lines, self.setup.extra, ""])


    def _federation(self) -> list[str]:
        if self.setup.names is None:
            return ["s2s_access: none"]
        # After a failure it refuses to try for up to 300 s.
        return ["s2s_use_starttls: false", "s2s_max_retry_delay: 1"]

    def _s2s_listener(self) -> list[str]:
        if self.setup.names is None:
            return []
        return [f"  - {{port: {self.s2s_port}, ip: 127.0.0.1, module: ejabberd_s2s_in}}"]


def _without(text: str, key: str) -> str:
    """The YAML without the line that begins so, and all that is indented below it."""
    indent = len(key) - len(key.lstrip())
    shorter, count = re.subn(rf"^{key}.*\n(?:(?: {{{indent + 1},}}.*)?\n)*", "", text, flags=re.MULTILINE)
    assert count == 1, f"muc-invite-relay setup prints {key!r} {count} times"
    return shorter
