"""What happened to a subscription and to its notifications. The sender acts on `notification.queued` and `.due`."""

from datetime import datetime
from typing import Literal

from core.aggregate import SHELL_EVENTS
from core.eventlog.serialization import Catalogue, Message
from core.notifications.notification import Notification, Sink, Wanted


class SubscriptionCreated(Message, frozen=True, kw_only=True):
    TYPE = "subscription.created"
    name: str
    sink: Sink
    wanted: Wanted = Wanted()


class SubscriptionUpdated(Message, frozen=True, kw_only=True):
    TYPE = "subscription.updated"
    sink: Sink
    wanted: Wanted = Wanted()


class SecretRotated(Message, frozen=True, kw_only=True):
    TYPE = "subscription.secret_rotated"
    version: int
    old_until: datetime


class SubscriptionEnabled(Message, frozen=True, kw_only=True):
    TYPE = "subscription.enabled"
    by: str


class SubscriptionDisabled(Message, frozen=True, kw_only=True):
    """`code`: by-hand, endpoint-gone (it answered 410) or endpoint-failing (all attempts of days failed).

    `dropped` are the ids of the notifications that waited; nobody tries them any more.
    """

    TYPE = "subscription.disabled"
    by: str = ""
    code: str
    detail: str = ""
    dropped: tuple[str, ...] = ()


class NotificationQueued(Message, frozen=True, kw_only=True):
    """It is to be delivered. With `answer_by` the first attempt is asked for right now; else it waits for its turn."""

    TYPE = "notification.queued"
    notification: Notification
    sink: Sink
    at: datetime
    answer_by: datetime | None = None


class NotificationDue(Message, frozen=True, kw_only=True):
    """Attempt number `attempt` is asked for. Nobody acts on it after `answer_by`: it is asked for again then.

    `asked` counts how often this attempt was asked for.
    """

    TYPE = "notification.due"
    notification: Notification
    sink: Sink
    attempt: int
    answer_by: datetime
    asked: int = 1


class NotificationAttempted(Message, frozen=True, kw_only=True):
    """How an attempt ended: delivered; retry (again at `next_at`); failed (given up)."""

    TYPE = "notification.attempted"
    id: str
    attempt: int
    outcome: Literal["delivered", "retry", "failed"]
    status: int = 0
    code: str = ""
    detail: str = ""
    duration_ms: int = 0
    at: datetime
    next_at: datetime | None = None


class NotificationHurried(Message, frozen=True, kw_only=True):
    """Somebody did not want to wait for the next attempt: it is due now."""

    TYPE = "notification.hurried"
    id: str
    at: datetime


class NotificationDropped(Message, frozen=True, kw_only=True):
    """It was not even queued: too many wait already."""

    TYPE = "notification.dropped"
    notification: Notification
    code: str
    detail: str
    at: datetime


SUBSCRIPTION_EVENTS = Catalogue(
    (
        SubscriptionCreated,
        SubscriptionUpdated,
        SecretRotated,
        SubscriptionEnabled,
        SubscriptionDisabled,
        NotificationQueued,
        NotificationDue,
        NotificationAttempted,
        NotificationHurried,
        NotificationDropped,
        *SHELL_EVENTS,
    )
)
