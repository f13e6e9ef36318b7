"""Subscriptions, their notifications and the attempts to deliver them."""

from typing import Any

from core.notifications.events import (
    NotificationAttempted,
    NotificationDropped,
    NotificationHurried,
    NotificationQueued,
    SecretRotated,
    SubscriptionCreated,
    SubscriptionDisabled,
    SubscriptionEnabled,
    SubscriptionUpdated,
)
from core.notifications.notification import Notification
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.notifications import notification_attempts, notifications, subscriptions
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("subscription")
_STATES = {"delivered": "delivered", "retry": "pending", "failed": "failed"}


@HANDLERS.on(SubscriptionCreated)
def created(fact: Fact, changes: Changes) -> None:
    changes.put(
        subscriptions,
        name=fact.id,
        enabled=True,
        created_by=fact.event.actor,
        created_at=fact.at,
        updated_at=fact.at,
        **_settings(fact.message),
    )


@HANDLERS.on(SubscriptionUpdated)
def updated(fact: Fact, changes: Changes) -> None:
    changes.set(subscriptions, (fact.id,), updated_at=fact.at, **_settings(fact.message))


def _settings(message: SubscriptionCreated | SubscriptionUpdated) -> dict[str, Any]:
    sink, wanted = message.sink, message.wanted
    return {
        "kind": sink.kind,
        "url": sink.url,
        "url_secret": sink.url_secret,
        "address": sink.address,
        "signing_secret": sink.signing_secret,
        "secret_version": sink.secret_version,
        "old_secret_until": sink.old_secret_until,
        "types": as_json(wanted.types),
        "apps": as_json(wanted.apps),
        "environments": as_json(wanted.environments),
    }


@HANDLERS.on(SecretRotated)
def secret_rotated(fact: Fact, changes: Changes) -> None:
    message: SecretRotated = fact.message
    changes.set(
        subscriptions,
        (fact.id,),
        secret_version=message.version,
        old_secret_until=message.old_until,
        updated_at=fact.at,
    )


@HANDLERS.on(SubscriptionEnabled)
def enabled(fact: Fact, changes: Changes) -> None:
    cleared = {"disabled_code": "", "disabled_detail": "", "disabled_by": "", "disabled_at": None}
    changes.set(subscriptions, (fact.id,), enabled=True, updated_at=fact.at, **cleared)


@HANDLERS.on(SubscriptionDisabled)
def disabled(fact: Fact, changes: Changes) -> None:
    message: SubscriptionDisabled = fact.message
    changes.set(
        subscriptions,
        (fact.id,),
        enabled=False,
        disabled_code=message.code,
        disabled_detail=message.detail,
        disabled_by=message.by,
        disabled_at=fact.at,
        updated_at=fact.at,
    )
    why = "the subscription was disabled while it waited"
    for identity in message.dropped:
        _end(fact, changes, identity, state="dropped", code="subscription-disabled", detail=why)


@HANDLERS.on(NotificationQueued)
def queued(fact: Fact, changes: Changes) -> None:
    message: NotificationQueued = fact.message
    changes.put(notifications, state="pending", next_at=fact.at, queued_at=fact.at, **_row(fact, message.notification))


@HANDLERS.on(NotificationDropped)
def dropped(fact: Fact, changes: Changes) -> None:
    message: NotificationDropped = fact.message
    changes.put(
        notifications,
        state="dropped",
        code=message.code,
        detail=message.detail,
        queued_at=fact.at,
        ended_at=fact.at,
        **_row(fact, message.notification),
    )


def _row(fact: Fact, notification: Notification) -> dict[str, Any]:
    return {
        "subscription": fact.id,
        "id": notification.id,
        "type": notification.type,
        "title": notification.title,
        "app": notification.app,
        "environment": notification.environment,
        "region": notification.region,
        "link": notification.link,
        "tone": notification.tone,
        "event": as_json(notification.event),
    }


@HANDLERS.on(NotificationHurried)
def hurried(fact: Fact, changes: Changes) -> None:
    changes.set(notifications, (fact.id, fact.message.id), next_at=fact.at)


@HANDLERS.on(NotificationAttempted)
def attempted(fact: Fact, changes: Changes) -> None:
    message: NotificationAttempted = fact.message
    told = {"status": message.status, "code": message.code, "detail": message.detail}
    changes.put(
        notification_attempts,
        subscription=fact.id,
        id=message.id,
        stream_version=fact.event.stream_version,
        attempt=message.attempt,
        outcome=message.outcome,
        duration_ms=message.duration_ms,
        at=fact.at,
        **told,
    )
    told |= {"state": _STATES[message.outcome], "attempts": message.attempt}
    if message.next_at is None:
        _end(fact, changes, message.id, **told)
    else:
        changes.set(notifications, (fact.id, message.id), next_at=message.next_at, **told)


def _end(fact: Fact, changes: Changes, identity: str, **told: Any) -> None:
    changes.set(notifications, (fact.id, identity), next_at=None, ended_at=fact.at, **told)
