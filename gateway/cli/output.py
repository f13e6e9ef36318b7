"""Tables for people, JSON for scripts: every command says what it has once, and --json chooses."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)
error_console = Console(stderr=True, highlight=False)

_PIPE_COLUMNS = 1000

STATE_STYLE = {
    "success": "green",
    "failure": "red",
    "error": "red",
    "invalid": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "deploying": "cyan",
    "moving": "cyan",
    "holding": "cyan",
    "watching": "green",
    "paused": "magenta",
    "halted": "magenta",
    "rolling_back": "red",
    "rolled_back": "red",
    "breached": "red",
    "aborted": "yellow",
    "rejected": "red",
    "queued": "blue",
    "waiting": "magenta",
    "waiting_approval": "magenta",
    "waiting_environment": "magenta",
    "ignored": "dim",
    "skipped": "dim",
    "pending": "dim",
}


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_done(answer: Any, as_json: bool, words: str) -> None:
    """What a command did: in words, or the whole answer."""
    print_json(answer) if as_json else console.print(words, soft_wrap=True)


def print_facts(facts: Mapping[str, Any]) -> None:
    """A name and a value per line."""
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:<22} ", "bold"), _inline(value)), soft_wrap=True)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key}={_inline(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_inline(item) for item in value)
    return "-" if value is None else str(value)


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[tuple[str, str]], empty: str) -> None:
    """A table with `columns` of (title, key); `empty` is said when there is nothing, with what to do about it."""
    rows = list(rows)
    if not rows:
        console.print(empty, style="dim")
        return
    # A pipe has no width: what reads it wants whole words.
    wide = console if console.is_terminal else Console(highlight=False, width=_PIPE_COLUMNS)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, _ in columns:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(key), key) for _, key in columns))
    wide.print(table)


def cell(value: Any, key: str = "") -> Text:
    """A value as people read it: ages for times, commas for lists, a colour for states."""
    if value is None or value == "":
        return Text("-", style="dim")
    if key.endswith("_at"):
        return Text(age(str(value)))
    if key.endswith("_seconds") and isinstance(value, int | float):
        return Text(duration(value))
    if isinstance(value, list):
        return Text(", ".join(map(str, value)) or "-")
    return Text(str(value), style=STATE_STYLE.get(str(value), ""))


def age(timestamp: str) -> str:
    """`3m ago`; the timestamp is RFC 3339."""
    then = datetime.fromisoformat(timestamp)
    seconds = (datetime.now(UTC) - then).total_seconds()
    return f"{duration(seconds)} ago" if seconds >= 0 else f"in {duration(-seconds)}"


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f}s"
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours < 48 else f"{hours // 24}d{hours % 24}h"
