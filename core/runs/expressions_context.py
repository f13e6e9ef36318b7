"""What expressions of a Run may see: the run's values, and outcome and outputs of the stages that have ended."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.pipeline.expressions import Context, evaluate_text, statuses
from core.pipeline.plan import JobPlan, Status, Step
from core.runs.state import RunState


class _Stages(Mapping[str, Any]):
    """`stages` as expressions read it. Looked up one by one, because a run may have thousands."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __getitem__(self, name: str) -> dict[str, Any]:
        stage = self._state.stages[name]
        if stage.outcome is None:
            raise KeyError(name)
        return {"outcome": stage.outcome, "outputs": stage.outputs}

    def __contains__(self, name: object) -> bool:
        return name in self._state.stages and self._state.stages[str(name)].outcome is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._state.stages if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def context(state: RunState, status: Status) -> Context:
    """`status` is what success(), failure() and cancelled() tell."""
    values = state.plan.values if state.plan else {}
    return Context({**values, "stages": _Stages(state)}, status)


def resolved_job(state: RunState, job: JobPlan) -> JobPlan:
    """The job with every expression replaced by its value. Raises ExpressionError."""
    known = context(state, "success")
    env = _texts(job.env, known)
    steps = tuple(_resolved_step(step, known) for step in job.steps)
    if env is job.env and all(map(lambda a, b: a is b, steps, job.steps)):
        return job
    return msgspec.structs.replace(job, env=env, steps=steps)


def _resolved_step(step: Step, known: Context) -> Step:
    env, with_ = _texts(step.env, known), _texts(step.with_, known)
    if env is step.env and with_ is step.with_ and step.if_ is None:
        return step
    when = statuses(step.if_, known.values) if step.if_ is not None else step.when
    return msgspec.structs.replace(step, env=env, with_=with_, if_=None, when=when)


def _texts(texts: dict[str, str], known: Context) -> dict[str, str]:
    if not any("${{" in text for text in texts.values()):
        return texts
    return {name: evaluate_text(text, known) for name, text in texts.items()}
