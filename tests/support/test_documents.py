"""Documents are held to tests: those that they name as their proof, and the table of endings."""

import re
from pathlib import Path

from support.endings import NEVER, NOT_AN_ENDING, ROWS, Route, as_table

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"`([\w/]+\.(?:py|rs))::(\w+)`")


def test_the_tests_that_security_names_exist():
    named = REFERENCE.findall((ROOT / "docs/security.md").read_text())

    assert len(named) > 20, named
    for path, name in named:
        file = ROOT / path if path.startswith("src/") else ROOT / "tests" / path
        assert re.search(rf"(?:def|fn) {name}\b", file.read_text()), f"{path} has no {name}"


def words_of(enum):
    """The stable words of Route, State or Reason."""
    source = (ROOT / "src/model/outcome.rs").read_text()
    [variants] = re.findall(rf"^    {enum} {{\n(.*?)^    }}", source, re.MULTILINE | re.DOTALL)
    return set(re.findall(r' = "([\w-]+)",', variants))


def test_no_ending_is_missing_from_the_table():
    """By no route: there is a row, or the table says why there can't be one."""
    states, reasons = words_of("State"), words_of("Reason")
    assert len(states) > 5 and len(reasons) > 20, (states, reasons)

    # Groups and parts are the program's fan-out.
    assert words_of("Route") - {"fan-out"} == set(Route) - {Route.GROUP, Route.PART}
    assert {row.ending.state for row in ROWS} == states - {NOT_AN_ENDING}
    # What a state alone says.
    said = {row.ending.reason or row.ending.state for row in ROWS}
    assert said == reasons | {"relayed", "expired"} == set(NEVER)
    for word in said:
        played = {row.route for row in ROWS if word == (row.ending.reason or row.ending.state)}
        assert not played & set(NEVER[word]), f"{word} is said to be impossible, and there is a row"
        assert played | set(NEVER[word]) == set(Route), f"{word}: a route is missing"


def test_operators_read_the_table_that_scenarios_play():
    """`python3 -m support.endings` in tests/ prints it."""
    page = (ROOT / "docs/troubleshooting.md").read_text()
    section = page.partition("## What each ending leaves\n")[2].partition("\n## ")[0]

    assert [line for line in section.splitlines() if line.startswith("|")] == as_table()
