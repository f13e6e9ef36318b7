"""An agent that ends, by signal or by kill -9, leaves nothing behind: no process, no workspace, no work unreported."""

import signal
from pathlib import Path

import pytest

from agents.executors.cgroups import find_base
from core.pipeline.plan import Status, Step
from core.runs.events import JobFinished, JobStarted
from tests.integration.agents.conftest import ISOLATIONS
from tests.integration.agents.rig import AgentProcess, Rig
from tests.integration.agents.test_sandbox import processes_with

ALWAYS: tuple[Status, ...] = ("success", "failure", "cancelled")
TREE = "echo ready; (setsid sleep 31415.{tag} &) ; trap '' TERM; sleep 31415.{tag}; sleep 31415.{tag}"


def left_in(agent: AgentProcess, folder: str) -> list[Path]:
    return list((agent.data_dir / folder).iterdir())


def control_groups(agent: AgentProcess) -> list[Path]:
    """Groups of jobs whose directory names them."""
    return [
        path for file in (agent.data_dir / "jobs").glob("*/cgroups") for path in map(Path, file.read_text().split())
    ]


@pytest.mark.parametrize("kind", [*ISOLATIONS, "none"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_agent_that_dies_takes_every_process_of_its_jobs_with_it(rig: Rig, kind: str, number: signal.Signals) -> None:
    agent = rig.agent(isolation=kind, unsafe_no_sandbox=kind == "none")
    attempt = rig.job(TREE.format(tag="8"))
    attempt.wait_for_output("ready")
    rig.wait(lambda: len(processes_with("sleep\x0031415.8")) == 2)
    agent.process.send_signal(number)
    agent.process.wait(10)

    rig.wait(lambda: not processes_with("31415.8"))
    assert not processes_with(str(agent.data_dir / "jobs"))


def test_next_start_removes_the_workspaces_and_control_groups_of_a_killed_agent(rig: Rig) -> None:
    agent = rig.agent(slots=2)
    attempts = [rig.job("echo ready; touch file; sleep 3600") for _ in range(2)]
    for attempt in attempts:
        attempt.wait_for_output("ready")
    groups = control_groups(agent)
    assert bool(groups) == (find_base() is not None)
    agent.kill()
    assert len(left_in(agent, "jobs")) == 2
    rig.start_agent(slots=2, name="heir")

    rig.wait(lambda: rig.count("agent.connected") == 2)
    assert not left_in(agent, "jobs")
    assert not left_in(agent, "spool")
    assert not [group for group in groups if group.exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_running_job_ends_in_peace_before_the_agent_leaves(rig: Rig, number: signal.Signals) -> None:
    agent = rig.agent()
    attempt = rig.job("echo ready; until [ -e go ]; do sleep 0.05; done; echo done")
    attempt.wait_for_output("ready")
    agent.process.send_signal(number)
    rig.wait(lambda: rig.count("agent.draining") == 1)
    later = rig.job("echo later")
    (workspace,) = (agent.data_dir / "jobs").glob("*/workspace")
    (workspace / "go").touch()

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout") == b"ready\ndone\n"
    assert agent.exit_code() == 0
    assert not later.events(JobStarted)
    assert not left_in(agent, "jobs")
    assert not left_in(agent, "spool")


def test_job_that_outlasts_the_drain_is_handed_back_and_leaves_nothing(rig: Rig) -> None:
    agent = rig.agent(drain_timeout_seconds=0.5)
    attempt = rig.job("echo ready; sleep 31415.9")
    attempt.wait_for_output("ready")
    agent.terminate()

    end = attempt.finished()
    assert (end.outcome, end.reason) == ("error", "agent-stopped")
    assert agent.exit_code() == 0
    assert b'"left"' in bytes(rig.events("agent.gone")[0].data)
    assert not processes_with("31415.9")
    assert not left_in(agent, "jobs")


def test_job_that_neither_stops_nor_cleans_up_in_time_is_killed_and_handed_back(rig: Rig) -> None:
    agent = rig.agent(drain_timeout_seconds=0.5)
    stubborn = Step(name="clean", run="trap '' TERM; while true; do sleep 1; done", when=ALWAYS)
    attempt = rig.job("trap '' TERM; echo ready; while true; do sleep 1; done", stubborn)
    attempt.wait_for_output("ready")
    agent.terminate()

    assert attempt.finished().reason == "agent-stopped"
    assert agent.exit_code() == 0
    assert not left_in(agent, "jobs")


def test_agent_told_to_leave_while_the_hub_is_away_leaves_its_result_to_the_next(rig: Rig) -> None:
    agent = rig.agent(drain_timeout_seconds=0.5)
    attempt = rig.job("echo ready; until [ -e go ]; do sleep 0.05; done; echo done")
    attempt.wait_for_output("ready")
    rig.stop_hub()
    (workspace,) = (agent.data_dir / "jobs").glob("*/workspace")
    (workspace / "go").touch()
    rig.wait(lambda: not left_in(agent, "jobs"))
    agent.terminate()
    assert agent.exit_code() == 0
    rig.start_hub()
    rig.start_agent()

    end = attempt.finished()
    assert (end.outcome, end.attempt) == ("success", 1)
    assert attempt.data("stdout") == b"ready\ndone\n"
    assert len(attempt.events(JobFinished)) == 1


def test_jobs_are_killed_before_the_agent_when_memory_is_short(rig: Rig) -> None:
    agent = rig.agent()
    attempt = rig.job("cat /proc/self/oom_score_adj")
    attempt.finished()

    own = int(Path(f"/proc/{agent.pid}/oom_score_adj").read_text())
    assert int(attempt.data("stdout")) == 500 > own
