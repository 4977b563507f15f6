"""Every way in which an invitation can end, by each route, and what it leaves behind: the one table of it.

Scenarios play each row (e2e/test_endings.py on real servers, faults/test_faulty_endings.py on a scripted one), and
docs/troubleshooting.md shows the same rows to operators (support/test_documents.py). `python3 -m support.endings` in
`tests/` prints them as that page has them. Knows nothing of how a row is played.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Route(StrEnum):
    """How an invitation comes, and for how many."""

    ADDRESSED = "addressed"
    """From a room, to a relay address."""
    DIRECT = "direct"
    """From the inviter, to a relay address."""
    HANDED_OVER = "handed-over"
    """From the server's module."""
    COMMAND = "command"
    """From an operator or an admin, in the inviter's name."""
    GROUP = "group"
    """To a group address, by a room or the inviter: the whole."""
    PART = "part"
    """To one of those behind a group address."""


A, D, H, C, G, P = Route
ONE = (A, D, H, C, P)
"""The routes to one contact."""


class Next(StrEnum):
    """What becomes of the next invitation of the same contact to the same room, once nothing is against it: by that the
    contact's claim is seen."""

    HELD_UP = "held up"
    """The claim is kept."""
    ARRIVES = "arrives"
    """There is none, or it was released."""
    KNOWN = "arrives, known"
    """It is kept in the eyes of inviters only: the next one hears that the contact was invited before."""
    NOBODYS = "–"
    """There is no contact."""


class Membership(StrEnum):
    """What becomes of the contact's membership of a members-only room."""

    GIVEN = "given"
    """For a hand-over: by the room, before it."""
    NONE = "none"
    """None is given; for a hand-over, the one that the room gave is taken back."""
    TAKEN_BACK = "taken back"
    UNTOUCHED = "untouched"
    """The contact has what they had before they were invited."""
    NOBODYS = "–"


class Told(StrEnum):
    """What the inviter is told; of a part, how the group's sum counts it."""

    NOTHING = "nothing"
    """A part: as invited."""
    WHY = "why"
    """By a message; the sender of a direct invitation by an error as well. A part: as not reached. Of one by command nobody but
    those who gave the command are told, whatever stands here."""
    BEFORE = "invited before"
    SUM = "the sum"
    BY_THE_ROOM = "why, through the room"
    """By a decline."""
    LATER = "why, afterwards"
    """By a message. A part: nothing, as the sum has been told."""


class Gets(StrEnum):
    """What the contact gets."""

    DIRECT = "the invitation"
    ROOMS_OWN = "the room's own"
    """The server delivers what it handed over itself."""
    EITHER = "the invitation, or the room's own"
    """Depending on the server."""
    NOTHING = "nothing"
    EARLIER = "an earlier one"
    """One that was sent before it ended."""


class Address(StrEnum):
    """Whether the relay address that was invited, if one was, stays on the room's member list."""

    OFF = "off"
    STAYS = "stays"
    """The room is not the relay's to change."""
    NOBODYS = "–"
    """No relay address was invited."""


@dataclass(frozen=True)
class Ending:
    """One circumstance, and what it leads to by each of the routes by which it can come about."""

    state: str
    reason: str | None
    """As the history has them."""
    case: str
    """The name by which scenarios know the circumstance."""
    when: str
    """The circumstance in words."""
    routes: Mapping[Route, str] = field(hash=False)
    """For which limits the invitation was counted by each route: i(nviter), r(oom), c(ontact)."""
    next: Next
    membership: Membership
    told: Told
    gets: Gets
    address: Address = Address.OFF
    act: str = "as set up"
    """The configuration and the server that it takes; scenarios know them by this name."""
    needs: tuple[str, ...] = ()
    """What the server must be able to do (`Server.lacks`)."""
    scripted: str | None = None
    """Why no real server can play it, if none can."""


@dataclass(frozen=True)
class Row:
    """An ending by one route."""

    ending: Ending
    route: Route

    @property
    def counts(self) -> str:
        return self.ending.routes[self.route]

    def __str__(self) -> str:
        ending = self.ending
        return f"{self.route}, {ending.state} {ending.reason or ''}, {ending.case}".replace(" ,", ",")


REFUSED = dict(membership=Membership.NONE, told=Told.WHY, gets=Gets.NOTHING)
UNWANTED = dict(next=Next.KNOWN, membership=Membership.NONE, told=Told.NOTHING, gets=Gets.NOTHING)
HANDED_BACK = dict(next=Next.ARRIVES, membership=Membership.GIVEN, told=Told.NOTHING, gets=Gets.ROOMS_OWN)
OF_A_GROUP = dict(next=Next.NOBODYS, membership=Membership.NOBODYS, gets=Gets.NOTHING)
OF_NOBODY = dict(next=Next.NOBODYS, membership=Membership.NOBODYS, gets=Gets.NOTHING)

NO_REFUSED_CHANGE = "real servers that tell the lists of a room let them be changed as well"
NO_REFUSED_MESSAGE = "as these servers are set up, what is granted is granted in full"
NO_SILENCE = "real servers answer"
NO_BREAK = "none of these servers ends a connection at an invitation"
UNREADABLE = "what makes a list unreadable differs between servers"

ENDINGS = (
    # It goes to the contact.
    Ending("relayed", None, "fine", "nothing is against it", {A: "irc", D: "irc", C: "c", H: "irc", P: "c"},
           Next.HELD_UP, Membership.GIVEN, Told.NOTHING, Gets.DIRECT),
    Ending("relayed", "unsupported", "unsupported", "none of the contact's clients that are online shows direct invitations",
           {A: "irc", D: "irc", C: "c", P: "c"}, Next.HELD_UP, Membership.GIVEN, Told.NOTHING, Gets.EITHER, act="support"),
    Ending("relayed", None, "group", "somebody behind the group address was sent one", {G: "ir"}, told=Told.SUM, **OF_A_GROUP),
    # It goes no further, silently.
    Ending("suppressed", "duplicate", "duplicate", "the contact has been invited to this room before",
           {A: "ir", D: "ir", C: "", H: "ir"}, Next.HELD_UP, Membership.UNTOUCHED, Told.BEFORE, Gets.EARLIER),
    Ending("suppressed", "occupant", "occupant", "the contact is in the room", {A: "irc", D: "irc", C: "c", H: "irc"},
           Next.KNOWN, Membership.UNTOUCHED, Told.NOTHING, Gets.NOTHING, needs=("occupants",)),
    Ending("suppressed", "opted-out", "opted-out", "the contact takes no invitations",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, **UNWANTED),
    Ending("suppressed", "blocked", "blocked", "the contact blocks the inviter, the room or its service",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, **UNWANTED),
    Ending("suppressed", "stranger", "contacts only", "the contact takes invitations of their contacts only",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, **UNWANTED),
    Ending("suppressed", "nobody", "nobody left", "nobody behind the group address had to be invited", {G: "ir"},
           told=Told.SUM, **OF_A_GROUP),
    # It is refused.
    Ending("refused", "stranger", "stranger", "the inviter is a stranger, and `relay.strangers` is `refuse`",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, **UNWANTED, act="strangers"),
    Ending("refused", "mimicry", "look-alike", "the inviter looks like a friend, and `relay.mimicry` is `refuse`",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, **UNWANTED),
    Ending("refused", "outcast", "outcast", "the contact is banned", {A: "ir", D: "i", C: "", H: "ir", P: ""}, Next.ARRIVES,
           Membership.UNTOUCHED, Told.WHY, Gets.NOTHING),
    Ending("refused", "not-member", "not-member", "the contact is no member, and `muc.membership` is `require`",
           {A: "ir", D: "i", C: "", P: ""}, Next.ARRIVES, **REFUSED, act="require"),
    Ending("refused", "may-not-invite", "no business", "the sender has no right to invite there", {D: "i", C: ""}, Next.ARRIVES, **REFUSED),
    Ending("refused", "may-not-invite", "no business, group", "the sender has no right to invite there", {G: "i"},
           told=Told.WHY, **OF_A_GROUP),
    Ending("refused", "may-not-invite", "banned since", "the inviter was banned after the room had passed it on",
           {A: "ir", H: "ir"}, Next.ARRIVES, **REFUSED, needs=("plain-iq",)),
    Ending("refused", "may-not-invite", "closed since", "the room was closed after it had passed it on, and the inviter may add nobody",
           {A: "irc", P: "c"}, Next.ARRIVES, **REFUSED, needs=("plain-iq",)),
    Ending("refused", "no-rights", "no rights", "the room does not let the relay add the contact", {A: "irc", D: "irc", C: "c", P: "c"},
           Next.ARRIVES, **REFUSED, act="refused changes", scripted=NO_REFUSED_CHANGE),
    Ending("refused", "untrusted", "not served", "the room's service is not in `muc.services`", {A: "", G: ""},
           told=Told.BY_THE_ROOM, **OF_NOBODY, address=Address.STAYS),
    Ending("refused", "untrusted", "not served", "the room's service is not in `muc.services`", {D: "i"},
           told=Told.WHY, **OF_NOBODY, address=Address.STAYS),
    Ending("refused", "untrusted", "not served", "the room's service is not in `muc.services`", {H: ""},
           Next.NOBODYS, Membership.GIVEN, Told.NOTHING, Gets.ROOMS_OWN, act="services"),
    Ending("refused", "malformed", "nobody's address", "the address stands for nobody", {A: "ir", D: "i"},
           told=Told.WHY, **OF_NOBODY),
    Ending("refused", "malformed", "no room", "it names no room", {D: "i"}, told=Told.WHY, **OF_NOBODY, address=Address.NOBODYS),
    Ending("refused", "another-relay", "another relay", "the address is a relay address of another server",
           {A: "ir", D: "i", C: "", H: "irc", P: ""}, Next.NOBODYS, **REFUSED),
    Ending("refused", "unsendable", "long password", "the room's password takes more than 8 KiB", {A: "ir"},
           Next.ARRIVES, **REFUSED),
    Ending("refused", "unsendable", "long password", "the password in it takes more than 8 KiB", {D: "i"}, Next.ARRIVES, **REFUSED,
           act="long password", scripted="what they write takes as many bytes as what the relay would write, and is left out"),
    Ending("refused", "unsendable", "long password, group", "the room's password takes more than 8 KiB", {G: "ir"},
           told=Told.WHY, **OF_A_GROUP),
    Ending("refused", "rate-limited", "inviter's limit", "the inviter's limit is used up", {A: "", D: ""},
           Next.ARRIVES, **REFUSED, act="per_inviter"),
    Ending("refused", "rate-limited", "room's limit", "the room's limit is used up", {A: "i", D: "i"},
           Next.ARRIVES, **REFUSED, act="per_room"),
    Ending("refused", "rate-limited", "contact's limit", "the contact's limit is used up", {A: "ir", D: "ir", C: "", P: ""},
           Next.ARRIVES, **REFUSED, act="per_contact"),
    Ending("refused", "rate-limited", "inviter's limit, group", "the inviter's limit is used up", {G: ""},
           told=Told.WHY, **OF_A_GROUP, act="per_inviter"),
    Ending("refused", "too-many", "too many", "more people are meant than `limits.max_recipients`", {G: "ir"},
           told=Told.WHY, **OF_A_GROUP),
    Ending("refused", "no-list", "no list", "the room does not tell its member list", {G: "ir"}, told=Told.WHY, **OF_A_GROUP,
           address=Address.NOBODYS, act="no rights"),
    Ending("refused", "may-not-use", "others' group", "the group is not for this inviter", {G: "ir"}, told=Told.WHY, **OF_A_GROUP),
    # The server delivers what it has handed over itself.
    Ending("handed-back", "not-local", "nothing granted", "the inviter's host has granted the relay nothing", {H: "ir"},
           **HANDED_BACK, act="own domain"),
    Ending("handed-back", "not-permitted", "no messages granted", "the inviter's host does not let the relay send in their name",
           {H: "ir"}, **HANDED_BACK, act="no messages", scripted=NO_REFUSED_MESSAGE),
    Ending("handed-back", "opted-out", "left to the server", "the contact leaves invitations to their server", {H: "ir"},
           **HANDED_BACK),
    Ending("handed-back", "unsupported", "unsupported", "none of the contact's clients that are online shows direct invitations",
           {H: "ir"}, **HANDED_BACK, act="support"),
    Ending("handed-back", "malformed", "a room", "the contact is a room", {H: "ir"}, Next.NOBODYS, Membership.NOBODYS,
           Told.NOTHING, Gets.ROOMS_OWN),
    Ending("handed-back", "unsendable", "long password", "the room's password takes more than 8 KiB", {H: "ir"}, **HANDED_BACK),
    Ending("handed-back", "rate-limited", "inviter's limit", "the inviter's limit is used up", {H: ""}, **HANDED_BACK,
           act="per_inviter"),
    Ending("handed-back", "rate-limited", "room's limit", "the room's limit is used up", {H: "i"}, **HANDED_BACK, act="per_room"),
    Ending("handed-back", "rate-limited", "contact's limit", "the contact's limit is used up", {H: "ir"}, **HANDED_BACK,
           act="per_contact"),
    Ending("handed-back", "unsure", "unreadable", "the contact's block list can't be read, or not all was found out in time",
           {H: "ir"}, **HANDED_BACK, act="unreadable", scripted=UNREADABLE),
    Ending("handed-back", "too-late", "delivered meanwhile", "the server delivered it before the relay's answer reached it",
           {H: "irc"}, **HANDED_BACK | dict(next=Next.HELD_UP), act="lost answers",
           scripted="the connection has to break between an answer and what follows it"),
    # It does not reach the contact.
    Ending("failed", "bounced", "no account", "the server says that there is no such user", {A: "ir", D: "ir", C: "", H: "ir"},
           Next.NOBODYS, **REFUSED, needs=("privileged-iq",)),
    Ending("failed", "bounced", "comes back", "it came back from there at once", {A: "irc", D: "irc", C: "c", P: "c"}, Next.NOBODYS,
           Membership.TAKEN_BACK, Told.WHY, Gets.NOTHING, act="own domain"),
    Ending("failed", "bounced", "comes back late", "it came back after the server had taken it", {A: "irc", D: "irc", C: "c", P: "c"},
           Next.ARRIVES, Membership.TAKEN_BACK, Told.LATER, Gets.EARLIER, act="own domain"),
    Ending("failed", "bounced", "told by the module", "it came back from another server, and the server's module tells of it",
           {H: "irc"}, Next.ARRIVES, Membership.TAKEN_BACK, Told.LATER, Gets.EARLIER, act="lost answers",
           scripted="two servers play it in federation/test_bounces_elsewhere.py"),
    Ending("failed", "not-permitted", "firewall", "the server's firewall drops what the relay sends in the inviter's name",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, Next.ARRIVES, Membership.TAKEN_BACK, Told.WHY, Gets.NOTHING,
           act="firewall", scripted=NO_REFUSED_MESSAGE),
    Ending("failed", "unsure", "unreadable", "the contact's block list can't be read", {A: "ir", D: "ir", C: "", P: ""}, Next.ARRIVES,
           **REFUSED, act="unreadable", scripted=UNREADABLE),
    Ending("failed", "unsure", "silent room", "the room does not answer at three attempts", {A: "ir", D: "i", C: ""}, Next.ARRIVES,
           **REFUSED, address=Address.STAYS, act="silent", scripted=NO_SILENCE),
    Ending("failed", "unsure", "silent room, group", "the room does not answer at three attempts", {G: "ir"}, told=Told.WHY,
           **OF_A_GROUP, address=Address.STAYS, act="silent", scripted=NO_SILENCE),
    Ending("failed", "unsendable", "breaks the connection", "the server ends the connection at it, twice",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, Next.ARRIVES, Membership.TAKEN_BACK, Told.WHY, Gets.NOTHING,
           act="breaks", scripted=NO_BREAK),
    Ending("failed", "nobody", "nobody reached", "nobody behind the group address could be invited", {G: "ir"}, told=Told.SUM,
           **OF_A_GROUP),
    Ending("expired", None, "expired", "it could not be delivered within `relay.expiry`",
           {A: "irc", D: "irc", C: "c", H: "irc", P: "c"}, Next.ARRIVES, Membership.TAKEN_BACK, Told.WHY, Gets.NOTHING,
           act="expiry", scripted="it takes an hour"),
    Ending("expired", None, "expired, group", "nobody behind the group address was begun with within `relay.expiry`", {G: "ir"},
           told=Told.WHY, **OF_A_GROUP, act="expiry", scripted="it takes an hour"),
)

ROWS = tuple(Row(ending, route) for ending in ENDINGS for route in ending.routes)

NOT_AN_ENDING = "pending"
"""The one state that ends nothing."""

PARTS_HAVE_IT = "it is said of the parts"
LEFT_OUT = "such people are left out before there is a part, unless it comes about in that very moment"
LIST_ONLY = "only for a group address a list is needed"
BEFORE_PARTS = "the whole is refused before there is a part"
COMMAND_FAILS = "the command fails as a whole"

NEVER: dict[str, dict[Route, str]] = {
    "relayed": {},
    "unsupported": {G: PARTS_HAVE_IT},
    "duplicate": {G: LEFT_OUT, P: LEFT_OUT},
    "occupant": {G: LEFT_OUT, P: LEFT_OUT},
    "outcast": {G: PARTS_HAVE_IT},
    "not-member": {G: PARTS_HAVE_IT, H: "the room has made the contact a member, or the server does without"},
    "may-not-invite": {},
    "no-rights": {G: PARTS_HAVE_IT, H: "the room makes the contact a member itself"},
    "untrusted": {P: BEFORE_PARTS, C: COMMAND_FAILS},
    "malformed": {C: COMMAND_FAILS, G: "a name that stands for no group is an address that stands for nobody", P: "only people are on lists"},
    "bounced": {G: PARTS_HAVE_IT},
    "not-permitted": {G: PARTS_HAVE_IT},
    "not-local": {route: "the relay sends it from the inviter's relay address" for route in (A, D, C, G, P)},
    "unsure": {},
    "too-late": {route: "nobody else delivers it" for route in (A, D, C, G, P)},
    "rate-limited": {},
    "too-many": {route: LIST_ONLY for route in ONE},
    "nobody": {route: LIST_ONLY for route in ONE},
    "no-list": {route: LIST_ONLY for route in ONE},
    "another-relay": {G: PARTS_HAVE_IT},
    "may-not-use": {route: LIST_ONLY for route in ONE},
    "opted-out": {G: PARTS_HAVE_IT},
    "blocked": {G: PARTS_HAVE_IT},
    "stranger": {G: PARTS_HAVE_IT},
    "mimicry": {G: PARTS_HAVE_IT},
    "unsendable": {},
    "expired": {},
}
"""By reason, or by state where that says it all: the routes by which it can't end so, and why."""


def rows(scripted: bool) -> list[Row]:
    """The rows that a real server plays, or those that none can."""
    return [row for row in ROWS if bool(row.ending.scripted) == scripted]


# As operators read it.

HEADER = ("ends as", "when", "came as", "next", "membership", "address", "told", "contact gets", "counts for")
_LIMITS = {"i": "inviter", "r": "room", "c": "contact"}


def as_table() -> list[str]:
    """The lines of the table in docs/troubleshooting.md."""
    return [_line(HEADER), _line(["---"] * len(HEADER)), *(_line(_cells(ending)) for ending in ENDINGS)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(ending: Ending) -> list[str]:
    reason = f" `{ending.reason}`" if ending.reason else ""
    address = ending.address if set(ending.routes) & {A, D, G} else Address.NOBODYS
    return [
        f"`{ending.state}`{reason}",
        ending.when,
        ", ".join(ending.routes),
        ending.next,
        ending.membership,
        address,
        ending.told,
        "–" if G in ending.routes else ending.gets,
        _counts(ending.routes),
    ]


def _counts(routes: Mapping[Route, str]) -> str:
    by_count: dict[str, list[Route]] = {}
    for route, counts in routes.items():
        by_count.setdefault(counts, []).append(route)
    named = {counts: ", ".join(_LIMITS[letter] for letter in counts) or "none" for counts in by_count}
    if len(named) == 1:
        return next(iter(named.values()))
    return "; ".join(f"{', '.join(by_count[counts])}: {limits}" for counts, limits in named.items())


if __name__ == "__main__":
    print("\n".join(as_table()))
