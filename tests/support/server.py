"""What every XMPP server under test offers to the scenarios, whatever its make. Knows nothing of any make."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from support.ports import free_port
from support.process import Process

if TYPE_CHECKING:
    from support.client import Client


@dataclass(frozen=True)
class Setup:
    """How a server is set up. The default is what `muc-invite-relay setup` prints, less the hand-over."""

    privileges: bool = True
    """XEP-0356 for the component: messages in the name of local users, muc#admin in their name."""
    iq: tuple[str, ...] = ()
    """More namespaces of privileged IQs that the component is granted."""
    presence: bool = False
    """The component is told who is online, and the relay's configuration asks what their clients can do."""
    service_admin: bool = True
    """The component counts as owner of every room."""
    hand_over: int | None = None
    """The module that hands invitations over is loaded, and the relay has so many seconds for its answer."""
    block_strangers: bool = False
    """Every user takes messages from his roster only (mod_block_strangers)."""
    offline: bool = True
    """Messages for users who are offline are kept for them."""
    archive: bool = False
    """Messages are archived (XEP-0313)."""
    resumption: int | None = None
    """The server waits so many seconds for a client whose connection broke (XEP-0198)."""
    host: str = "example.test"
    """The domain of the users."""
    muc: str = "conference.example.test"
    """The name of the MUC service."""
    names: int | None = None
    """The port of the name server by which it finds other servers; `None`: it talks to none."""
    extra: str = ""
    """More configuration, in the server's own language, after everything else."""


class Server(ABC):
    """A real server with users, two MUC services and a port for the component.

    All data lives in `directory`, so a server that was stopped or killed comes back with its users and rooms.
    """

    name: ClassVar[str]
    """Make and version, as in the table of results."""
    version: ClassVar[str]
    """As it names itself; the first parts of it will do."""
    root = Path("/")
    """The system in which it is installed."""
    lacks: ClassVar[Mapping[str, str]] = {}
    """What this server can't do, by the words that scenarios use for it, and why."""

    privilege: ClassVar[str] = "urn:xmpp:privilege:2"
    """The version of XEP-0356 that it speaks."""

    host = Setup.host
    muc = Setup.muc
    other_muc = "rooms.example.test"
    """A MUC service that the relay is not told to believe."""
    remote = "remote.example.test"
    """A domain whose users and rooms are not the server's own: one more component plays it."""
    component = "invites.example.test"
    secret = "a secret for the tests"

    def __init__(self, setup: Setup, directory: Path):
        self.setup = setup
        self.muc = setup.muc
        if setup.host != Setup.host:
            self.host = setup.host
            self.other_muc, self.remote, self.component = (f"{name}.{setup.host}" for name in ("rooms", "remote", "invites"))
        self.directory = directory
        self.c2s_port = free_port()
        self.component_port = free_port()
        self.remote_port = self.component_port
        """Where the remote domain connects."""
        self.s2s_port = free_port()
        """Where other servers connect, if it talks to any."""
        self.process: Process | None = None
        self.alter: Callable[[str], str] = lambda text: text
        """What is made of the relay's side, beside what the setup leaves out; taken when it is written."""
        self.pasted = ""
        """What is pasted into the configuration then."""

    @staticmethod
    def inside(argv: Sequence[str]) -> list[str]:
        """The command that runs this one in the system in which the server is installed."""
        return list(argv)

    @property
    def hint(self) -> str:
        """The archive hint (XEP-0334) that keeps an invitation for a contact who is away, and best out of archives."""
        return "store"

    @abstractmethod
    async def start(self) -> None:
        """Writes the configuration, starts the server and returns once both ports take connections."""

    async def reconfigure(self, alter: Callable[[str], str], pasted: str = "") -> None:
        """Makes something else of the relay's side, pastes something, and has the server take it."""
        self.alter, self.pasted = alter, pasted
        await self.restart()

    async def reload_module(self) -> None:
        """Stops the hand-over module and starts it again from its source."""
        raise NotImplementedError

    @abstractmethod
    async def add_user(self, name: str, password: str) -> None:
        """Makes the account NAME@host; works while the server runs."""

    async def large_room(self, owner: "Client", room: str, members: Sequence[str], members_only: bool) -> None:
        """Makes a room with thousands of members, by the quickest way that the server has; its owner is inside."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Ends the server in good order."""
        await self.process.stop(within=30)

    async def kill(self) -> None:
        """Ends the server as a crash would."""
        await self.process.kill()

    async def restart(self) -> None:
        """Ends the server in good order and starts it again on the same ports with the same data."""
        await self.stop()
        await self.start()

    def relay_config(self, journal: Path, /, **overrides: Mapping[str, object]) -> str:
        """The relay's configuration for this server, as TOML; an override is a section: `relay={"window": "5s"}`; a
        key that is None is left out."""
        sections: dict[str, dict[str, object]] = {
            "component": {
                "jid": self.component,
                "secret": self.secret,
                "server": f"127.0.0.1:{self.component_port}",
            },
            "muc": {"services": [self.muc]},
            # No test is about limits unless it says so.
            "limits": {key: "1000000/1s" for key in ("per_inviter", "per_domain", "per_contact", "per_room")},
            "journal": {"path": str(journal)},
        }
        for section, keys in overrides.items():
            sections.setdefault(section, {}).update(keys)
            sections[section] = {key: value for key, value in sections[section].items() if value is not None}
        # JSON's strings, numbers and lists are TOML's as well.
        return "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
            for section, keys in sections.items()
        )
