"""`python -m tests.replay.record NAME` records a history of today: a platform of its own, some runs, an export.
`--accept NAME` writes anew what replaying a recorded one gives: look at the diff before you commit it.
"""

import json
import shutil
import sys
from functools import partial
from pathlib import Path

from tests.replay.recorded import EXPORT, HISTORIES, STATES, VIEWS, restored, states, topology_of, views
from tests.support.platform import Json, Platform
from tests.support.servers import fresh_database, scratch_directory, shared_postgres

GATED = """
concurrency: {group: main, policy: queue}
stages:
  - name: unit
    matrix: {python: ["3.11", "3.12"]}
    steps:
      - {name: test, run: 'echo "testing ${{ matrix.python }}"'}
  - name: package
    needs: [unit]
    steps: [{run: echo packed}]
  - name: deploy
    needs: [package]
    approval: {}
    steps: [{run: echo deployed}]
"""
FAILING = """
stages:
  - {name: a, retry: {max: 1, on: [failure]}, steps: [{run: exit 3}]}
  - {name: b, needs: [a], steps: [{run: x}]}
"""
BROKEN = "stages: [{name: a, colour: red}]"
SLOW = "stages: [{name: slow, steps: [{run: sleep 60}]}]"


def waits(run: Json) -> bool:
    return str(run["reason"]).startswith("waits for approval")


def works(run: Json) -> bool:
    return any(job["state"] == "running" for stage in run["stages"] for job in stage["jobs"])


def in_state(state: str, run: Json) -> bool:
    return bool(run["state"] == state)


def live(platform: Platform) -> None:
    """A little of everything that happens to runs."""
    gated = platform.repository("gated", GATED)
    gated.push_in_background()
    run = platform.run_when("gated", 1, waits)
    assert platform.post(f"/runs/{run['id']}/approvals/deploy", {"approve": True}).status_code == 200
    platform.finished_run("gated", 1)
    gated.commit("second", {"README": "two"})
    gated.push_in_background()
    platform.run_when("gated", 2, waits)
    platform.repository("failing", FAILING).push_in_background()
    run = platform.finished_run("failing", 1)
    assert platform.post(f"/runs/{run['id']}/rerun", {"mode": "failed"}).status_code == 200
    platform.run_when("failing", 1, partial(in_state, "finished"))
    platform.repository("broken", BROKEN).push_in_background()
    platform.finished_run("broken", 1)
    platform.repository("slow", SLOW).push_in_background()
    run = platform.run_when("slow", 1, works)
    assert platform.post(f"/runs/{run['id']}/cancel").status_code == 200
    platform.finished_run("slow", 1)


def record(history: Path) -> None:
    with scratch_directory() as folder, Platform(folder) as platform:
        live(platform)
        answer = platform.sealane("export", "--to", str(folder / EXPORT))
        assert answer.returncode == 0, answer.stdout + answer.stderr
        history.mkdir(parents=True)
        shutil.copytree(folder / EXPORT, history / EXPORT)


def accept(history: Path) -> None:
    log, topology = restored(history), topology_of(history)
    (history / STATES).write_text(json.dumps(states(log, topology), indent=1) + "\n")
    with shared_postgres() as server, fresh_database(server) as database:
        (history / VIEWS).write_text(json.dumps(views(log, topology, database), indent=1) + "\n")


if __name__ == "__main__":
    wanted = HISTORIES / sys.argv[-1]
    if sys.argv[1] != "--accept":
        record(wanted)
    accept(wanted)
