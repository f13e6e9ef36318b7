"""The delivery log of a subscription: what it was to be told, what became of it; and telling it (again) on purpose."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query

from core.notifications.cdevents import Occurrence
from core.notifications.commands import Notify
from core.notifications.notification import Notification, notification_of
from gateway.dependencies import Caller, Gateway, IdPart, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.paging import Cursor, Limit
from gateway.rest.permissions import API
from gateway.rest.subscriptions import existing_subscription, subscription_target
from projections.queries import notifications as queries
from projections.queries.notification_types import NotificationDetail, NotificationLine, NotificationState
from projections.queries.types import Page

router = APIRouter(prefix=API, tags=["notifications"])


class Sending(msgspec.Struct, frozen=True):
    """It is on its way; the delivery log says what becomes of it under this id."""

    subscription: str
    id: str
    consistency: str


@router.post("/subscriptions/{name}/test", **decides(Sending))
async def send_test(name: NamePart, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Send an event that only says that it is a test, whatever the subscription wants else."""
    occurrence = Occurrence(
        "subscription.tested",
        write.command_id,
        gateway.services.clock.now(),
        subject=name,
        content={"by": caller.name, "message": "This is a test: nothing has happened."},
    )
    title = f"Test of the subscription '{name}' by {caller.name}"
    return await _send(gateway, write, name, notification_of(occurrence, _source(gateway), name, title=title))


@router.get("/subscriptions/{name}/deliveries", **answers(Page[NotificationLine]))
async def list_notifications(
    name: NamePart,
    gateway: Gateway,
    state: Annotated[NotificationState | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Json:
    """What it was to be told, newest first, and what became of each."""
    await existing_subscription(gateway, name)
    return Json(await queries.list_notifications(gateway.services.db, name, state, cursor, limit))


@router.get("/subscriptions/{name}/deliveries/{delivery}", **answers(NotificationDetail))
async def get_notification(name: NamePart, delivery: IdPart, gateway: Gateway) -> Json:
    """One of them, with the event and every attempt."""
    return Json(await _existing(gateway, name, delivery))


@router.post("/subscriptions/{name}/deliveries/{delivery}/redeliver", **decides(Sending))
async def redeliver_notification(name: NamePart, delivery: IdPart, gateway: Gateway, write: Writing) -> Json:
    """Deliver it (again) now, under the same id. One that waits for its next attempt waits no longer."""
    found = await _existing(gateway, name, delivery)
    return await _send(gateway, write, name, found.notification())


async def _send(gateway: Gateway, write: Writing, name: str, notification: Notification) -> Json:
    command = Notify(notification=notification, manual=True)
    answer = await write.decide(subscription_target(gateway, name), command)
    return decided(answer, 200, Sending(name, notification.id, str(answer.decision.position)))


async def _existing(gateway: Gateway, name: str, delivery: str) -> NotificationDetail:
    """Raises 404 `subscription-unknown` or `notification-unknown`."""
    await existing_subscription(gateway, name)
    found = await queries.get_notification(gateway.services.db, name, delivery)
    if found is None:
        raise ApiError(404, "notification-unknown", f"Subscription '{name}' has no delivery '{delivery}'.")
    return found


def _source(gateway: Gateway) -> str:
    return gateway.services.settings.public_url
