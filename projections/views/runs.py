"""The run itself: its trigger, its state and its outcome."""

from typing import Any

from core.runs.events import (
    RunCancelRequested,
    RunFinished,
    RunInvalidated,
    RunPlanned,
    RunRequested,
    RunRerunRequested,
    RunStarted,
)
from core.trigger import ZERO_COMMIT
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.runs import runs
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("run")


@HANDLERS.on(RunRequested)
def requested(fact: Fact, changes: Changes) -> None:
    message: RunRequested = fact.message
    trigger = message.trigger
    changes.put(
        runs,
        id=fact.id,
        app=message.app,
        number=message.number,
        region=fact.event.region,
        state="requested",
        source=trigger.source,
        ref=trigger.ref,
        branch=trigger.branch,
        base_branch=trigger.base_branch,
        tag=trigger.tag,
        pull_request=trigger.pull_request,
        commit=trigger.commit if trigger.commit != ZERO_COMMIT else "",
        title=trigger.title,
        author=trigger.author,
        actor=trigger.author or fact.event.actor,
        round=1,
        delivery_id=trigger.delivery_id,
        correlation_id=fact.event.correlation_id,
        repository_url=message.repository_url,
        pipeline_path=message.pipeline_path,
        inputs=as_json(trigger.inputs),
        created_at=fact.at,
        plan_by=message.plan_by,
    )


@HANDLERS.on(RunPlanned)
def planned(fact: Fact, changes: Changes) -> None:
    message: RunPlanned = fact.message
    concurrency = message.plan.concurrency
    changes.set(
        runs,
        (fact.id,),
        state="queued",
        pipeline=message.plan.name,
        description=message.plan.description,
        warnings=as_json(message.plan.warnings),
        concurrency_group=concurrency.group if concurrency else "",
        concurrency_policy=concurrency.policy if concurrency else "",
        planned_at=fact.at,
        **_said(commit=message.commit, title=message.title, author=message.author),
    )


@HANDLERS.on(RunInvalidated)
def invalidated(fact: Fact, changes: Changes) -> None:
    message: RunInvalidated = fact.message
    changes.set(runs, (fact.id,), problems=as_json(message.problems), **_said(commit=message.commit))


@HANDLERS.on(RunStarted)
def started(fact: Fact, changes: Changes) -> None:
    changes.set(runs, (fact.id,), state="running", round=fact.message.round, started_at=fact.at)


@HANDLERS.on(RunCancelRequested)
def cancel_requested(fact: Fact, changes: Changes) -> None:
    message: RunCancelRequested = fact.message
    changes.set(
        runs,
        (fact.id,),
        cancelled_at=fact.at,
        cancelled_by=message.by,
        cancel_reason=message.reason,
        cancel_detail=message.detail,
    )


@HANDLERS.on(RunRerunRequested)
def rerun_requested(fact: Fact, changes: Changes) -> None:
    changes.set(
        runs,
        (fact.id,),
        state="queued",
        round=fact.message.round,
        outcome=None,
        code="",
        detail="",
        started_at=None,
        finished_at=None,
        cancelled_at=None,
        cancelled_by="",
        cancel_reason="",
        cancel_detail="",
    )


@HANDLERS.on(RunFinished)
def finished(fact: Fact, changes: Changes) -> None:
    message: RunFinished = fact.message
    changes.set(
        runs,
        (fact.id,),
        state="finished",
        outcome=message.outcome,
        ignored=message.outcome == "ignored",
        code=message.code,
        detail=message.detail,
        finished_at=fact.at,
    )


def _said(**values: str) -> dict[str, Any]:
    """Only what is not empty: a plan made from a working tree knows less than the trigger."""
    return {name: value for name, value in values.items() if value}
