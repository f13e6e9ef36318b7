"""The deployer's answers to what a step asks for.

An answer counts when it has the epoch of the lock and the number of the last action; an earlier number is an echo. A
deployer that does not answer in time counts as lost, unless nobody could have listened: then it is asked again.
"""

from datetime import timedelta
from typing import Final

from core.aggregate import Rejected
from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.asking import request_step
from core.deployments.draft import Draft
from core.deployments.endings import lose_lock
from core.deployments.holds import reach
from core.deployments.rollback import (
    STALE_EPOCH,
    TARGET_LOST,
    report_back,
    silence,
    trigger,
    unanswered_back,
)
from core.deployments.target_state import TargetStatus
from core.environments.settings import Probe

PROBE_FAILED: Final = "probe-failed"
# Found due only so much later: the processors were away, and perhaps the deployer as well.
AWAY: Final = timedelta(seconds=60)


def report_target(draft: Draft, command: c.ReportTarget) -> None:
    draft.check_epoch(command.epoch)
    state = draft.state
    if command.action > state.action:
        raise Rejected("action-unknown", f"action {command.action} was not asked for; the last one is {state.action}")
    if command.action < state.action or "answer" not in state.timers.due:
        return
    if state.status == "rolling_back":
        report_back(draft, command)
    else:
        _report_step(draft, command)


def unanswered(draft: Draft) -> None:
    state = draft.state
    if state.status == "rolling_back":
        unanswered_back(draft)
    elif draft.now - state.timers.due["answer"] > AWAY:
        request_step(draft, state.step)
    else:
        _fail(draft, TARGET_LOST, silence(draft))


def _report_step(draft: Draft, command: c.ReportTarget) -> None:
    if command.code == STALE_EPOCH:
        lose_lock(draft, f"the target obeys a newer deployment: {command.detail}")
    elif not command.ok:
        _fail(draft, command.code or "target-unavailable", command.detail, command)
    elif broken := _broken_probe(draft, command):
        _fail(draft, PROBE_FAILED, broken, command)
    else:
        reach(draft, command)


def _fail(draft: Draft, code: str, detail: str, command: c.ReportTarget | None = None) -> None:
    state = draft.state
    draft.tell(
        e.ActionFailed(
            action=state.action,
            step=state.step,
            code=code,
            detail=detail,
            status=command.status if command else TargetStatus(),
            probes=command.probes if command else (),
        )
    )
    trigger(draft, code, f"step '{state.steps[state.step].name}': {detail}")


def _broken_probe(draft: Draft, command: c.ReportTarget) -> str:
    """The first probe that failed or was not done; empty if all is well."""
    for probe in _asked(draft):
        found = [each for each in command.probes if each.name == probe.name]
        failed = next((each for each in found if not each.ok), None)
        if failed is not None:
            return f"probe '{probe.name}' failed: {failed.detail}"
        if not found:
            return f"probe '{probe.name}' was not done"
    return ""


def _asked(draft: Draft) -> tuple[Probe, ...]:
    step = draft.state.steps[draft.state.step]
    return tuple(probe for probe in draft.state.plan.probes if step.probe and step.probe in probe.when)
