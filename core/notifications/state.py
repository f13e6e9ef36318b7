"""What a Subscription remembers: its settings, and the notifications that are not delivered yet."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.notifications import events as e
from core.notifications.notification import Notification, Sink, Wanted

# At a healthy endpoint so many attempts are under way at once; at one whose last attempt failed, a single one.
PARALLEL: Final = 4


class Pending(msgspec.Struct, frozen=True, omit_defaults=True):
    """A notification on its way. `attempts` are over; the next one is due at `next_at`.

    With `answer_by` that one is under way, and was asked for `asked` times.
    """

    notification: Notification
    queued_at: datetime
    next_at: datetime
    attempts: int = 0
    asked: int = 0
    answer_by: datetime | None = None


class SubscriptionState(msgspec.Struct, omit_defaults=True):
    """`pending` by id, in the order in which they came. `failing`: the last attempt of any of them failed."""

    name: str
    exists: bool = False
    enabled: bool = False
    sink: Sink = Sink("webhook")
    wanted: Wanted = Wanted()
    pending: dict[str, Pending] = {}
    failing: bool = False
    delivered_at: datetime | None = None

    def draft(self) -> "SubscriptionState":
        """A copy whose changes don't reach the original."""
        return msgspec.structs.replace(self, pending=dict(self.pending))

    @property
    def free_slots(self) -> int:
        under_way = sum(each.answer_by is not None for each in self.pending.values())
        return max(0, (1 if self.failing else PARALLEL) - under_way)


def deadline(state: SubscriptionState) -> datetime | None:
    """When an answer is overdue, or an attempt is due that can begin."""
    free = state.free_slots > 0
    return min(
        (each.answer_by or each.next_at for each in state.pending.values() if free or each.answer_by is not None),
        default=None,
    )


def finished(state: SubscriptionState) -> bool:
    return not state.exists


def evolve(state: SubscriptionState, event: Any) -> SubscriptionState:
    _EVOLVE[type(event)](state, event)
    return state


def _created(state: SubscriptionState, event: e.SubscriptionCreated) -> None:
    state.exists = state.enabled = True
    state.sink, state.wanted = event.sink, event.wanted


def _updated(state: SubscriptionState, event: e.SubscriptionUpdated) -> None:
    state.sink, state.wanted = event.sink, event.wanted


def _rotated(state: SubscriptionState, event: e.SecretRotated) -> None:
    state.sink = msgspec.structs.replace(state.sink, secret_version=event.version, old_secret_until=event.old_until)


def _enabled(state: SubscriptionState, event: e.SubscriptionEnabled) -> None:
    state.enabled, state.failing = True, False


def _disabled(state: SubscriptionState, event: e.SubscriptionDisabled) -> None:
    state.enabled = False
    state.pending = {}


def _queued(state: SubscriptionState, event: e.NotificationQueued) -> None:
    asked = 1 if event.answer_by else 0
    pending = Pending(event.notification, event.at, event.at, asked=asked, answer_by=event.answer_by)
    state.pending[event.notification.id] = pending


def _due(state: SubscriptionState, event: e.NotificationDue) -> None:
    _change(state, event.notification.id, asked=event.asked, answer_by=event.answer_by)


def _attempted(state: SubscriptionState, event: e.NotificationAttempted) -> None:
    if event.outcome == "delivered":
        state.delivered_at = event.at
    state.failing = event.outcome != "delivered"
    if event.next_at is None:
        state.pending.pop(event.id, None)
    else:
        _change(state, event.id, attempts=event.attempt, asked=0, answer_by=None, next_at=event.next_at)


def _hurried(state: SubscriptionState, event: e.NotificationHurried) -> None:
    _change(state, event.id, next_at=event.at)


def _change(state: SubscriptionState, identity: str, **values: Any) -> None:
    state.pending[identity] = msgspec.structs.replace(state.pending[identity], **values)


def _nothing(state: SubscriptionState, event: Any) -> None:
    """It changes nothing that is remembered."""


_EVOLVE: dict[type[Any], Callable[[SubscriptionState, Any], None]] = {
    e.SubscriptionCreated: _created,
    e.SubscriptionUpdated: _updated,
    e.SecretRotated: _rotated,
    e.SubscriptionEnabled: _enabled,
    e.SubscriptionDisabled: _disabled,
    e.NotificationQueued: _queued,
    e.NotificationDue: _due,
    e.NotificationAttempted: _attempted,
    e.NotificationHurried: _hurried,
    e.NotificationDropped: _nothing,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}
