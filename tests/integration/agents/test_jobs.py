"""A job from its offer to its end, on a real agent, in every isolation this machine has."""

from core.runs.events import StepFinished, StepStarted
from tests.integration.agents.rig import Rig


def test_steps_run_in_order_and_their_output_arrives(rig: Rig, isolation: str) -> None:
    rig.agent(isolation=isolation)
    attempt = rig.job("echo one; echo two >&2", "echo three > file; cat file")

    end = attempt.finished()

    assert (end.outcome, end.reason) == ("success", "")
    assert attempt.data("stdout") == b"one\nthree\n"
    assert attempt.data("stderr") == b"two\n"
    assert [type(event) for event in attempt.events(StepStarted, StepFinished)] == [StepStarted, StepFinished] * 2
    assert end.log.chunks == len(attempt.chunks())
