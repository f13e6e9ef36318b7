"""Starting a run by hand."""

import msgspec
from fastapi import APIRouter

from core.catalog.commands import SubmitTrigger
from gateway.dependencies import Gateway, NamePart, Writing
from gateway.rest.answers import Json, decided, decides
from gateway.rest.apps import app_target, existing_app
from gateway.rest.inputs import NewRun
from gateway.rest.manual_triggers import accepted_trigger, manual_trigger
from gateway.rest.permissions import API
from gateway.rest.run_lookup import beginning_of_run

router = APIRouter(prefix=API, tags=["apps"])
_DEFAULT_BRANCH = NewRun()


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
async def start_run(app: NamePart, gateway: Gateway, write: Writing, body: NewRun = _DEFAULT_BRANCH) -> Json:
    """Start a run by hand. The pipeline file must allow it (`trigger: manual`), or the run ends as ignored."""
    known = await existing_app(gateway, app)
    trigger = manual_trigger(body, known, write.actor, write.command_id)
    answer = await write.decide(app_target(gateway, app), SubmitTrigger(trigger=trigger))
    accepted = accepted_trigger(answer)
    position = await beginning_of_run(gateway, accepted.run_id, answer)
    url = f"{API}/runs/{accepted.run_id}"
    document = NewRunAnswer(
        accepted.run_id, app, accepted.number, accepted.region, url, answer.command_id, str(position)
    )
    return decided(answer.at(position), 201, document, Location=url)
