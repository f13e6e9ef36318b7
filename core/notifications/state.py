"""What a Subscription remembers: its settings, and the notifications that are not delivered yet."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from core.aggregate import CommandIgnored, CommandRejected
from core.notifications import events as e
from core.notifications.notification import Notification, Sink, Wanted

# At a healthy endpoint so many attempts are under way at once; at one whose last attempt failed, a single one.
PARALLEL: Final = 4


class Pending(msgspec.Struct, frozen=True, omit_defaults=True):
    """A notification on its way. `attempts` are over; the next is due at `next_at`, or was asked for `asked` times."""

    notification: Notification
    queued_at: datetime
    next_at: datetime
    attempts: int = 0
    asked: int = 0


class SubscriptionState(msgspec.Struct, omit_defaults=True):
    """`pending` by id, in the order in which they came; `under_way` says until when the attempts of some are awaited.

    `failing`: the last attempt of any of them failed.
    """

    name: str
    exists: bool = False
    enabled: bool = False
    sink: Sink = Sink("webhook")
    wanted: Wanted = Wanted()
    pending: dict[str, Pending] = {}
    under_way: dict[str, datetime] = {}
    failing: bool = False
    delivered_at: datetime | None = None

    def draft(self) -> "SubscriptionState":
        """A copy whose changes don't reach the original."""
        return msgspec.structs.replace(self, pending=dict(self.pending), under_way=dict(self.under_way))

    @property
    def free_slots(self) -> int:
        return max(0, (1 if self.failing else PARALLEL) - len(self.under_way))

    @property
    def waiting(self) -> Iterator[Pending]:
        return (each for each in self.pending.values() if each.notification.id not in self.under_way)


def deadline(state: SubscriptionState) -> datetime | None:
    """When an answer is overdue, or an attempt is due that can begin."""
    times = list(state.under_way.values())
    if state.free_slots:
        times += [each.next_at for each in state.waiting]
    return min(times, default=None)


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
    state.pending, state.under_way = {}, {}


def _queued(state: SubscriptionState, event: e.NotificationQueued) -> None:
    identity = event.notification.id
    state.pending[identity] = Pending(event.notification, event.at, event.at, asked=1 if event.answer_by else 0)
    if event.answer_by is not None:
        state.under_way[identity] = event.answer_by


def _due(state: SubscriptionState, event: e.NotificationDue) -> None:
    _change(state, event.notification.id, asked=event.asked)
    state.under_way[event.notification.id] = event.answer_by


def _attempted(state: SubscriptionState, event: e.NotificationAttempted) -> None:
    if event.outcome == "delivered":
        state.delivered_at = event.at
    state.failing = event.outcome != "delivered"
    state.under_way.pop(event.id, None)
    if event.next_at is None:
        state.pending.pop(event.id, None)
    else:
        _change(state, event.id, attempts=event.attempt, asked=0, next_at=event.next_at)


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
