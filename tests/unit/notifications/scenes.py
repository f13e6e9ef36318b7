"""What the tests of notifications begin with."""

from typing import Any

from core.notifications import commands as c
from core.notifications.aggregate import SUBSCRIPTION
from core.notifications.cdevents import type_of
from core.notifications.notification import Notification, Sink, Wanted
from tests.support.given import Scene, given

WEBHOOK = Sink("webhook", url="https://hooks.example.com/sealane")


def notification(identity: str = "msg_1", **changes: Any) -> Notification:
    values: dict[str, Any] = {
        "id": identity,
        "type": type_of("pipelinerun.finished"),
        "event": {"context": {"id": identity}},
        "title": "shop #7 failed",
        "app": "shop",
    }
    return Notification(**(values | changes))


def notify(identity: str = "msg_1", manual: bool = False) -> c.Notify:
    return c.Notify(notification=notification(identity), manual=manual)


def failed(identity: str = "msg_1", attempt: int = 1, **changes: Any) -> c.ReportAttempt:
    values: dict[str, Any] = {"ok": False, "status": 500, "code": "status-500", "detail": "oh no"}
    return c.ReportAttempt(id=identity, attempt=attempt, **(values | changes))


def delivered(identity: str = "msg_1", attempt: int = 1) -> c.ReportAttempt:
    return c.ReportAttempt(id=identity, attempt=attempt, ok=True, status=200, duration_ms=12)


def subscription(sink: Sink = WEBHOOK, wanted: Wanted | None = None) -> Scene:
    return given(SUBSCRIPTION, "ops").when(c.CreateSubscription(name="ops", sink=sink, wanted=wanted or Wanted()))
