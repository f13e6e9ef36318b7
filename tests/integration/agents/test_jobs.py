"""A job from its offer to its end, on a real agent."""

import pytest

from core.pipeline.plan import Status, Step
from core.runs.events import StepFinished, StepStarted
from tests.integration.agents.rig import Attempt, Rig

ALWAYS: tuple[Status, ...] = ("success", "failure", "cancelled")


@pytest.fixture
def rig_with_agent(rig: Rig) -> Rig:
    rig.agent()
    return rig


def outcomes(attempt: Attempt) -> list[str]:
    return [step.outcome for step in attempt.finished().steps]


def test_steps_run_in_order_and_their_output_arrives(rig: Rig, isolation: str) -> None:
    rig.agent(isolation=isolation)
    attempt = rig.job("echo one; echo two >&2", "echo three > file; cat file")

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("success", "")
    assert attempt.data("stdout") == b"one\nthree\n"
    assert attempt.data("stderr") == b"two\n"
    assert [type(event) for event in attempt.events(StepStarted, StepFinished)] == [StepStarted, StepFinished] * 2
    assert end.log.chunks == len(attempt.chunks())
    assert attempt.chunks()[-1].last


def test_each_line_says_which_step_wrote_it(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job("echo first", "echo second")
    attempt.finished()

    steps = {line.data: chunk.step for chunk in attempt.chunks() for line in chunk.lines if line.stream == "stdout"}
    assert steps == {b"first": 0, b"second": 1}
    firsts = [chunk.first_line for chunk in attempt.chunks()]
    assert firsts == [sum(len(each.lines) for each in attempt.chunks()[:n]) for n in range(len(firsts))]


def test_failed_step_ends_the_job_except_for_steps_that_ask_to_run(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(
        "exit 3",
        "echo never",
        Step(name="only-after-failure", run="echo failed", when=("failure",)),
        Step(name="always", run="echo cleaned", when=ALWAYS),
    )

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "failure")
    assert "exit code 3" in end.detail.lower()
    assert outcomes(attempt) == ["failure", "skipped", "success", "success"]
    assert attempt.data("stdout") == b"failed\ncleaned\n"


def test_step_that_may_fail_does_not_fail_the_job(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(Step(name="lax", run="exit 1", continue_on_error=True), "echo next")

    assert attempt.finished().outcome == "success"
    assert outcomes(attempt) == ["failure", "success"]


def test_pipe_that_breaks_in_bash_fails_the_step(rig_with_agent: Rig) -> None:
    assert rig_with_agent.job("false | cat").finished().outcome == "failure"


def test_script_runs_by_the_shell_that_was_asked_for(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(Step(name="sh", run="false | cat\necho $0", shell="sh"))

    assert attempt.finished().outcome == "success"


def test_unknown_shell_is_refused_by_name(rig_with_agent: Rig) -> None:
    end = rig_with_agent.job(Step(name="fish", run="echo", shell="fish")).finished()

    assert (end.outcome, end.reason) == ("failure", "setup-failed")
    assert "shell 'fish' is not known" in end.detail


def test_outputs_come_with_the_result(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job('echo "version=1.2.3" >> "$OUTPUT"', 'echo "note=a=b c" >> $OUTPUT')

    assert attempt.finished().outputs == {"version": "1.2.3", "note": "a=b c"}


def test_bad_output_line_fails_the_job_and_is_quoted(rig_with_agent: Rig) -> None:
    end = rig_with_agent.job('echo "no separator" >> "$OUTPUT"').finished()

    assert (end.outcome, end.reason) == ("failure", "output-invalid")
    assert "line 1" in end.detail
    assert "no separator" in end.detail


def test_output_file_replaced_by_a_link_is_not_followed(rig_with_agent: Rig) -> None:
    end = rig_with_agent.job('rm -f "$OUTPUT"; ln -s /etc/passwd "$OUTPUT"').finished()

    assert end.reason in ("output-invalid", "failure")
    assert not end.outputs


def test_environment_is_the_jobs_and_the_steps_and_nothing_of_the_agents(rig_with_agent: Rig) -> None:
    step = Step(name="env", run="env | sort", env={"STEP": "s $(x) 'q'", "SHARED": "step"})
    attempt = rig_with_agent.job(step, env={"JOB": "j", "SHARED": "job"})
    attempt.finished()

    seen = dict(line.split("=", 1) for line in attempt.data("stdout").decode().splitlines())
    assert (seen["STEP"], seen["SHARED"], seen["JOB"]) == ("s $(x) 'q'", "step", "j")
    assert seen["WORKSPACE"] == seen["PWD"]
    assert not {name for name in seen if name.startswith("SEALANE") or "SECRET" in name}
    assert "not-for-jobs" not in attempt.text()


def test_files_of_the_workspace_home_and_tmp_stay_between_steps(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(
        'echo w > "$WORKSPACE/a"; echo h > ~/b; echo t > /tmp/c; mkdir sub',
        'cat "$WORKSPACE/a" ~/b /tmp/c',
        Step(name="below", run="pwd", working_directory="sub"),
    )

    assert attempt.finished().outcome == "success"
    assert attempt.data("stdout").decode().split() == ["w", "h", "t", "/job/workspace/sub"]


@pytest.mark.parametrize("directory", ["../..", "/etc", "a/../../b"])
def test_working_directory_outside_the_workspace_is_refused(rig_with_agent: Rig, directory: str) -> None:
    end = rig_with_agent.job(Step(name="out", run="pwd", working_directory=directory)).finished()

    assert (end.outcome, end.reason) == ("failure", "setup-failed")
    assert f"'{directory}' leaves the workspace" in end.detail


def test_working_directory_that_is_not_there_is_named(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(Step(name="gone", run="pwd", working_directory="nowhere"))

    assert attempt.finished().outcome == "failure"
    assert "there is no directory /job/workspace/nowhere" in attempt.text()


def test_step_timeout_ends_the_step_and_says_so(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(Step(name="slow", run="sleep 3600", timeout_seconds=1))

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("failure", "timeout")
    assert "Stopped after 1 s" in attempt.text()


def test_job_timeout_leaves_time_only_for_cleaning_up(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(
        "sleep 3600", "echo next", Step(name="clean", run="echo cleaned", when=ALWAYS), timeout_seconds=1
    )

    assert attempt.finished().reason == "timeout"
    assert outcomes(attempt) == ["failure", "skipped", "success"]


def test_job_that_wants_an_image_is_refused_with_a_way_out(rig_with_agent: Rig) -> None:
    end = rig_with_agent.job("echo", image="node:20").finished()

    assert (end.outcome, end.reason) == ("error", "refused")
    assert "node:20" in end.detail


def test_cancel_stops_the_step_and_lets_cleaning_up_run(rig_with_agent: Rig) -> None:
    attempt = rig_with_agent.job(
        "trap 'echo got it; exit 1' TERM; echo ready; sleep 3600 & wait",
        "echo next",
        Step(name="clean", run="echo cleaned", when=ALWAYS),
    )
    attempt.wait_for_output("ready")
    attempt.cancel()

    assert attempt.finished().outcome == "cancelled"
    assert outcomes(attempt) == ["cancelled", "skipped", "success"]
    assert attempt.data("stdout") == b"ready\ngot it\ncleaned\n"


def test_workspace_is_removed_whatever_is_in_it(rig: Rig) -> None:
    agent = rig.agent()
    rig.job("mkdir -p a/b; touch a/b/c; chmod 555 a/b a; ln -s / root; mkfifo pipe; touch -- '-rf'").finished()

    rig.wait(lambda: not list((agent.data_dir / "jobs").iterdir()))
    assert agent.data_dir.is_dir()


def test_agent_works_on_as_many_jobs_as_it_has_slots(rig: Rig) -> None:
    rig.agent(slots=2)
    first = rig.job("echo here; sleep 3600")
    first.wait_for_output("here")
    second = rig.job("echo there")

    assert second.finished().outcome == "success"
    assert not first.events(StepFinished)
