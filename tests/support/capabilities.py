"""What a client says that it can do (XEP-0030, XEP-0115)."""

from support import stanzas
from support.feed import Wanted

CAPS = "{http://jabber.org/protocol/caps}c"


async def says_what_it_can(client, *, direct, hashed=True):
    """It answers disco#info, and goes online once more; returns its presence."""
    client.plugin("xep_0030")
    if direct:
        client.plugin("xep_0249")
    if hashed:
        await client.plugin("xep_0115").update_caps()
    else:
        client.send("<presence><show>chat</show></presence>")
    return await client.expect(
        Wanted(
            f"the new presence of {client.full}",
            lambda stanza: stanza.get("from") == client.full
            and stanzas.kind(stanza) == "presence"
            and (stanza.find(CAPS) is not None if hashed else len(stanza) > 0),
        )
    )
