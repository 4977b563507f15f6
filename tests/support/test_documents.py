"""Documents that name tests as their proof: there must be such tests."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"`([\w/]+\.(?:py|rs))::(\w+)`")


def test_the_tests_that_security_names_exist():
    named = REFERENCE.findall((ROOT / "docs/security.md").read_text())

    assert len(named) > 20, named
    for path, name in named:
        file = ROOT / path if path.startswith("src/") else ROOT / "tests" / path
        assert re.search(rf"(?:def|fn) {name}\b", file.read_text()), f"{path} has no {name}"
