"""What is asked of the target: whole wishes, each with a number and a time by which the deployer must have answered."""

from typing import Final

from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.strategies import rollback_step
from core.deployments.target_state import TargetState
from core.deployments.wishes import filled
from core.environments.settings import Probe, StaticTarget, Target

BACK: Final = -1
# Beyond what the settings allow instances to take: fetching the artifact, and the deployer's own restart.
ANSWER_GRACE_SECONDS: Final = 60


def request_step(draft: Draft, index: int) -> None:
    """The target as a step wants it."""
    state = draft.state
    step = state.steps[index]
    probes = tuple(probe for probe in state.plan.probes if step.probe and step.probe in probe.when)
    _request(draft, index, filled(step.wish, (state.release, state.current)), probes)


def request_back(draft: Draft) -> None:
    """The target as it was. The same again while nobody says that it is so."""
    state = draft.state
    _request(draft, BACK, rollback_step(state.plan, state.region, state.rollback_to).wish, ())


def answer_seconds(target: Target, probes: tuple[Probe, ...]) -> float:
    """How long an action may take."""
    seconds = ANSWER_GRACE_SECONDS + sum(probe.attempts * probe.timeout_seconds for probe in probes)
    if isinstance(target, StaticTarget):
        return seconds
    return seconds + target.health.start_timeout_seconds + target.drain_seconds + target.stop_seconds


def _request(draft: Draft, index: int, wish: TargetState, probes: tuple[Probe, ...]) -> None:
    state = draft.state
    target = state.plan.target_in(state.region)
    draft.tell(
        e.ActionRequested(
            **state.place,
            epoch=state.epoch,
            action=state.action + 1,
            step=index,
            wish=wish,
            target=target,
            probes=probes,
            release_id=state.goal.id,
            answer_by=draft.after(answer_seconds(target, probes)),
        )
    )
