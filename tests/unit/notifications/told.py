"""What the connector tells of an event, for tests that look at it."""

from collections.abc import Mapping
from typing import Any

from agents.connectors.notifications.all_told import all_told
from agents.connectors.notifications.announcement import Announcement, Telling, notification
from agents.connectors.notifications.beginnings import Beginnings
from core.environments.release import Artifact, Release
from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.notifications.cdevents import cloud_event
from core.notifications.notification import Notification
from core.rollouts.commands import Origin
from core.rollouts.events import RolloutRequested
from core.runs.events import RunRequested
from core.trigger import Trigger
from tests.support.cdevents_schema import check_cloud_event
from tests.support.envelopes import envelope

URL = "https://sealane.example.com"
RUN = "us-east-0123456789abcdef"
ROLLOUT = "us-east-00000000000000aa"
DEPLOYMENT = "eu-west-00000000000000bb"
RUN_BEGAN = RunRequested(
    app="shop",
    number=7,
    trigger=Trigger(trigger_id="t", source="push", ref="refs/heads/main", commit="a" * 40, title="Sell", author="ada"),
    repository_url="https://forge.example/acme/shop.git",
    default_branch="main",
    pipeline_path=".pipeline.yml",
)


def release(number: int = 7, **changes: Any) -> Release:
    artifact = Artifact("tree", f"git:{'a' * 40}", "https://forge.example/acme/shop.git")
    values: dict[str, Any] = {"id": f"{number}-aaaaaaaa", "app": "shop", "artifact": artifact, "author": "ada"}
    return Release(**(values | changes))


SETTINGS = EnvironmentSettings("production", ("us-east", "eu-west"), ProcessTarget("serve"))
ROLLOUT_BEGAN = RolloutRequested(
    app="shop",
    number=3,
    release=release(),
    settings=SETTINGS,
    origin=Origin("ann"),
    waves=(("us-east",), ("eu-west",)),
)
BEGINNINGS: Mapping[str, Message] = {f"run/{RUN}": RUN_BEGAN, f"rollout/{ROLLOUT}": ROLLOUT_BEGAN}


class Log:
    """The events that the views know, so far as anybody asks for them."""

    def __init__(self, beginnings: Mapping[str, Message] = BEGINNINGS) -> None:
        self.firsts = {stream: envelope(stream, message) for stream, message in beginnings.items()}
        self.previous: tuple[EventEnvelope, ...] | None = ()

    def with_previous(self, event: EventEnvelope) -> tuple[EventEnvelope, ...] | None:
        return None if self.previous is None else (event, *self.previous)


def tell(stream: str, message: Message, log: Log | None = None, **changes: Any) -> tuple[Announcement, ...]:
    log = log or Log()
    event = envelope(stream, message, **changes)
    told = all_told(Beginnings(log.firsts.get), log.with_previous)[event.type]
    typed = told.events.decode(event.type, event.schema_version, event.data)
    return told.tell(Telling(event, typed, Stream.parse(stream).id, URL))


def told(stream: str, message: Message, log: Log | None = None, **changes: Any) -> list[tuple[str, Notification]]:
    """As `unchecked`, each checked against CDEvents' and CloudEvents' rules."""
    found = unchecked(stream, message, log, **changes)
    for kind, made in found:
        check_cloud_event(kind, cloud_event(made.event))
    return found


def unchecked(stream: str, message: Message, log: Log | None = None, **changes: Any) -> list[tuple[str, Notification]]:
    """(kind, notification) of all that is told; for whoever needs one while tests are collected (cdevents_schema)."""
    announcements = tell(stream, message, log, **changes)
    return [(each.occurrence.kind, notification(each, URL, "ops")) for each in announcements]
