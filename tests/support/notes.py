"""What tests have counted and measured, for people: printed at the end of a run. Knows nothing of what it is."""

import pytest

PROPERTY = "note"
"""The name under which a test's report carries a line."""


@pytest.fixture
def note(request):
    """Prints a line at the end of the run, under the test's name."""
    return lambda text: request.node.user_properties.append((PROPERTY, text))


def pytest_terminal_summary(terminalreporter):
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call" and any(name == PROPERTY for name, _ in report.user_properties)
    ]
    if reports:
        terminalreporter.section("counted and measured")
    for report in reports:
        terminalreporter.line(report.nodeid.rpartition("/")[2])
        for name, text in report.user_properties:
            if name == PROPERTY:
                terminalreporter.line(f"    {text}")
