"""The deployer of one region, as a connector of the deployments' events.

A newer action of an environment interrupts the one under way: it is seen here as soon as it is read, while the older
one still waits in a thread.
"""

import threading

from agents.connectors.base import Result, Work
from agents.deployer.acting import Acting
from agents.deployer.hooking import Hooking
from agents.targets.base import Fence
from core.deployments import events as d
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event
from core.eventlog.topics import events_topic
from core.ports import Record
from core.rollouts import events as r

_TYPES = (
    d.ActionRequested.TYPE,
    d.DeploymentFinished.TYPE,
    d.WatchStarted.TYPE,
    d.WatchEnded.TYPE,
    r.HookRequested.TYPE,
)
_NEEDLES = tuple(f'"{name}"'.encode() for name in _TYPES)


class Deployer:
    """See agents.connectors.base.Handler."""

    topics: tuple[str, ...] = (events_topic("deployments"),)

    def __init__(self, region: str, acting: Acting, hooking: Hooking) -> None:
        self.name = f"deployer-{region}"
        self._region = region
        self._acting = acting
        self._hooking = hooking
        self._lock = threading.Lock()
        self._newest: dict[str, Fence] = {}

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if not any(needle in value for needle in _NEEDLES):
            return None
        event = decode_event(value)
        if event.type not in _TYPES:
            return None
        catalogue = r.EVENTS if event.type == r.HookRequested.TYPE else d.EVENTS
        message = catalogue.decode(event.type, event.schema_version, event.data)
        match message:
            case d.ActionRequested(region=self._region):
                return self._action(event, message)
            case r.HookRequested(region=self._region):
                return Work(
                    event.stream,
                    lambda attempt: self._hooking.look(event, message),
                    lambda error: self._hooking.give_up(event, message, error),
                )
            case d.DeploymentFinished(region=self._region) | d.WatchStarted() | d.WatchEnded(region=self._region):
                return Work(event.stream, lambda attempt: self._note(event, message), lambda error: ())
        return None

    def _action(self, event: EventEnvelope, asked: d.ActionRequested) -> Work:
        key = f"{asked.app}/{asked.environment}"
        fence = (asked.epoch, asked.action)
        with self._lock:
            self._newest[key] = max(fence, self._newest.get(key, fence))
        return Work(
            key,
            lambda attempt: self._acting.act(event, asked, lambda: self._newest[key]),
            lambda error: self._acting.give_up(event, asked, error),
        )

    def _note(self, event: EventEnvelope, message: object) -> Result:
        deployment_id = Stream.parse(event.stream).id
        if isinstance(message, d.WatchStarted):
            self._acting.watch(deployment_id)
        else:
            self._acting.finish(deployment_id, watched=isinstance(message, d.WatchEnded))
        return ()
