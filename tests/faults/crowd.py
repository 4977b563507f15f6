"""Many invitations at once through a scripted server, and what must have become of them."""

from collections import Counter

from support.stanzas import CONFERENCE


def invite(scripted, count, name="bob", **details):
    """Sends so many invitations; returns whom they are for."""
    contacts = [f"{name}{n}" for n in range(count)]
    scripted.send("".join(scripted.invitation(contact, **details) for contact in contacts))
    return [scripted.jid(contact) for contact in contacts]


def is_killer(message):
    """An invitation with this reason, from whomever it seems to come."""
    return any(x.get("reason") == "killer" for x in message.iter(f"{{{CONFERENCE}}}x"))


async def all_arrive(scripted, relay, contacts):
    """Every one of them arrives and is settled; each has one id however often it came. Returns how many came again."""
    await scripted.delivered(*contacts)
    records = await relay.settled(len(contacts), "--limit", "100000")
    odd = [record for record in records if (record["state"], record["reason"]) != ("relayed", None)]
    assert not odd, f"{len(odd)} of {len(records)} were not simply relayed: {odd[:5]}"
    once, settled = Counter(contacts), Counter(record["contact"] for record in records)
    assert settled == once, f"not once each: {settled - once} too often, {once - settled} too seldom"
    ids = {}
    for delivery in scripted.deliveries:
        ids.setdefault(delivery.contact, []).append(delivery.id)
    changed = {contact: sent for contact, sent in ids.items() if len(set(sent)) > 1}
    assert not changed, f"sent again under another id: {changed}"
    assert len({sent[0] for sent in ids.values()}) == len(contacts), "two of them have the same id"
    return sum(len(sent) > 1 for sent in ids.values())
