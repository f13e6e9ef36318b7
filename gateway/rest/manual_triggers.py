"""A run by hand as the app is asked for it, and what the app made of it."""

import msgspec

from core.catalog.events import APP_EVENTS, TriggerAccepted
from core.ids import derived_id
from core.trigger import Trigger
from gateway.errors import ApiError
from gateway.rest.inputs import NewRun
from gateway.writes import Decided
from projections.queries.types import App


def manual_trigger(body: NewRun, app: App, author: str, command_id: str) -> Trigger:
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


def accepted_trigger(answer: Decided) -> TriggerAccepted:
    """Raises 409 with the app's code when it made no run of the trigger."""
    for event in answer.decision.events:
        if event.type == TriggerAccepted.TYPE:
            message = APP_EVENTS.decode(event.type, event.schema_version, event.data)
            assert isinstance(message, TriggerAccepted)
            return message
    last = answer.decision.events[-1]
    data = msgspec.json.decode(last.data, type=dict[str, object])
    raise ApiError(409, str(data.get("code", "no-run")), str(data.get("detail", "This made no run.")), answer.headers)
