"""What the queries say about notifications. Times are UTC; None means "not (yet)"."""

from datetime import datetime
from typing import Literal

import msgspec

from core.notifications.notification import Notification, Tone

NotificationState = Literal["pending", "delivered", "failed", "dropped"]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: webhook | slack | email. `url_secret` and `signing_secret` are names of secrets in the settings.

    `disabled_code`: by-hand | endpoint-gone | endpoint-failing. `pending` notifications wait; `last_*` are the
    newest attempt's.
    """

    name: str
    kind: str
    url: str
    url_secret: str
    address: str
    signing_secret: str
    secret_version: int
    old_secret_until: datetime | None
    types: tuple[str, ...]
    apps: tuple[str, ...]
    environments: tuple[str, ...]
    state: Literal["enabled", "disabled"]
    disabled_code: str
    disabled_detail: str
    disabled_by: str
    disabled_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    pending: int = 0
    last_outcome: str = ""
    last_attempt_at: datetime | None = None


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `outcome`: delivered | retry | failed. `status` is HTTP's or SMTP's, 0 where none came."""

    attempt: int
    outcome: str
    status: int
    code: str
    detail: str
    duration_ms: int
    at: datetime


class NotificationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the delivery log. `id` is the webhook-id. `state`: pending (next attempt at `next_at`) |
    delivered | failed (given up) | dropped. `status`, `code` and `detail` are the last attempt's.
    """

    subscription: str
    id: str
    type: str
    title: str
    app: str
    environment: str
    region: str
    state: NotificationState
    attempts: int
    status: int | None
    code: str
    detail: str
    queued_at: datetime
    next_at: datetime | None
    ended_at: datetime | None


class NotificationDetail(NotificationLine, frozen=True, kw_only=True):
    """The same with the CDEvent and every attempt, the oldest first."""

    link: str
    tone: Tone
    event: msgspec.Raw
    log: tuple[DeliveryAttempt, ...] = ()

    def notification(self) -> Notification:
        """As it was queued, to be sent again."""
        known = {name: getattr(self, name) for name in Notification.__struct_fields__ if name != "event"}
        return Notification(**known, event=msgspec.json.decode(self.event))
