"""Bringing a release into an environment."""

import msgspec
from fastapi import APIRouter

from core.catalog.commands import RequestRollout
from core.catalog.events import APP_EVENTS, RolloutAccepted
from core.environments.release import Release
from core.eventlog.envelope import Position
from core.rollouts.commands import Origin
from gateway.auth import require
from gateway.dependencies import Caller, Gateway, NamePart, Writing
from gateway.errors import ApiError
from gateway.rest.answers import Json, decided, decides
from gateway.rest.apps import app_target, existing_app
from gateway.rest.delivery_inputs import NewDeployment
from gateway.rest.permissions import API
from gateway.rest.releases import release_unknown
from gateway.state import GatewayState
from gateway.writes import Decided
from projections.queries import releases as queries
from projections.queries.rollouts import find_rollout

router = APIRouter(prefix=API, tags=["rollouts"])


class NewRolloutAnswer(msgspec.Struct, frozen=True):
    """The rollout exists from here on; `consistency` makes a read wait for it."""

    rollout_id: str
    app: str
    number: int
    environment: str
    release_id: str
    url: str
    command_id: str
    consistency: str


@router.post("/apps/{app}/deployments", **decides(NewRolloutAnswer, 201))
async def deploy(app: NamePart, body: NewDeployment, gateway: Gateway, write: Writing, caller: Caller) -> Json:
    """Bring a release into an environment: a rollout through its regions, in waves, with one region too."""
    await existing_app(gateway, app)
    if body.override_reason:
        require(caller, "admin")
    command = RequestRollout(
        environment=body.environment,
        release=await _wanted_release(gateway, app, body.release),
        origin=Origin(by=caller.name, groups=caller.groups),
        regions=tuple(body.regions),
        override_reason=body.override_reason or "",
        strategy_override=body.strategy or "",
    )
    return await rollout_answer(gateway, await write.decide(app_target(gateway, app), command))


async def rollout_answer(gateway: GatewayState, answer: Decided) -> Json:
    """The rollout that an app has just accepted; its own stream follows within moments."""
    accepted = _accepted(answer)
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


def _accepted(answer: Decided) -> RolloutAccepted:
    for event in answer.decision.events:
        if event.type == RolloutAccepted.TYPE:
            message = APP_EVENTS.decode(event.type, event.schema_version, event.data)
            assert isinstance(message, RolloutAccepted)
            return message
    raise ApiError(409, "no-rollout", "This made no rollout.", answer.headers)


async def _beginning(gateway: GatewayState, rollout_id: str, answer: Decided) -> Position:
    if answer.replayed and await find_rollout(gateway.services.db, rollout_id):
        return answer.decision.position
    timeout_seconds = gateway.services.settings.read_timeout_seconds
    return await gateway.hub.beginning(f"rollout/{rollout_id}", timeout_seconds) or answer.decision.position


async def _wanted_release(gateway: GatewayState, app: str, name: str | None) -> Release:
    """By its id, `@<environment>`, or the newest. Raises 404 `release-unknown`, 409 `release-ambiguous`."""
    db = gateway.services.db
    if name is None:
        newest = await queries.newest_release(db, app)
        if newest is None:
            raise ApiError(404, "release-unknown", f"App '{app}' has no release yet: a run that deploys makes one.")
        return newest
    if name.startswith("@"):
        return await _release_of(gateway, app, name[1:])
    found = await queries.whole_release(db, app, name)
    if found is None:
        raise release_unknown(app, name)
    return found


async def _release_of(gateway: GatewayState, app: str, environment: str) -> Release:
    deployed = await queries.deployed_releases(gateway.services.db, app, environment)
    by_id = {release.id: release for release in deployed.values()}
    if not by_id:
        raise ApiError(404, "release-unknown", f"Nothing is deployed in {app}/{environment} (yet).")
    if len(by_id) > 1:
        where = ", ".join(f"{region} has {release.id}" for region, release in sorted(deployed.items()))
        raise ApiError(409, "release-ambiguous", f"Regions of {app}/{environment} differ: {where}. Name a release.")
    return next(iter(by_id.values()))
