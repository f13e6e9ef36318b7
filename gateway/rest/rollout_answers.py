"""The answer to whoever asked for a rollout, or for the end of one."""

import msgspec

from core.catalog.events import APP_EVENTS, RolloutAccepted
from core.eventlog.envelope import EventEnvelope, Position, Stream
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided
from gateway.rest.permissions import API
from gateway.state import GatewayState
from gateway.writes import Decided
from projections.queries.rollout_detail import rollout_detail
from projections.queries.rollouts import find_rollout


class NewRolloutAnswer(msgspec.Struct, frozen=True):
    """The rollout exists from here on; `consistency` makes a read wait for it.

    `aborted`: no new one, but that of `release_id`, which is taken back.
    """

    rollout_id: str
    app: str
    number: int
    environment: str
    release_id: str
    url: str
    command_id: str
    consistency: str
    aborted: bool = False


async def rollout_answer(gateway: GatewayState, answer: Decided) -> Json:
    """What became of the request: the rollout that an app accepted, or that a rollout goes back."""
    for event in answer.decision.events:
        if event.type == RolloutAccepted.TYPE:
            return await _accepted(gateway, answer, event)
    stream = Stream.parse(answer.decision.events[0].stream)
    if stream.kind != "rollout":
        raise ApiError(409, "no-rollout", "This made no rollout.", answer.headers)
    return await _aborted(gateway, answer, stream.id)


async def _accepted(gateway: GatewayState, answer: Decided, event: EventEnvelope) -> Json:
    accepted = APP_EVENTS.decode(event.type, event.schema_version, event.data)
    assert isinstance(accepted, RolloutAccepted)
    position = await _beginning(gateway, accepted.rollout_id, answer)
    url = f"{API}/rollouts/{accepted.rollout_id}"
    document = NewRolloutAnswer(
        accepted.rollout_id,
        accepted.app,
        accepted.number,
        accepted.settings.name,
        accepted.release.id,
        url,
        answer.command_id,
        str(position),
    )
    return decided(answer.at(position), 201, document, Location=url)


async def _aborted(gateway: GatewayState, answer: Decided, rollout_id: str) -> Json:
    rollout = await rollout_detail(gateway.services.db, rollout_id)
    if rollout is None:
        raise ApiError(404, "rollout-unknown", f"There is no rollout '{rollout_id}'.", answer.headers)
    url = f"{API}/rollouts/{rollout_id}"
    document = NewRolloutAnswer(
        rollout_id,
        rollout.app,
        rollout.number,
        rollout.environment,
        rollout.release.id,
        url,
        answer.command_id,
        str(answer.decision.position),
        aborted=True,
    )
    return decided(answer, 201, document, Location=url)


async def _beginning(gateway: GatewayState, rollout_id: str, answer: Decided) -> Position:
    """Its own stream follows the app's decision within moments."""
    if answer.replayed and await find_rollout(gateway.services.db, rollout_id):
        return answer.decision.position
    timeout_seconds = gateway.services.settings.read_timeout_seconds
    return await gateway.hub.beginning(f"rollout/{rollout_id}", timeout_seconds) or answer.decision.position
