"""When an attempt that failed gets another one.

| the attempt ended by                                             | counts as  | further attempts              |
|------------------------------------------------------------------|------------|-------------------------------|
| its agent being lost or stopped, or unable to set it up          | agent_lost | 2, or `retry.max` if greater  |
| its timeout                                                      | timeout    | `retry.max`, if `on` says so  |
| a step that failed                                               | failure    | `retry.max`, if `on` says so  |
| anything else (refused everywhere, queue timeout, bad expression) | -          | none                          |

A lost agent is no fault of the pipeline, so it is made good without being asked for. Counts start anew with a
re-run. A job that was told to stop is never tried again.
"""

from core.pipeline.plan import Retry, RetryOn
from core.runs.spec import Outcome
from core.runs.state import JobState

LOSSES_MADE_GOOD = 2
AGENT_LOST = "agent-lost"
TIMEOUT = "timeout"
_LOST = frozenset((AGENT_LOST, "agent-stopped", "agent-restarted", "agent-left", "setup-failed", "refused"))
_NEVER = frozenset(("expression-error", "outputs-too-large"))


def retry_kind(outcome: Outcome, reason: str) -> RetryOn | None:
    """What kind of failure this is for the retry rule; None where another attempt makes no sense."""
    if outcome == "error":
        return "agent_lost" if reason in _LOST else None
    if outcome != "failure" or reason in _NEVER:
        return None
    return "timeout" if reason == TIMEOUT else "failure"


def may_retry(rule: Retry, job: JobState, outcome: Outcome, reason: str) -> bool:
    kind = retry_kind(outcome, reason)
    if kind is None or job.cancelling:
        return False
    allowed = rule.max if kind in rule.on else 0
    if kind == "agent_lost":
        return job.losses < max(allowed, LOSSES_MADE_GOOD)
    return job.retries < allowed
