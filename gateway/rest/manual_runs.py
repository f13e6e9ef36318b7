"""Starting a run by hand."""

import msgspec
from fastapi import APIRouter

from core.catalog.commands import SubmitTrigger
from core.catalog.events import APP_EVENTS, TriggerAccepted
from core.ids import derived_id
from core.trigger import Trigger
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided, decides
from gateway.rest.apps import app_target, existing_app
from gateway.rest.inputs import NewRun
from gateway.rest.permissions import API
from gateway.writes import Decided
from projections.queries.types import App

router = APIRouter(prefix=API, tags=["apps"])


class NewRunAnswer(msgspec.Struct, frozen=True):
    """The run exists from here on; `consistency` makes a read wait for it."""

    run_id: str
    app: str
    number: int
    region: str
    url: str
    command_id: str
    consistency: str


@router.post("/apps/{app}/runs", **decides(NewRunAnswer, 201))
async def start_run(app: NamePart, body: NewRun, gateway: Gateway, write: Writing) -> Json:
    """Start a run by hand. The pipeline file must allow it (`trigger: manual`), or the run ends as ignored."""
    known = await existing_app(gateway, app)
    trigger = _manual_trigger(body, known, write.actor, write.command_id)
    answer = await write.decide(app_target(gateway, app), SubmitTrigger(trigger=trigger))
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
