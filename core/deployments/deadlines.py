"""What a Deployment does when time is up. Each deadline that has come leads to an event that moves or removes it.

| waiting for                        | at the longest                   | then                                         |
|------------------------------------|----------------------------------|----------------------------------------------|
| the lock                           | 7 days                           | it ends: error, `lock-timeout`               |
| the lock's renewal                 | 100 s                            | it is renewed                                |
| the deployer's answer              | what instances may take + 60 s   | the target is lost: back                     |
| the same, on the way back          | the same                         | asked again                                  |
| another try of the way back        | 5 s                              | asked again                                  |
| the way back                       | 10 min, or the whole's deadline  | it ends: error                               |
| a step's time                      | its hold                         | the next step                                |
| a person (promote, resume)         | the whole's deadline             | back, `deadline`                             |
| instances to recover               | failures * interval of health    | back, `unhealthy`                            |
| the next sample                    | the interval                     | it is asked for                              |
| the sampler's answer               | timeout (and probes) + 5 s       | recorded as errors                           |
| the whole                          | deadline_seconds                 | back, `deadline`                             |
| the watch                          | watch_seconds (a count: longer)  | it is over                                   |
"""

from collections.abc import Callable
from datetime import datetime

from core.aggregate import Tick
from core.deployments.actions import unanswered
from core.deployments.asking import request_back
from core.deployments.beginning import renew, wait_over
from core.deployments.draft import Draft
from core.deployments.health import expire_grace
from core.deployments.holds import settle
from core.deployments.rollback import DEADLINE, give_up, trigger
from core.deployments.samples import sample_due
from core.deployments.state import DeploymentState
from core.deployments.watching import watch_over


def deadline(state: DeploymentState) -> datetime | None:
    return state.timers.first()


def expire(draft: Draft, command: Tick) -> None:
    """Earliest first. What one of them leads to may remove others."""
    while names := draft.state.timers.expired(draft.now):
        _DUE[names[0]](draft)


def _over(draft: Draft) -> None:
    state = draft.state
    where = f"step '{state.steps[state.step].name}'" if state.step >= 0 else "its first step"
    told = " (paused)" if state.paused else ""
    trigger(draft, DEADLINE, f"not over within {state.plan.deadline_seconds:g} s: still at {where}{told}")


_DUE: dict[str, Callable[[Draft], None]] = {
    "wait": wait_over,
    "renew": renew,
    "answer": unanswered,
    "retry": request_back,
    "give-up": give_up,
    "hold": settle,
    "grace": expire_grace,
    "sample": sample_due,
    "deadline": _over,
    "watch": watch_over,
}
