"""Subscriptions: who is told of what happens, and with which secret that is signed."""

from datetime import datetime

import msgspec
from fastapi import APIRouter

from core.eventlog.envelope import Stream
from core.notifications.commands import (
    SUBSCRIPTION_COMMANDS,
    CreateSubscription,
    DisableSubscription,
    EnableSubscription,
    RotateSecret,
    UpdateSubscription,
)
from core.notifications.notification import Sink, Wanted
from core.notifications.signing import secret_text
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.permissions import API
from gateway.rest.subscription_inputs import Disabling, NewSubscription, Rotation, SubscriptionChanges
from gateway.writes import Target
from projections.queries import notifications as queries
from projections.queries.notification_types import Subscription

router = APIRouter(prefix=API, tags=["notifications"])
_NO_REASON, _A_DAY = Disabling(), Rotation()  # type: ignore[call-arg]


class Subscriptions(msgspec.Struct, frozen=True):
    items: tuple[Subscription, ...]


class SigningSecret(msgspec.Struct, frozen=True):
    """What the receiver verifies with (Standard Webhooks). `old_secret` signs too until `old_secret_until`."""

    subscription: str
    secret: str
    old_secret: str | None = None
    old_secret_until: datetime | None = None


@router.get("/subscriptions", **answers(Subscriptions))
async def list_subscriptions(gateway: Gateway) -> Json:
    """All subscriptions by name, with how the newest attempt of each ended."""
    return Json(Subscriptions(await queries.list_subscriptions(gateway.services.db)))


@router.post("/subscriptions", **decides(status=201))
async def create_subscription(body: NewSubscription, gateway: Gateway, write: Writing) -> Json:
    """Tell somebody of what happens from now on: a webhook, a Slack channel or an e-mail address."""
    sink = Sink(body.kind, body.url, body.url_secret, body.address, body.signing_secret)
    wanted = Wanted(tuple(body.types), tuple(body.apps), tuple(body.environments))
    command = CreateSubscription(name=body.name, sink=sink, wanted=wanted)
    answer = await write.decide(subscription_target(gateway, body.name), command)
    return decided(answer, 201, Location=f"{API}/subscriptions/{body.name}")


@router.get("/subscriptions/{name}", **answers(Subscription))
async def get_subscription(name: NamePart, gateway: Gateway) -> Json:
    return Json(await existing_subscription(gateway, name))


@router.patch("/subscriptions/{name}", **decides())
async def update_subscription(name: NamePart, body: SubscriptionChanges, gateway: Gateway, write: Writing) -> Json:
    """Change where to or what is wanted; what waits goes to the new address."""
    values = body.model_dump()
    lists = {key: tuple(values[key]) for key in ("types", "apps", "environments") if values[key] is not None}
    return decided(await write.decide(subscription_target(gateway, name), UpdateSubscription(**(values | lists))))


@router.post("/subscriptions/{name}/enable", **decides())
async def enable_subscription(name: NamePart, gateway: Gateway, write: Writing) -> Json:
    """Begin to send again. What was dropped meanwhile can be delivered again one by one."""
    return decided(await write.decide(subscription_target(gateway, name), EnableSubscription(by=write.actor)))


@router.post("/subscriptions/{name}/disable", **decides())
async def disable_subscription(name: NamePart, gateway: Gateway, write: Writing, body: Disabling = _NO_REASON) -> Json:
    """Send nothing any more; what waits is dropped, on record."""
    command = DisableSubscription(by=write.actor, reason=body.reason)
    return decided(await write.decide(subscription_target(gateway, name), command))


@router.get("/subscriptions/{name}/secret", **answers(SigningSecret))
async def signing_secret(name: NamePart, gateway: Gateway) -> Json:
    """The secret to enter at the receiver of a webhook. One that the settings name is not shown."""
    found = await existing_subscription(gateway, name)
    if found.kind != "webhook" or found.signing_secret:
        why = f"secret '{found.signing_secret}' of the settings signs" if found.signing_secret else "it signs nothing"
        raise ApiError(409, "secret-not-ours", f"Subscription '{name}' has no secret of the installation: {why}.")
    key, version = gateway.services.signing_key, found.secret_version
    until = found.old_secret_until
    if until is None or until <= gateway.services.clock.now():
        return Json(SigningSecret(name, secret_text(key(name, version))))
    return Json(SigningSecret(name, secret_text(key(name, version)), secret_text(key(name, version - 1)), until))


@router.post("/subscriptions/{name}/secret/rotate", **decides())
async def rotate_secret(name: NamePart, gateway: Gateway, write: Writing, body: Rotation = _A_DAY) -> Json:
    """Sign with a new secret from now on, and with the old one too for a time."""
    command = RotateSecret(keep_old_seconds=body.keep_old_seconds)
    return decided(await write.decide(subscription_target(gateway, name), command))


async def existing_subscription(gateway: Gateway, name: str) -> Subscription:
    """Raises 404 `subscription-unknown`."""
    found = await queries.get_subscription(gateway.services.db, name)
    if found is None:
        raise ApiError(404, "subscription-unknown", f"There is no subscription '{name}'.", see=f"{API}/subscriptions")
    return found


def subscription_target(gateway: Gateway, name: str) -> Target:
    return Target(Stream("subscription", name), gateway.services.topology.home_region, SUBSCRIPTION_COMMANDS)
