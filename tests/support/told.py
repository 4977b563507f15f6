"""What an inviter is told, in whatever form."""

from support import stanzas
from support.feed import Wanted


def told(text):
    return Wanted(
        f"a message that says {text!r}",
        lambda stanza: stanzas.kind(stanza) == "message" and any(text in (element.text or "") for element in stanza.iter()),
    )
