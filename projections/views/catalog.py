"""Apps, their schedules and environments, and what became of the deliveries they were asked about."""

from itertools import zip_longest

import msgspec

from core.catalog.events import (
    AppArchived,
    AppCreated,
    AppUpdated,
    DeliveryIgnored,
    EnvironmentsSet,
    ScheduleFired,
    SchedulesSet,
    TriggerAccepted,
)
from core.forges.urls import repository_key
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.catalog import apps, schedule_firings, schedules
from projections.tables.environments import app_environments
from projections.tables.logbook import delivery_results
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("app")


@HANDLERS.on(AppCreated)
def created(fact: Fact, changes: Changes) -> None:
    message: AppCreated = fact.message
    changes.put(
        apps,
        name=fact.id,
        repository_url=message.repository_url,
        repository_key=repository_key(message.repository_url),
        region=message.region,
        forge=message.forge,
        default_branch=message.default_branch,
        pipeline_path=message.pipeline_path,
        created_at=fact.at,
        updated_at=fact.at,
    )


@HANDLERS.on(AppUpdated)
def updated(fact: Fact, changes: Changes) -> None:
    message: AppUpdated = fact.message
    changes.set(
        apps,
        (fact.id,),
        repository_url=message.repository_url,
        repository_key=repository_key(message.repository_url),
        region=message.region,
        default_branch=message.default_branch,
        pipeline_path=message.pipeline_path,
        updated_at=fact.at,
    )


@HANDLERS.on(AppArchived)
def archived(fact: Fact, changes: Changes) -> None:
    changes.set(apps, (fact.id,), archived=True, updated_at=fact.at)


@HANDLERS.on(TriggerAccepted)
def trigger_accepted(fact: Fact, changes: Changes) -> None:
    message: TriggerAccepted = fact.message
    changes.set(apps, (fact.id,), runs=message.number)
    if message.trigger.delivery_id:
        _result(fact, changes, message.trigger.delivery_id, run_id=message.run_id)


@HANDLERS.on(DeliveryIgnored)
def delivery_ignored(fact: Fact, changes: Changes) -> None:
    message: DeliveryIgnored = fact.message
    run_id = message.run_id or None
    _result(fact, changes, message.delivery_id, code=message.code, detail=message.detail, run_id=run_id)


def _result(
    fact: Fact, changes: Changes, delivery_id: str, code: str = "", detail: str = "", run_id: str | None = None
) -> None:
    changes.put(
        delivery_results,
        delivery_id=delivery_id,
        app=fact.id,
        stream_version=fact.event.stream_version,
        code=code,
        detail=detail,
        run_id=run_id,
        decided_at=fact.at,
    )


@HANDLERS.on(SchedulesSet)
def schedules_set(fact: Fact, changes: Changes) -> None:
    message: SchedulesSet = fact.message
    due = zip_longest(message.schedules, message.next_at)
    entries = as_json([{**msgspec.to_builtins(schedule), "next_at": next_at} for schedule, next_at in due])
    changes.put(schedules, app=fact.id, entries=entries, commit=message.commit, set_at=fact.at)


@HANDLERS.on(ScheduleFired)
def schedule_fired(fact: Fact, changes: Changes) -> None:
    message: ScheduleFired = fact.message
    schedule = message.schedule
    changes.put(
        schedule_firings,
        app=fact.id,
        cron=schedule.cron,
        timezone=schedule.timezone,
        last_due_at=message.due_at,
        next_at=message.next_at,
    )


@HANDLERS.on(EnvironmentsSet)
def environments_set(fact: Fact, changes: Changes) -> None:
    message: EnvironmentsSet = fact.message
    changes.put(
        app_environments,
        app=fact.id,
        entries=as_json(message.environments),
        source=message.source,
        set_by=message.by,
        commit=message.commit,
        number=message.number,
        set_at=fact.at,
    )
