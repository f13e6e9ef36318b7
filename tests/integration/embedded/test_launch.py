"""A launched child has the right user and goes when its parent goes."""

import os
import subprocess
import sys
from pathlib import Path

from infra.embedded.process import launched
from infra.embedded.unprivileged import owner_for_servers
from tests.support.processes import await_end

PARENT = """
import subprocess, sys
from infra.embedded.process import launched
child = subprocess.Popen(launched(["sleep", "600"], death_signal=int(sys.argv[1])))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_child_runs_as_the_user_it_was_given() -> None:
    owner = owner_for_servers()
    said = subprocess.run(launched(["id", "-u"], owner), capture_output=True, text=True, check=True, cwd="/").stdout

    assert int(said) == (owner[0] if owner else os.getuid())
    assert int(said) != 0


def test_child_ends_when_its_parent_is_killed() -> None:
    parent = _parent(death_signal=9)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    with parent:
        parent.kill()

    await_end(child)


def test_child_outlives_its_parent_where_it_is_told_to() -> None:
    parent = _parent(death_signal=0)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    with parent:
        parent.kill()

    try:
        assert Path(f"/proc/{child}/comm").read_text().strip() in ("sleep", "python", "python3")
    finally:
        os.kill(child, 9)
    await_end(child)


def test_child_that_starts_after_its_parent_is_gone_does_not_run(tmp_path: Path) -> None:
    """The parent that it was told of is not its parent, as after a kill between fork and exec."""
    command = launched(["touch", str(tmp_path / "ran")])
    stranger = str(os.getppid())
    command[command.index(str(os.getpid()))] = stranger
    done = subprocess.run(command, check=False)

    assert done.returncode == -9
    assert not (tmp_path / "ran").exists()


def _parent(death_signal: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PARENT, str(death_signal)]
    root = Path(__file__).parents[3]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root)
