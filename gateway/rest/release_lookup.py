"""Finding the release that a request names. Raises 404 problems that say what to do."""

from core.environments.release import Release
from gateway.errors import ApiError
from gateway.rest.permissions import API
from gateway.state import GatewayState
from projections.queries import releases as queries


async def wanted_release(gateway: GatewayState, app: str, name: str | None) -> Release:
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


def release_unknown(app: str, release: str) -> ApiError:
    detail = f"App '{app}' has no release '{release}'."
    return ApiError(404, "release-unknown", detail, see=f"{API}/releases?app={app}")
