"""What a job's directory says about the job's processes, so that a later start can end what a killed agent left.

Processes of a job die with their agent (die-with-parent, PDEATHSIG); this is for what slipped through.
"""

from contextlib import suppress
from pathlib import Path

from agents.executors.cgroups import clear_groups
from agents.executors.processes import kill_session, start_time

_SESSIONS = "sessions"
_CGROUPS = "cgroups"


def record_session(directory: Path, leader: int) -> None:
    """Remember a session by the pid of its leader and when that started."""
    with (directory / _SESSIONS).open("a") as file:
        file.write(f"{leader} {start_time(leader)}\n")


def record_cgroups(directory: Path, paths: tuple[str, ...]) -> None:
    (directory / _CGROUPS).write_text("".join(f"{path}\n" for path in paths))


def end_recorded(directory: Path) -> int:
    """Kill what is left of the job; answers with how many processes there were."""
    ended = 0
    for line in _lines(directory / _SESSIONS):
        leader, _, started = line.partition(" ")
        with suppress(ValueError):
            ended += kill_session(int(leader), int(started))
    return ended + clear_groups([Path(line) for line in _lines(directory / _CGROUPS)])


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
