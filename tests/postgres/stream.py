"""A stream of invitations by both routes through a scripted XMPP server, and what must have become of it."""

from faults.crowd import all_arrive
from support.stanzas import reply


class Stream:
    """Invitations to contacts of their own, as fast as the relay takes them; every other one is a hand-over."""

    def __init__(self, scripted, relay):
        self._scripted = scripted
        self.relay = relay
        self.contacts: list[str] = []
        self._handed_over: list[str] = []

    def send(self, count: int) -> list[str]:
        """Sends so many more; returns for whom."""
        sent = []
        for _ in range(count):
            number = len(self.contacts)
            contact = f"bob{number}"
            if number % 2:
                self._handed_over.append(f"h{number}")
                self._scripted.send(self._scripted.hand_over(contact, id=f"h{number}"))
            else:
                self._scripted.send(self._scripted.invitation(contact))
            self.contacts.append(self._scripted.jid(contact))
            sent.append(self.contacts[-1])
        return sent

    async def delivered(self, *contacts: str) -> None:
        """Waits until each of them has been sent an invitation."""
        await self._scripted.delivered(*contacts)

    async def arrives(self) -> int:
        """All of it does, with one row of the history and one id each, and every hand-over is taken. Returns how many came
        again."""
        again = await all_arrive(self._scripted, self.relay, self.contacts)
        for id in self._handed_over:
            answer = await self._scripted.taken.take(reply(id))
            assert answer.get("type") == "result"
        return again
