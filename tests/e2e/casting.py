"""The cases of the table of endings: who is on the stage, what stands against the invitation, and how that is taken away.

Each case is a generator: up to `yield` it prepares, behind it the next invitation may come. Knows nothing of what follows
from a case: that is the table's (support/endings.py).
"""

from xml.sax.saxutils import quoteattr

from e2e.test_direct import write_to
from e2e.test_mimicry import look_alike
from support.adhoc import Commands
from support.capabilities import says_what_it_can
from support.company import Case, Play
from support.endings import Route
from support.stanzas import STANZA_ERRORS, direct_invitation

CASES: dict[str, Case] = {}

LONG_PASSWORD = "p" * 9000


def case(*names):
    def add(function):
        CASES.update(dict.fromkeys(names, function))
        return function

    return add


async def set_the_stage(play: Play, *, service: str | None = None, **room):
    """A members-only room with its owner inside, who invites; a contact who is nothing to it; paula, an admin of it."""
    play.owner, play.bob = await play.stage.people("alice", "bob")
    play.inviter, play.contact = play.owner, play.bob.bare
    details = {"members_only": True, "anonymous": False} | room
    play.room = await play.owner.create_room(play.stage.room(service=service), **details)
    if service is None:
        await play.owner.set_affiliation(play.room, play.company.paula.bare, "admin")


async def somebody_else_invites(play: Play, name="mallory", affiliation: str | None = None):
    """The inviter is not the owner."""
    [play.inviter] = await play.stage.people(name)
    if affiliation:
        await play.owner.set_affiliation(play.room, play.inviter.bare, affiliation)


async def nobody_is_there(play: Play):
    """The contact has no account."""
    play.bob, play.contact = None, f"nobody-{play.room.partition('@')[0]}@{play.stage.server.host}"


@case("fine", "group", "inviter's limit", "room's limit", "contact's limit", "inviter's limit, group", "nothing granted")
async def fine(play):
    await set_the_stage(play)
    yield


@case("unsupported")
async def unsupported(play):
    await set_the_stage(play)
    await says_what_it_can(play.bob, direct=False)
    dave, carol = await play.stage.people("dave", "carol")
    await says_what_it_can(carol, direct=False)

    async def beforehand():
        """The relay waits a second for a client's answer, and asks nobody once the hash is verified: carol's is bob's."""
        for _ in range(5):
            room = await dave.create_room(play.stage.room())
            dave.invite(room, play.stage.relay_address(carol.bare))
            [record] = await play.company.settled(lambda it, room=room: it["room"] == room, 1)
            if record["reason"] == "unsupported":
                return

    play.beforehand = beforehand
    yield


@case("duplicate")
async def duplicate(play):
    await set_the_stage(play)
    paula = play.company.paula
    write_to(paula, play.stage.relay_address(play.contact), play.room, id=f"b-{play.room}")
    await play.bob.expect(direct_invitation(play.room))
    await play.company.settled(lambda it: it["room"] == play.room, 1)
    play.spent.update({"r": 1, "c": 1, "paula": 1})
    play.earlier = 1
    yield


@case("occupant")
async def occupant(play):
    await set_the_stage(play)
    await play.owner.set_affiliation(play.room, play.contact, "member")
    await play.bob.join(play.room)
    yield
    await play.bob.leave(play.room)


async def take(play, whom):
    answer = await Commands(play.bob, play.stage.server.component).give("my-settings", {"takes": whom})
    assert answer.status == "completed", answer


@case("opted-out", "contacts only", "left to the server")
async def opted_out(play):
    await set_the_stage(play)
    choices = {"opted-out": "nobody", "contacts only": "contacts", "left to the server": "server"}
    await take(play, choices[play.ending.case])
    yield
    await take(play, "everybody")


@case("blocked")
async def blocked(play):
    await set_the_stage(play)
    settings = Commands(play.bob, play.stage.server.component)
    await settings.give("my-settings", {"block": play.inviter.bare})
    yield
    await settings.give("my-settings", {"lift": play.inviter.bare})


@case("nobody left")
async def nobody_left(play):
    await set_the_stage(play)
    play.group = [play.owner.bare]
    yield


@case("stranger")
async def stranger(play):
    await set_the_stage(play)
    yield


@case("look-alike")
async def look_alike_of_a_friend(play):
    await set_the_stage(play)
    await play.owner.befriend(play.bob)
    mallory = await look_alike(play.stage, play.owner)
    await play.owner.set_affiliation(play.room, mallory.bare, "admin")
    await mallory.join(play.room)
    play.inviter = mallory
    yield


@case("outcast", "nobody reached")
async def outcast(play):
    # A members-only room of Prosody makes whom it invites a member, also one who was banned.
    await set_the_stage(play, members_only=play.route != Route.HANDED_OVER)
    await play.owner.set_affiliation(play.room, play.contact, "outcast")
    yield
    await play.owner.set_affiliation(play.room, play.contact, "none")


@case("not-member")
async def not_member(play):
    await set_the_stage(play)
    yield


@case("no business", "no business, group")
async def no_business(play):
    await set_the_stage(play)
    await somebody_else_invites(play)
    play.mediated = False
    # Otherwise only the inviter's rights count, who has none.
    play.can_be_listed = "plain-iq" not in play.stage.server.lacks
    yield


@case("banned since")
async def banned_since(play):
    await set_the_stage(play)
    await somebody_else_invites(play, affiliation="admin")
    await play.inviter.join(play.room)

    async def meanwhile():
        await play.owner.set_affiliation(play.room, play.inviter.bare, "outcast")

    play.meanwhile = meanwhile
    yield


@case("closed since")
async def closed_since(play):
    """Everybody may invite to an open room."""
    await set_the_stage(play, members_only=False, member_invites=True)
    await somebody_else_invites(play)
    await play.inviter.join(play.room)

    async def meanwhile():
        await play.owner.configure(play.room, members_only=True, anonymous=False)

    play.meanwhile = meanwhile
    yield


@case("not served")
async def not_served(play):
    served = play.route == Route.HANDED_OVER
    await set_the_stage(play, service=None if served else play.stage.server.other_muc)
    if play.route == Route.GROUP:
        play.target = f"members@{play.stage.server.component}"
    yield


@case("nobody's address")
async def nobodys_address(play):
    await set_the_stage(play)
    play.target = f"nobody-in-{play.room.partition('@')[0]}@{play.stage.server.component}"
    yield


@case("no room")
async def no_room(play):
    await set_the_stage(play)
    play.target, play.room = play.stage.relay_address(play.contact), f"nowhere-{play.contact.partition('@')[0]}"
    yield


@case("another relay")
async def another_relay(play):
    await set_the_stage(play)
    play.bob = None
    play.contact = rf"bob-{play.room.partition('@')[0]}\40b.example@invites.b.example"
    if play.route in (Route.ADDRESSED, Route.DIRECT):
        # XEP-0106 §4.2
        escaped = play.contact.replace("\\40", "\\5c40").replace("@", "\\40")
        play.target = f"{escaped}@{play.stage.server.component}"
    yield


@case("long password", "long password, group")
async def long_password(play):
    await set_the_stage(play, password=LONG_PASSWORD)
    play.password = LONG_PASSWORD
    yield
    await play.owner.configure(play.room, members_only=True, anonymous=False)


@case("too many")
async def too_many(play):
    await set_the_stage(play)
    play.group = [f"person{n}-{play.room.partition('@')[0]}@{play.stage.server.host}" for n in range(3)]
    yield


@case("no list")
async def no_list(play):
    await set_the_stage(play)
    play.target = f"members@{play.stage.server.component}"
    yield


@case("others' group")
async def others_group(play):
    await set_the_stage(play)
    name = f"crew-{play.room.partition('@')[0]}"
    form = {"name": name, "entries": play.contact, "may-use": "named", "users": play.company.paula.bare}
    answer = await Commands(play.company.paula, play.stage.server.component).give("group-create", form)
    assert answer.status == "completed", answer
    play.target = f"{name}@{play.stage.server.component}"
    yield


@case("a room")
async def a_room(play):
    await set_the_stage(play, members_only=False)
    play.bob, play.contact = None, f"another-{play.room}"
    yield


@case("no account", "comes back")
async def no_account(play):
    await set_the_stage(play)
    await nobody_is_there(play)
    yield


@case("comes back late")
async def comes_back_late(play):
    """The contact's client sends it back."""
    await set_the_stage(play)

    async def afterwards():
        message = await play.bob.expect(direct_invitation(play.room))
        play.earlier = 1
        play.bob.send(
            f"<message type='error' to={quoteattr(message.get('from'))} id={quoteattr(message.get('id'))}>"
            f"<error type='cancel'><service-unavailable xmlns='{STANZA_ERRORS}'/></error></message>"
        )

    play.afterwards = afterwards
    yield
