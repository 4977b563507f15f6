"""Every version of the servers, and the Debian release that has it. Knows nothing of scenarios."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from support.debian import HOST, Root
from support.ejabberd import Ejabberd
from support.prosody import Prosody
from support.server import Server

_PROSODY = ("prosody", "prosody-modules")


class FromDebian(Server):
    """A server of one release: the system's own if the tests run on that release, else one in a directory of its own."""

    debian: ClassVar[Root]

    @classmethod
    def prepared(cls) -> Root | None:
        """Its directory, which is made if there is none yet; `None` if the system has the server itself."""
        if cls.debian.release == HOST and not cls.debian.backports:
            return None
        cls.debian.make()
        return cls.debian

    async def start(self) -> None:
        if root := await asyncio.to_thread(self.prepared):
            self.root, self.inside = root.path, root.inside
        await super().start()


class Prosody012(FromDebian, Prosody):
    name = "prosody-0.12"
    version = "0.12"
    debian = Root("bookworm", (*_PROSODY, "ejabberd"))


class Prosody13(FromDebian, Prosody):
    name = "prosody-13.0"
    version = "13.0"
    debian = Root("trixie", (*_PROSODY, "ejabberd"), backports=True)
    lacks = {word: why for word, why in Prosody.lacks.items() if word != "powerless-admins"}


class Ejabberd2301(FromDebian, Ejabberd):
    name = "ejabberd-23.01"
    version = "23.01"
    debian = Prosody012.debian
    privilege = "urn:xmpp:privilege:1"
    lacks = Ejabberd.lacks | {"privileged-iq": "mod_privilege has IQs from 24.10 on"}


class Ejabberd2412(FromDebian, Ejabberd):
    name = "ejabberd-24.12"
    version = "24.12"
    debian = Root("trixie", ("ejabberd",))
    lacks = Ejabberd.lacks | {
        "plain-iq": "beside its mod_privilege, the ordinary IQs of components vanish (ejabberd issue 4336)",
        "plain-iq-to-hosts": "the same, until 25.03",
    }


class Ejabberd2607(FromDebian, Ejabberd):
    name = "ejabberd-26.07"
    version = "26.07"
    debian = Prosody13.debian
    lacks = Ejabberd.lacks | {
        "plain-iq": "as before, but those to virtual hosts arrive again",
        "a-label-services": "a room of a service that is named by A-labels does not know its owner",
        "filter-drops-rooms": "its filter takes what a friend sends through a room",
    }


KINDS: Sequence[type[FromDebian]] = (Prosody012, Prosody13, Ejabberd2301, Ejabberd2412, Ejabberd2607)
"""Every server that scenarios run on, the older first."""


if __name__ == "__main__":
    for kind in KINDS:
        kind.prepared()
