"""A first draft of a relay, on slixmpp, with a set in memory of those who have been invited.

The benches compare the relay with it. No journal, no question to the room, no answer to the inviter.
Arguments: HOST PORT COMPONENT SECRET
"""

import asyncio
import sys

from slixmpp import JID
from slixmpp.componentxmpp import ComponentXMPP


class Relay(ComponentXMPP):
    def __init__(self, host, port, component, secret):
        super().__init__(component, secret, host, port)
        self.invited = set()
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0249")
        self.add_event_handler("groupchat_invite", self.relay)

    def relay(self, message):
        room, contact = message["from"].bare, message["to"].local.replace("\\40", "@")
        if (contact, room) in self.invited:
            return
        self.invited.add((contact, room))
        invite = message["muc"]["invite"]
        inviter = JID(invite["from"]).bare.replace("@", "\\40") + "@" + self.boundjid.domain
        self["xep_0249"].send_invitation(contact, room, reason=invite["reason"], mfrom=inviter)


def main():
    host, port, component, secret = sys.argv[1:]
    relay = Relay(host, int(port), component, secret)
    relay.connect()
    asyncio.get_event_loop().run_forever()


if __name__ == "__main__":
    main()
