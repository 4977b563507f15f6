"""Each row of the table of endings (support/endings.py) on a real server: what history says, what the contact gets, what the
inviter is told, what becomes of membership and relay address, which limits it was counted for, and what becomes of the
next invitation.

The rows of one setup share a relay: all of them are prepared, invited and looked at side by side, since most of the time is
waiting. Each has people and a room of its own.
"""

import pytest

from e2e.casting import CASES
from support.company import Company
from support.endings import Row, rows
from support.server import Setup

pytestmark = pytest.mark.one_of_each_make

SETUPS = {
    "own domain": Setup(privileges=False, hand_over=60),
    "no rights": Setup(privileges=False, service_admin=False),
}
"""By the acts that take another server than the others."""

USUAL = Setup(hand_over=60, presence=True)


def plays_on(row: Row) -> Setup:
    return SETUPS.get(row.ending.act, USUAL)


PLAYED = sorted(rows(scripted=False), key=lambda row: str(plays_on(row)))
"""Rows of one setup after another."""


@pytest.fixture(scope="module")
async def companies(pool, tmp_path_factory):
    """A company for each server and setup, which plays all its rows at the first call."""
    made: dict[tuple[type, Setup], Company] = {}

    async def company(kind, setup, all_rows):
        if (kind, setup) not in made:
            server = await pool.shared(kind, setup)
            made[kind, setup] = Company(server, tmp_path_factory.mktemp("endings"), CASES)
            await made[kind, setup].play(all_rows)
        return made[kind, setup]

    yield company
    for one in made.values():
        await one.leave()


@pytest.mark.parametrize("row", PLAYED, ids=str)
async def test_it_ends_as_the_table_says(kind, row, companies, request, shows):
    for word in row.ending.needs:
        if word in kind.lacks:
            pytest.skip(f"not supported by {kind.name}: {kind.lacks[word]}")
    chosen = [item.callspec.params for item in request.session.items if item.originalname == request.node.originalname]
    of_setup = [it["row"] for it in chosen if it.get("kind") is kind and plays_on(it["row"]) == plays_on(row)]
    able = [it for it in of_setup if not set(it.ending.needs) & set(kind.lacks)]

    company = await companies(kind, plays_on(row), able)
    shows(company.relay)

    assert not company.faults[row], "\n".join(company.faults[row])
