"""What an App remembers: its settings and environments, what set off which run lately, and its schedules."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.catalog import events as e
from core.catalog.release import content_of
from core.environments.settings import EnvironmentSettings
from core.pipeline.plan import Schedule
from core.trigger import ZERO_COMMIT, Forge, Trigger

REMEMBERED: Final = 1000


class Planned(msgspec.Struct, frozen=True):
    """A schedule and when it is due next; None: never again."""

    schedule: Schedule
    next_at: datetime | None


class AppState(msgspec.Struct, omit_defaults=True):
    """`seen` maps what identifies a trigger (see keys_of) to its run; `heads` is the last known commit of each ref;
    `releases` tells the content of those rolled out lately. All are bounded; the oldest go first.

    `environments_number` is the run whose file was listened to last; `rollouts` counts them.
    """

    name: str
    exists: bool = False
    archived: bool = False
    repository_url: str = ""
    region: str = ""
    forge: Forge = "builtin"
    default_branch: str = ""
    pipeline_path: str = ""
    number: int = 0
    seen: dict[str, str] = {}
    heads: dict[str, str] = {}
    schedules: list[Planned] = []
    schedules_number: int = 0
    environments: tuple[EnvironmentSettings, ...] = ()
    environments_source: Literal["file", "api"] = "file"
    environments_number: int = 0
    rollouts: int = 0
    releases: dict[str, str] = {}

    def environment(self, name: str) -> EnvironmentSettings | None:
        return next((each for each in self.environments if each.name == name), None)


def keys_of(trigger: Trigger) -> tuple[str, ...]:
    """What makes two triggers the same: the cause's own id, and what it is about."""
    own = f"id:{trigger.trigger_id}"
    if trigger.source in ("push", "tag"):
        return own, f"push:{trigger.ref}:{trigger.before or ZERO_COMMIT}:{trigger.commit}"
    if trigger.source == "pull_request":
        return own, f"pull:{trigger.pull_request}:{trigger.commit}"
    return (own,)


def deadline(state: AppState) -> datetime | None:
    return min((each.next_at for each in state.schedules if each.next_at is not None), default=None)


def finished(state: AppState) -> bool:
    return not state.exists


def evolve(state: AppState, event: Any) -> AppState:
    _EVOLVE[type(event)](state, event)
    return state


def _created(state: AppState, event: e.AppCreated) -> None:
    state.exists = True
    state.forge = event.forge
    _updated(state, event)


def _updated(state: AppState, event: e.AppCreated | e.AppUpdated) -> None:
    state.repository_url = event.repository_url
    state.region = event.region
    state.default_branch = event.default_branch
    state.pipeline_path = event.pipeline_path


def _archived(state: AppState, event: e.AppArchived) -> None:
    state.archived = True
    state.schedules = []


def _accepted(state: AppState, event: e.TriggerAccepted) -> None:
    state.number = event.number
    for key in keys_of(event.trigger):
        _remember(state.seen, key, event.run_id)
    if event.trigger.source in ("push", "tag"):
        _remember(state.heads, event.trigger.ref, event.trigger.commit)


def _ignored(state: AppState, event: e.DeliveryIgnored) -> None:
    if event.code == "branch-deleted":
        state.heads.pop(event.ref, None)


def _remember(memory: dict[str, str], key: str, value: str) -> None:
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > REMEMBERED:
        del memory[next(iter(memory))]


def _schedules_set(state: AppState, event: e.SchedulesSet) -> None:
    times = event.next_at or (None,) * len(event.schedules)
    state.schedules = [Planned(*each) for each in zip(event.schedules, times, strict=True)]
    state.schedules_number = event.number


def _fired(state: AppState, event: e.ScheduleFired) -> None:
    state.schedules = [
        Planned(each.schedule, event.next_at) if each.schedule == event.schedule else each for each in state.schedules
    ]


def _environments_set(state: AppState, event: e.EnvironmentsSet) -> None:
    state.environments = event.environments
    state.environments_source = event.source
    state.environments_number = max(state.environments_number, event.number)


def _rollout_accepted(state: AppState, event: e.RolloutAccepted) -> None:
    state.rollouts = event.number
    if event.kind == "deploy":
        _remember(state.releases, event.release.id, content_of(event.release))


def _nothing(state: AppState, event: Any) -> None:
    """A refusal changes nothing."""


_EVOLVE: dict[type[Any], Callable[[AppState, Any], None]] = {
    e.AppCreated: _created,
    e.AppUpdated: _updated,
    e.AppArchived: _archived,
    e.TriggerAccepted: _accepted,
    e.DeliveryIgnored: _ignored,
    e.SchedulesSet: _schedules_set,
    e.ScheduleFired: _fired,
    e.EnvironmentsSet: _environments_set,
    e.RolloutAccepted: _rollout_accepted,
    e.RolloutRefused: _nothing,
    e.ProtectionFound: _nothing,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
