"""What a person sees while the platform starts: one line per thing, with spinner and time, from the first second."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from gateway.cli.output import duration
from gateway.cli.run_view import SPINNER

_FRAMES_PER_SECOND = 10


class StartScreen:
    """Lines by name; each is busy until `done`. Without a terminal every change is printed as a line of its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines: dict[str, tuple[str, float, float | None]] = {}
        self._lock = threading.Lock()

    def busy(self, name: str, detail: str) -> None:
        with self._lock:
            started = self._lines.get(name, ("", time.monotonic(), None))[1]
            self._lines[name] = (detail, started, None)
        if not self._console.is_terminal:
            self._console.print(f"  {name}: {detail}")

    def done(self, name: str, detail: str) -> None:
        with self._lock:
            started = self._lines.get(name, ("", time.monotonic(), None))[1]
            self._lines[name] = (detail, started, time.monotonic() - started)
        if not self._console.is_terminal:
            self._console.print(f"  {name}: {detail} ({duration(time.monotonic() - started)})")

    def progress(self, message: str) -> None:
        """A `Server: what it does` line of the embedded servers."""
        name, _, detail = message.partition(": ")
        self.busy(name.lower(), detail or message)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if not self._console.is_terminal:
            yield
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=_FRAMES_PER_SECOND):
            yield

    def _render(self) -> Text:
        frame = SPINNER[int(time.monotonic() * _FRAMES_PER_SECOND) % len(SPINNER)]
        with self._lock:
            rows = [self._row(name, *line, frame=frame) for name, line in self._lines.items()]
        return Text("\n").join(rows)

    @staticmethod
    def _row(name: str, detail: str, started: float, took: float | None, *, frame: str) -> Text:
        mark, style = ("✓", "green") if took is not None else (frame, "cyan")
        seconds = took if took is not None else time.monotonic() - started
        text = Text.assemble("  ", (mark, style), f" {name:<14} ", detail)
        return text.append(f"  {duration(seconds)}", style="dim")
