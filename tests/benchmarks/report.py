"""The result of a row as text for the terminal and as lines of docs/benchmarks.md, each row replaced by itself."""

import os
import platform
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.measure import Line, Row, number, spread

_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"
_HEAD = "| # | what | figure | limit | ratio | goal | met |\n|---|---|---|---|---|---|---|"
_PACKAGES = ("confluent-kafka", "msgspec", "psycopg", "uvicorn", "websockets")


def text(row: Row) -> str:
    """For people at a terminal."""
    lines = [f"\nrow {row.number}: {row.title}", f"  limit: {row.limit}"]
    lines += [f"  {_cells(line)}" for line in row.lines]
    lines += [f"  checked: {check}" for check in row.checks]
    lines += [f"  {note}" for note in row.notes]
    return "\n".join(lines)


def write(page: Path, row: Row) -> None:
    """Replace what the page says of this row; the other rows and the text around them stay."""
    before, found, rest = page.read_text().partition(_BEGIN)
    inside, end, after = rest.partition(_END)
    if not (found and end):
        raise ValueError(f"{page} has no place for results: {_BEGIN} ... {_END}")
    rows = _table_rows(inside) | {row.number: list(_table(row))}
    details = _details(inside) | {row.number: _detail(row)}
    table = "\n".join([_HEAD, *(line for key in sorted(rows) for line in rows[key])])
    body = "\n\n".join([table, *(details[key] for key in sorted(details))])
    page.write_text(f"{before}{_BEGIN}\n\n{body}\n\n{_END}{after}")


def _table_rows(inside: str) -> dict[int, list[str]]:
    rows: dict[int, list[str]] = {}
    for line in inside.splitlines():
        if found := re.match(r"\| (\d+) \|", line):
            rows.setdefault(int(found[1]), []).append(line)
    return rows


def _details(inside: str) -> dict[int, str]:
    parts = re.split(r"(?m)^(?=### Row \d)", inside)[1:]
    return {int(part.split()[2].rstrip(":")): part.strip() for part in parts}


def _table(row: Row) -> Iterator[str]:
    for line in row.lines:
        limit = number(line.limit) if line.limit else "-"
        ratio = f"{line.ratio:.2f}" if line.ratio else "-"
        met = {None: "", True: "yes", False: "**no**"}[line.met]
        figure = f"{number(line.figure)} {line.unit}"
        yield f"| {row.number} | {line.what} | {figure} | {limit} | {ratio} | {_goal(line)} | {met} |"


def _goal(line: Line) -> str:
    if line.goal is None:
        return ""
    sign = "≤" if line.lower else "≥"
    return f"{sign} {number(line.goal)}" + (f" {line.unit}" if line.goal_of_figure else "")


def _detail(row: Row) -> str:
    lines = [f"### Row {row.number}: {row.title}", "", f"{machine()}. Limit: {row.limit}.", ""]
    for line in row.lines:
        limits = f"; limit {number(line.limit)} ({spread(line.limits)})" if line.limit else ""
        lines.append(f"- {line.what}: {number(line.figure)} {line.unit} ({spread(line.figures)}){limits}")
    lines += [f"- checked: {check}" for check in row.checks]
    lines += [f"- {note}" for note in row.notes]
    return "\n".join(lines)


def _cells(line: Line) -> str:
    text = f"{line.what}: {number(line.figure)} {line.unit} ({spread(line.figures)})"
    if line.limit:
        text += f", limit {number(line.limit)} ({spread(line.limits)}), ratio {line.ratio:.2f}"
    if line.met is not None:
        text += f", goal {_goal(line)}: {'met' if line.met else 'NOT met'}"
    return text


def machine() -> str:
    """When and where: without it a figure says nothing."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    load = os.getloadavg()[0]
    return (
        f"{today}, {os.cpu_count()} cores ({_processor()}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}; load average at the end {load:.1f}"
    )


def _processor() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        return platform.machine()
    return found[1] if found else platform.machine()
