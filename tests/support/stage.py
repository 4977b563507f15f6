"""Where a scenario plays: one server, people and rooms of its own, and afterwards nobody left. Knows no relay."""

import itertools
from xml.etree.ElementTree import Element

from support import stanzas
from support.client import Client, Component
from support.server import Server

PASSWORD = "open sesame"

_numbers = itertools.count(1)


class Stage:
    """Names are made unique, so that scenarios can share a server."""

    def __init__(self, server: Server):
        self.server = server
        self._clients: list[Client | Component] = []

    async def account(self, name: str) -> str:
        """A new account; returns its bare JID."""
        localpart = f"{name}{next(_numbers)}"
        await self.server.add_user(localpart, PASSWORD)
        return f"{localpart}@{self.server.host}"

    async def log_in(self, jid: str, resource: str = "desk") -> Client:
        """A client of an existing account, online."""
        client = Client(jid, PASSWORD, self.server.c2s_port, resource)
        self._clients.append(client)
        return await client.connect()

    async def people(self, *names: str) -> list[Client]:
        """New users, online, in the order of their names."""
        return [await self.log_in(await self.account(name)) for name in names]

    async def stand_in(self) -> Component:
        """A component in the relay's place."""
        return await self._component(self.server.component, self.server.component_port)

    async def remote(self, answers: bool = True) -> Component:
        """The remote domain: whatever is sent to its users and rooms comes here."""
        return await self._component(self.server.remote, self.server.remote_port, answers)

    async def _component(self, jid: str, port: int, answers: bool = True) -> Component:
        component = Component(jid, self.server.secret, port, answers)
        self._clients.append(component)
        return await component.connect()

    def room(self, name: str = "tea", service: str | None = None) -> str:
        """The JID of a room that does not exist yet."""
        return f"{name}{next(_numbers)}@{service or self.server.muc}"

    def invitation(self, sender: str, contact: Client, room: str, **more: str) -> stanzas.Invitation:
        """The direct invitation that this contact is to receive, with the hint that suits the server."""
        return stanzas.Invitation(sender, contact.bare, room, hint=self.server.hint, **more)

    def relay_address(self, jid: str) -> str:
        """The address on the component that stands for this JID."""
        return f"{stanzas.escaped(jid)}@{self.server.component}"

    async def reached(self, contact: Client, room: str) -> list[Element]:
        """Every invitation to this room, of either kind, that the contact has ever received.

        What the component sent before this call has come in by then, so an empty list proves something.
        """
        await contact.passed(self.server.component)
        return contact.received(stanzas.direct_invitation(room)) + contact.received(stanzas.native_invitation(room))

    async def empty(self) -> None:
        for client in self._clients:
            await client.disconnect()
