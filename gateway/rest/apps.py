"""Apps: what is built, and starting a run of it by hand."""

import msgspec
from fastapi import APIRouter

from core.catalog.commands import APP_COMMANDS, ArchiveApp, CreateApp, SubmitTrigger, UpdateApp
from core.catalog.events import APP_EVENTS, TriggerAccepted
from core.eventlog.envelope import Stream
from core.ids import derived_id
from core.trigger import Trigger
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, answers, decided, decides
from gateway.rest.inputs import AppChanges, NewApp, NewRun
from gateway.rest.permissions import API
from gateway.writes import Decided, Target
from projections.queries import apps as queries
from projections.queries.types import App, Schedule

router = APIRouter(prefix=API, tags=["apps"])
FORGES = ("github", "gitlab", "bitbucket-cloud", "bitbucket-dc", "gitea", "builtin")


class Apps(msgspec.Struct, frozen=True):
    items: tuple[App, ...]


class Schedules(msgspec.Struct, frozen=True):
    items: tuple[Schedule, ...]


class WebhookSetup(msgspec.Struct, frozen=True):
    """What to enter at the forge. `urls` are by forge; the secret is the same for all."""

    app: str
    urls: dict[str, str]
    secret: str


class NewRunAnswer(msgspec.Struct, frozen=True):
    """The run exists from here on; `consistency` makes a read wait for it."""

    run_id: str
    app: str
    number: int
    region: str
    url: str
    command_id: str
    consistency: str


@router.get("/apps", **answers(Apps))
async def list_apps(gateway: Gateway) -> Json:
    """All apps by name, with the newest run of each."""
    return Json(Apps(await queries.list_apps(gateway.services.db)))


@router.post("/apps", **decides(status=201))
async def create_app(body: NewApp, gateway: Gateway, write: Writing) -> Json:
    """Register an app: a repository, and the region its runs live in."""
    region = body.region or gateway.services.topology.home_region
    values = body.model_dump() | {"region": _known_region(gateway, region)}
    answer = await write.decide(_target(gateway, body.name), CreateApp(**values))
    return decided(answer, 201, Location=f"{API}/apps/{body.name}")


@router.get("/apps/{app}", **answers(App))
async def get_app(app: NamePart, gateway: Gateway) -> Json:
    return Json(await _existing(gateway, app))


@router.patch("/apps/{app}", **decides())
async def update_app(app: NamePart, body: AppChanges, gateway: Gateway, write: Writing) -> Json:
    """Change some settings; runs that exist keep what they started with."""
    if body.region is not None:
        _known_region(gateway, body.region)
    return decided(await write.decide(_target(gateway, app), UpdateApp(**body.model_dump())))


@router.delete("/apps/{app}", **decides())
async def archive_app(app: NamePart, gateway: Gateway, write: Writing) -> Json:
    """Archive the app: no further runs, the history stays."""
    return decided(await write.decide(_target(gateway, app), ArchiveApp()))


@router.get("/apps/{app}/webhook", **answers(WebhookSetup))
async def webhook_setup(app: NamePart, gateway: Gateway) -> Json:
    """The webhook URLs and the secret to enter at the forge."""
    await _existing(gateway, app)
    base = gateway.services.settings.public_url.rstrip("/")
    urls = {forge: f"{base}/webhooks/{forge}" for forge in FORGES if forge != "builtin"}
    return Json(WebhookSetup(app, urls, gateway.services.webhook_secret(app)))


@router.get("/apps/{app}/schedules", **answers(Schedules))
async def list_schedules(app: NamePart, gateway: Gateway) -> Json:
    """The cron lines of the pipeline file at the head of the default branch."""
    await _existing(gateway, app)
    return Json(Schedules(await queries.schedules(gateway.services.db, app)))


@router.post("/apps/{app}/runs", **decides(NewRunAnswer, 201))
async def start_run(app: NamePart, body: NewRun, gateway: Gateway, write: Writing) -> Json:
    """Start a run by hand. The pipeline file must allow it (`trigger: manual`), or the run ends as ignored."""
    known = await _existing(gateway, app)
    trigger = _manual_trigger(body, known, write.actor, write.command_id)
    answer = await write.decide(_target(gateway, app), SubmitTrigger(trigger=trigger))
    accepted = _accepted_trigger(answer)
    url = f"{API}/runs/{accepted.run_id}"
    document = NewRunAnswer(
        accepted.run_id, app, accepted.number, accepted.region, url, answer.command_id, str(answer.decision.position)
    )
    return decided(answer, 201, document, Location=url)


def _manual_trigger(body: NewRun, app: App, author: str, command_id: str) -> Trigger:
    branch = "" if body.tag else body.branch or app.default_branch
    return Trigger(
        trigger_id=derived_id("manual", command_id),
        source="manual",
        ref=f"refs/tags/{body.tag}" if body.tag else f"refs/heads/{branch}",
        commit=body.commit or "",
        branch=branch,
        tag=body.tag or "",
        title=body.title,
        author=author,
        inputs=body.inputs,
    )


def _accepted_trigger(answer: Decided) -> TriggerAccepted:
    for event in answer.decision.events:
        if event.type == TriggerAccepted.TYPE:
            message = APP_EVENTS.decode(event.type, event.schema_version, event.data)
            assert isinstance(message, TriggerAccepted)
            return message
    last = answer.decision.events[-1]
    data = msgspec.json.decode(last.data, type=dict[str, object])
    raise ApiError(409, str(data.get("code", "no-run")), str(data.get("detail", "This made no run.")), answer.headers)


async def _existing(gateway: Gateway, name: str) -> App:
    app = await queries.get_app(gateway.services.db, name)
    if app is None:
        detail = f"There is no app '{name}'. GET {API}/apps lists them; POST {API}/apps makes one."
        raise ApiError(404, "app-not-found", detail)
    return app


def _known_region(gateway: Gateway, region: str) -> str:
    regions = gateway.services.topology.regions
    if region not in regions:
        detail = f"There is no region '{region}'. Configured are {', '.join(regions)}."
        raise ApiError(422, "region-unknown", detail, regions=regions)
    return region


def _target(gateway: Gateway, app: str) -> Target:
    return Target(Stream("app", app), gateway.services.topology.home_region, APP_COMMANDS)
