"""What an app's forge must know, and when the app runs by itself."""

import msgspec
from fastapi import APIRouter

from gateway.dependencies import Gateway, NamePart
from gateway.rest.answers import Json, answers
from gateway.rest.apps import existing_app
from gateway.rest.permissions import API
from projections.queries import apps as queries
from projections.queries.types import Schedule

router = APIRouter(prefix=API, tags=["apps"])
FORGES = ("github", "gitlab", "bitbucket-cloud", "bitbucket-dc", "gitea", "builtin")


class Schedules(msgspec.Struct, frozen=True):
    items: tuple[Schedule, ...]


class WebhookSetup(msgspec.Struct, frozen=True):
    """What to enter at the forge. `urls` are by forge; the secret is the same for all."""

    app: str
    urls: dict[str, str]
    secret: str


@router.get("/apps/{app}/webhook", **answers(WebhookSetup))
async def webhook_setup(app: NamePart, gateway: Gateway) -> Json:
    """The webhook URLs and the secret to enter at the forge."""
    await existing_app(gateway, app)
    base = gateway.services.settings.public_url.rstrip("/")
    urls = {forge: f"{base}/webhooks/{forge}" for forge in FORGES if forge != "builtin"}
    return Json(WebhookSetup(app, urls, gateway.services.webhook_secret(app)))


@router.get("/apps/{app}/schedules", **answers(Schedules))
async def list_schedules(app: NamePart, gateway: Gateway) -> Json:
    """The cron lines of the pipeline file at the head of the default branch."""
    await existing_app(gateway, app)
    return Json(Schedules(await queries.schedules(gateway.services.db, app)))
