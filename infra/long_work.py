"""Progress of long commands: a bar per step on a terminal, else a line on stderr now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.output import error_console

LINE_SECONDS = 10.0
Report = Callable[[int, int], None]
NewStep = Callable[[str, str], Report]


@contextmanager
def long_work() -> Iterator[NewStep]:
    """Gives a function of (title, unit) that makes a function of (done, total), to be called as often as you like."""
    if not error_console.is_terminal:
        yield _lines
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}  {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=error_console, transient=True) as bars:
        yield lambda title, unit: _bar(bars, title, unit)


def _bar(bars: Progress, title: str, unit: str) -> Report:
    task = bars.add_task(title, total=None, visible=False, unit=unit, rate="")
    began = 0.0

    def report(done: int, total: int) -> None:
        nonlocal began
        began = began or time.monotonic()
        bars.update(task, completed=done, total=total, visible=True, rate=_rate(done, began))

    return report


def _lines(title: str, unit: str) -> Report:
    began = last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal began, last
        now = time.monotonic()
        began = began or now
        last = last or now
        if now - last >= LINE_SECONDS:
            last = now
            error_console.print(f"{title}: {done:,} of {total:,} {unit}, {_rate(done, began)}", soft_wrap=True)

    return report


def _rate(done: int, began: float) -> str:
    return f"{done / max(time.monotonic() - began, 1e-3):,.0f}/s"
