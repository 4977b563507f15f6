"""Many invitations at once through a scripted server, and what must have become of them."""


def invite(scripted, count, name="bob", **details):
    """Sends so many invitations; returns whom they are for."""
    contacts = [f"{name}{n}" for n in range(count)]
    scripted.send("".join(scripted.invitation(contact, **details) for contact in contacts))
    return [scripted.jid(contact) for contact in contacts]


async def all_arrive(scripted, relay, contacts):
    """Every one of them arrives and is settled; each has one id however often it came. Returns how many came again."""
    await scripted.delivered(*contacts)
    records = await relay.settled(len(contacts), "--limit", "100000")
    assert {(record["state"], record["reason"]) for record in records} == {("relayed", None)}
    assert sorted(record["contact"] for record in records) == sorted(contacts)
    ids = {}
    for delivery in scripted.deliveries:
        ids.setdefault(delivery.contact, []).append(delivery.id)
    assert all(len(set(sent)) == 1 for sent in ids.values())
    assert len({sent[0] for sent in ids.values()}) == len(contacts)
    return sum(len(sent) > 1 for sent in ids.values())
