"""Long commands show that they move, without a terminal too."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from infra.long_work import long_work


def test_without_a_terminal_a_line_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    said, now = io.StringIO(), [100.0]
    monkeypatch.setattr("infra.long_work.error_console", Console(file=said, width=200))
    monkeypatch.setattr("infra.long_work.time", SimpleNamespace(monotonic=lambda: now[0]))
    with long_work() as step:
        first, second = step("replaying", "events"), step("comparing", "rows")
        for done in range(0, 2600, 100):
            first(done, 2600)
            now[0] += 1
        second(0, 50)
        now[0] += 10
        second(50, 50)
    assert said.getvalue().splitlines() == [
        "replaying: 1,000 of 2,600 events, 100/s",
        "replaying: 2,000 of 2,600 events, 100/s",
        "comparing: 50 of 50 rows, 5/s",
    ]


def test_on_a_terminal_each_step_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr("infra.long_work.error_console", Console(file=said, width=200, force_terminal=True))
    with long_work() as step:
        report = step("replaying", "events")
        report(1300, 2600)
    assert "replaying" in said.getvalue()
    assert "1300/2600" in said.getvalue()
