"""How streams began: a job's or a wave's event does not say again which app and environment it is about.

The beginnings that went by are remembered; what is older is asked of the views.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from core.deployments.events import EVENTS as DEPLOYMENT_EVENTS
from core.deployments.events import DeploymentRequested
from core.environments.release import Release
from core.eventlog.envelope import EventEnvelope
from core.rollouts.events import EVENTS as ROLLOUT_EVENTS
from core.rollouts.events import RolloutRequested
from core.runs.events import EVENTS as RUN_EVENTS
from core.runs.events import RunRequested

MOST_REMEMBERED = 20_000
FirstEvent = Callable[[str], EventEnvelope | None]
_CATALOGUES = {"run": RUN_EVENTS, "rollout": ROLLOUT_EVENTS, "deployment": DEPLOYMENT_EVENTS}
BEGINNINGS = frozenset((RunRequested.TYPE, RolloutRequested.TYPE, DeploymentRequested.TYPE))


class Beginning(NamedTuple):
    """What the first event of a run, rollout or deployment said."""

    app: str
    number: int = 0
    ref: str = ""
    commit: str = ""
    title: str = ""
    by: str = ""
    environment: str = ""
    region: str = ""
    release: Release | None = None


class NotKnownYet(Exception):
    """The views don't have it (yet), or can't be asked: later."""


class Beginnings:
    """`first_event(stream)` asks the views; None: not there yet, or not to be had now. For many threads."""

    def __init__(self, first_event: FirstEvent) -> None:
        self._first_event = first_event
        self._lock = threading.Lock()
        self._known: dict[str, Beginning] = {}

    def see(self, event: EventEnvelope) -> None:
        """An event that goes by."""
        if event.type in BEGINNINGS:
            self._remember(event)

    def of(self, stream: str) -> Beginning:
        """Raises NotKnownYet."""
        known = self._known.get(stream)
        if known is not None:
            return known
        event = self._first_event(stream)
        if event is None or event.type not in BEGINNINGS:
            raise NotKnownYet(f"the views don't know how {stream} began")
        return self._remember(event)

    def _remember(self, event: EventEnvelope) -> Beginning:
        catalogue = _CATALOGUES[event.stream.partition("/")[0]]
        found = _beginning(catalogue.decode(event.type, event.schema_version, event.data))
        with self._lock:
            self._known[event.stream] = found
            while len(self._known) > MOST_REMEMBERED:
                del self._known[next(iter(self._known))]
        return found


def _beginning(message: Any) -> Beginning:
    match message:
        case RunRequested(trigger=trigger):
            return Beginning(message.app, message.number, trigger.ref, trigger.commit, trigger.title, trigger.author)
        case RolloutRequested(settings=settings, release=release):
            by = message.origin.by
            return Beginning(message.app, message.number, by=by, environment=settings.name, release=release)
        case DeploymentRequested():
            return Beginning(
                message.app,
                by=message.by,
                environment=message.environment,
                region=message.region,
                release=message.release,
            )
    raise AssertionError(f"{type(message).__name__} begins nothing")
