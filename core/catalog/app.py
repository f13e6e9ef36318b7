"""The App's decisions: its settings, which triggers become runs, what schedules set off (and environments.py)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from core.aggregate import Rejected, Tick
from core.catalog import commands as c
from core.catalog import environments
from core.catalog import events as e
from core.catalog.app_state import AppState, Planned, keys_of
from core.catalog.rules import check_branch, check_name, check_pipeline_path, check_repository_url
from core.catalog.schedules import next_time
from core.eventlog.serialization import Message
from core.ids import derived_id, run_id
from core.trigger import ZERO_COMMIT, Trigger

Events = tuple[Message, ...]


def decide(state: AppState, command: Any, now: datetime) -> Events:
    """The events the command leads to. Raises Rejected."""
    if isinstance(command, Tick):
        return _fire(state, now)
    if not state.exists and not isinstance(command, c.CreateApp | c.RequestRollout | c.FindProtection):
        raise Rejected("app-unknown", f"there is no app '{state.name}'; create it first")
    return _HANDLERS[type(command)](state, command, now)


def _create(state: AppState, command: c.CreateApp, now: datetime) -> Events:
    if state.exists:
        raise Rejected("app-exists", f"there is an app '{state.name}' already")
    if command.name != state.name:
        raise Rejected("name-invalid", f"the command for '{state.name}' names another app, '{command.name[:80]}'")
    check_name(command.name)
    check_repository_url(command.repository_url)
    check_branch(command.default_branch)
    check_pipeline_path(command.pipeline_path)
    return (
        e.AppCreated(
            name=command.name,
            repository_url=command.repository_url,
            region=command.region,
            forge=command.forge,
            default_branch=command.default_branch,
            pipeline_path=command.pipeline_path,
        ),
    )


def _update(state: AppState, command: c.UpdateApp, now: datetime) -> Events:
    _refuse_archived(state)
    wanted = e.AppUpdated(
        repository_url=_or(command.repository_url, state.repository_url),
        region=_or(command.region, state.region),
        default_branch=_or(command.default_branch, state.default_branch),
        pipeline_path=_or(command.pipeline_path, state.pipeline_path),
    )
    check_repository_url(wanted.repository_url)
    check_branch(wanted.default_branch)
    check_pipeline_path(wanted.pipeline_path)
    present = (state.repository_url, state.region, state.default_branch, state.pipeline_path)
    if present == (wanted.repository_url, wanted.region, wanted.default_branch, wanted.pipeline_path):
        return ()
    return (wanted,)


def _or(wanted: str | None, present: str) -> str:
    return present if wanted is None else wanted


def _archive(state: AppState, command: c.ArchiveApp, now: datetime) -> Events:
    return () if state.archived else (e.AppArchived(),)


def _refuse_archived(state: AppState) -> None:
    if state.archived:
        raise Rejected("app-archived", f"app '{state.name}' is archived")


def _submit(state: AppState, command: c.SubmitTrigger, now: datetime) -> Events:
    trigger = command.trigger
    if trigger.source == "manual":
        _refuse_archived(state)
    elif state.archived:
        return (_ignored(trigger, "app-archived", f"app '{state.name}' is archived"),)
    earlier = _earlier_run(state, trigger)
    if earlier and trigger.source == "manual":
        return ()
    if earlier:
        return (_ignored(trigger, "duplicate", f"the same {trigger.source} made run {earlier}", earlier),)
    return (_accept(state, trigger, state.number + 1),)


def _earlier_run(state: AppState, trigger: Trigger) -> str:
    """The run that the same cause made, or "". A force push there and back again is a new cause."""
    own, *about = keys_of(trigger)
    if own in state.seen:
        return state.seen[own]
    moved_on = trigger.source in ("push", "tag") and _moved_on(state, trigger)
    return "" if moved_on else next((state.seen[key] for key in about if key in state.seen), "")


def _moved_on(state: AppState, trigger: Trigger) -> bool:
    """Whether the ref has left this commit since it was last there, as far as its known heads tell."""
    head = state.heads.get(trigger.ref, ZERO_COMMIT)
    if not trigger.before:
        return head != trigger.commit
    return head == trigger.before != trigger.commit


def _accept(state: AppState, trigger: Trigger, number: int) -> e.TriggerAccepted:
    return e.TriggerAccepted(
        app=state.name,
        trigger=trigger,
        run_id=run_id(state.region, state.name, trigger.trigger_id),
        number=number,
        region=state.region,
        repository_url=state.repository_url,
        default_branch=state.default_branch,
        pipeline_path=state.pipeline_path,
    )


def _ignored(trigger: Trigger, code: str, detail: str, run: str = "") -> e.DeliveryIgnored:
    return e.DeliveryIgnored(
        delivery_id=trigger.delivery_id or trigger.trigger_id, code=code, detail=detail, run_id=run, ref=trigger.ref
    )


def _ignore(state: AppState, command: c.IgnoreDelivery, now: datetime) -> Events:
    return (
        e.DeliveryIgnored(delivery_id=command.delivery_id, code=command.code, detail=command.detail, ref=command.ref),
    )


def _set_schedules(state: AppState, command: c.SetSchedules, now: datetime) -> Events:
    present = tuple(each.schedule for each in state.schedules)
    if state.archived or command.number < state.schedules_number or command.schedules == present:
        return ()
    times = tuple(next_time(schedule, now) for schedule in command.schedules)
    return (e.SchedulesSet(schedules=command.schedules, commit=command.commit, number=command.number, next_at=times),)


def _fire(state: AppState, now: datetime) -> Events:
    """What is due fires once, however often it was missed."""
    events: list[Message] = []
    number = state.number
    for planned in state.schedules:
        if planned.next_at is not None and planned.next_at <= now:
            number += 1
            events.append(
                e.ScheduleFired(
                    schedule=planned.schedule, due_at=planned.next_at, next_at=next_time(planned.schedule, now)
                )
            )
            events.append(_accept(state, _scheduled(state, planned), number))
    return tuple(events)


def _scheduled(state: AppState, planned: Planned) -> Trigger:
    assert planned.next_at is not None
    due = planned.next_at.isoformat()
    return Trigger(
        trigger_id=derived_id("schedule", state.name, planned.schedule.cron, planned.schedule.timezone, due),
        source="schedule",
        ref=f"refs/heads/{state.default_branch}",
        branch=state.default_branch,
        title=f"Schedule {planned.schedule.cron}",
        author="schedule",
        at=planned.next_at,
    )


_HANDLERS: dict[type[Any], Callable[[AppState, Any, datetime], Events]] = {
    c.CreateApp: _create,
    c.UpdateApp: _update,
    c.ArchiveApp: _archive,
    c.SubmitTrigger: _submit,
    c.IgnoreDelivery: _ignore,
    c.SetSchedules: _set_schedules,
    c.SetEnvironments: environments.set_environments,
    c.RequestRollout: environments.request_rollout,
    c.RefuseRollout: environments.refuse_rollout,
    c.FindProtection: environments.find_protection,
}
