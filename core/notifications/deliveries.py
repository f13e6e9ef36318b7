"""How a Subscription gets its notifications delivered: a few attempts at once, the others wait for their turn or time.

Each attempt is asked for by an event and answered by a report. A report that does not come is waited for longer and
longer, and then given up: nothing stays for ever. At an endpoint that fails only one attempt is under way at a time.
"""

from datetime import datetime, timedelta
from typing import Final

from core.aggregate import Rejected, Tick
from core.eventlog.serialization import Message
from core.notifications import commands as c
from core.notifications import events as e
from core.notifications.schedule import ATTEMPTS, next_attempt_at
from core.notifications.state import Pending, SubscriptionState, evolve

Events = tuple[Message, ...]
MOST_PENDING: Final = 500
ANSWER_SECONDS: Final = 600
LONGEST_ANSWER_SECONDS: Final = 6 * 3600
MOST_ASKED: Final = 10


class _Draft:
    """`state` shows the events told so far; the subscription itself does not."""

    def __init__(self, state: SubscriptionState, now: datetime) -> None:
        self.state = state.draft()
        self.now = now
        self.events: list[Message] = []

    def tell(self, event: Message) -> None:
        self.events.append(event)
        evolve(self.state, event)


def notify(state: SubscriptionState, command: c.Notify, now: datetime) -> Events:
    """Queue it. While the subscription is disabled, only a person is told that nothing is sent."""
    notification = command.notification
    if not state.enabled:
        if command.manual:
            raise Rejected("subscription-disabled", f"subscription '{state.name}' is disabled: enable it first")
        return ()
    known = state.pending.get(notification.id)
    if known is not None:
        return _hurry(state, known, now) if command.manual else ()
    if len(state.pending) >= MOST_PENDING:
        detail = f"{MOST_PENDING} notifications of '{state.name}' wait already"
        return (e.NotificationDropped(notification=notification, code="queue-full", detail=detail, at=now),)
    answer_by = now + timedelta(seconds=ANSWER_SECONDS) if state.free_slots else None
    return (e.NotificationQueued(notification=notification, sink=state.sink, at=now, answer_by=answer_by),)


def _hurry(state: SubscriptionState, known: Pending, now: datetime) -> Events:
    if known.notification.id in state.under_way or known.next_at <= now:
        return ()
    draft = _Draft(state, now)
    draft.tell(e.NotificationHurried(id=known.notification.id, at=now))
    _begin(draft)
    return tuple(draft.events)


def report(state: SubscriptionState, command: c.ReportAttempt, now: datetime) -> Events:
    """What became of an attempt. One that was given up meanwhile still counts if it was a success."""
    known = state.pending.get(command.id)
    if known is None:
        return ()
    current = command.id in state.under_way and command.attempt == known.attempts + 1
    if not command.ok and not current:
        return ()
    draft = _Draft(state, now)
    event = _attempted(known, command, now)
    draft.tell(event)
    if command.gone:
        _disable(draft, "endpoint-gone", command.detail)
    elif event.outcome == "failed" and command.attempt >= ATTEMPTS and not _delivered_since(state, known.queued_at):
        detail = f"no attempt has succeeded since {known.queued_at.isoformat(timespec='seconds')}: {command.detail}"
        _disable(draft, "endpoint-failing", detail)
    _begin(draft)
    return tuple(draft.events)


def _attempted(known: Pending, command: c.ReportAttempt, now: datetime) -> e.NotificationAttempted:
    over = command.ok or command.final or command.gone
    next_at = None if over else next_attempt_at(command.id, command.attempt, now, command.retry_after_seconds)
    return e.NotificationAttempted(
        id=command.id,
        attempt=command.attempt,
        outcome="delivered" if command.ok else "retry" if next_at else "failed",
        status=command.status,
        code=command.code,
        detail=command.detail,
        duration_ms=command.duration_ms,
        at=now,
        next_at=next_at,
    )


def _delivered_since(state: SubscriptionState, then: datetime) -> bool:
    return state.delivered_at is not None and state.delivered_at >= then


def _disable(draft: _Draft, code: str, detail: str) -> None:
    draft.tell(e.SubscriptionDisabled(code=code, detail=detail, dropped=tuple(draft.state.pending)))


def tick(state: SubscriptionState, command: Tick, now: datetime) -> Events:
    """Ask again for what was not answered; begin what is due."""
    draft = _Draft(state, now)
    for identity, answer_by in state.under_way.items():
        if answer_by <= now:
            _ask_again(draft, state.pending[identity])
    _begin(draft)
    return tuple(draft.events)


def _ask_again(draft: _Draft, known: Pending) -> None:
    if known.asked < MOST_ASKED:
        return _ask(draft, known, known.asked + 1)
    detail = f"asked for {known.asked} times, this attempt was never answered: the worker could not do it"
    return draft.tell(
        e.NotificationAttempted(
            id=known.notification.id,
            attempt=known.attempts + 1,
            outcome="failed",
            code="no-answer",
            detail=detail,
            at=draft.now,
        )
    )


def _begin(draft: _Draft) -> None:
    """Ask for the attempts that are due, the longest due first, as many as may be under way."""
    free = draft.state.free_slots
    if not free:
        return
    due = (each for each in draft.state.waiting if each.next_at <= draft.now)
    for known in sorted(due, key=lambda each: each.next_at)[:free]:
        _ask(draft, known, 1)


def _ask(draft: _Draft, known: Pending, asked: int) -> None:
    seconds = min(ANSWER_SECONDS * 2 ** (asked - 1), LONGEST_ANSWER_SECONDS)
    draft.tell(
        e.NotificationDue(
            notification=known.notification,
            sink=draft.state.sink,
            attempt=known.attempts + 1,
            answer_by=draft.now + timedelta(seconds=seconds),
            asked=asked,
        )
    )
