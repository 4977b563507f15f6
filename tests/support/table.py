"""The table at the end of a run: scenario by server, and why a server has no answer. Knows nothing of scenarios."""

from collections import defaultdict

PROPERTY = "server"
"""The name under which a test's report says which server it ran on."""


def pytest_terminal_summary(terminalreporter):
    outcomes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    reasons: set[str] = set()
    for outcome, word in (("passed", "passed"), ("failed", "FAILED"), ("error", "FAILED"), ("skipped", "not supported")):
        for report in terminalreporter.stats.get(outcome, []):
            # A file that could not be read has none.
            server = dict(getattr(report, "user_properties", ())).get(PROPERTY)
            if server:
                scenario = report.nodeid.rpartition("/")[2].partition("[")[0].replace(".py::test_", ": ")
                outcomes[scenario.removeprefix("test_").replace("_", " ")][server].add(word)
            if server and outcome == "skipped":
                reasons.add(report.longrepr[2].removeprefix("Skipped: "))
    if not outcomes:
        return
    servers = sorted({server for row in outcomes.values() for server in row})
    width = max(map(len, outcomes))
    terminalreporter.section("scenario by server")
    terminalreporter.line("  ".join(["".ljust(width), *(f"{server:16}" for server in servers)]).rstrip())
    for scenario, row in sorted(outcomes.items()):
        cells = (", ".join(sorted(row[server])) or "-" for server in servers)
        terminalreporter.line("  ".join([scenario.ljust(width), *(f"{cell:16}" for cell in cells)]).rstrip())
    for reason in sorted(reasons):
        terminalreporter.line(reason)
