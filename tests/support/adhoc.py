"""Ad-hoc commands (XEP-0050), given and filled in by slixmpp's own plugin. Knows nothing of what they do."""

import asyncio
import re
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from slixmpp import Iq

from support import stanzas
from support.client import Client
from support.feed import WITHIN

COMMANDS = "http://jabber.org/protocol/commands"


@dataclass(frozen=True)
class Answer:
    """What a command has answered."""

    status: str
    """`executing`, `completed`, `canceled`."""
    notes: list[str]
    fields: dict[str, object]
    """The values in its form, by field."""
    options: dict[str, list[str]]
    """What fields with a choice may hold."""

    def lines(self, name: str) -> list[str]:
        """The lines that a result shows: the field of this name, and those that are numbered after it."""
        named = (value for field, value in self.fields.items() if re.fullmatch(rf"{name}(-\d+)?", field))
        return [str(value) for value in named]


class Commands:
    """The commands of one address, as one client sees them."""

    def __init__(self, client: Client, address: str):
        client.plugin("xep_0004")
        self._disco = client.plugin("xep_0030")
        self._plugin = client.plugin("xep_0050")
        self._client = client
        self._address = address

    async def listed(self) -> set[str]:
        """The nodes of the commands that are shown."""
        items = await self._disco.get_items(self._address, node=COMMANDS, timeout=WITHIN)
        return {node for _, node, _ in items["disco_items"]["items"]}

    async def give(self, node: str, *pages: dict[str, str]) -> Answer:
        """Gives a command, fills in these pages in turn, and completes it with the last one."""
        answers: asyncio.Queue[tuple[Iq, dict]] = asyncio.Queue()

        def heard(iq: Iq, session: dict) -> None:
            answers.put_nowait((iq, session))

        self._plugin.start_command(self._address, node, {"next": heard, "error": heard})
        iq, session = await asyncio.wait_for(answers.get(), WITHIN)
        for page in pages:
            assert iq["command"]["status"] == "executing", iq
            # The very form that came, as people fill it in.
            form = iq["command"]["form"]
            form.reply()
            for field, value in page.items():
                assert field in form.get_fields(), f"no field {field} in {iq}"
                form.get_fields()[field]["value"] = value
            session["payload"] = [form]
            go_on = self._plugin.complete_command if page is pages[-1] else self._plugin.continue_command
            go_on(session)
            iq, session = await asyncio.wait_for(answers.get(), WITHIN)
        return _answer(iq)

    async def refused(self, node: str) -> str:
        """Gives a command that is refused, and returns why."""
        # slixmpp's plugin mixes errors of several commands up.
        payload = f"<command xmlns='{COMMANDS}' node={quoteattr(node)} action='execute'/>"
        return stanzas.condition(await self._client.iq(self._address, payload, kind="set"))


def _answer(iq: Iq) -> Answer:
    assert iq["type"] == "result", iq
    command = iq["command"]
    fields = command["form"].get_fields()
    return Answer(
        status=command["status"],
        notes=[text for _, text in command["notes"]],
        fields={name: field["value"] for name, field in fields.items()},
        options={name: [option["value"] for option in field["options"]] for name, field in fields.items()},
    )
