"""The trigger section as written -> what asks whether a cause makes a run."""

from core.pipeline.compile import schedules_of
from core.pipeline.inputs import declared_inputs, input_of
from core.pipeline.trigger import TriggerSpec
from core.pipeline.values import Section

__all__ = ["TriggerSpec", "trigger_spec"]


def trigger_spec(trigger: Section | None) -> TriggerSpec:
    if trigger is None:
        return TriggerSpec()
    return TriggerSpec(
        branches=_globs(trigger, "branches"),
        tags=_globs(trigger, "tags"),
        paths=_globs(trigger, "paths"),
        paths_ignore=_globs(trigger, "paths_ignore"),
        pull_requests=trigger.get("pull_requests", False),
        schedules=schedules_of(trigger),
        inputs={name: input_of(given) for name, given in declared_inputs(trigger).items()},
        absent=False,
    )


def _globs(trigger: Section, key: str) -> tuple[str, ...] | None:
    return tuple(trigger.get(key)) if key in trigger else None
