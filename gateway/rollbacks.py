"""What a rollback by hand goes back to, region by region. Pure: it looks at what the views remember of each place."""

from collections.abc import Mapping, Sequence

import msgspec

from core.environments.release import Release
from core.environments.state import EnvironmentState
from gateway.errors import ApiError

Places = Mapping[str, EnvironmentState]


class RollbackPlan(msgspec.Struct, frozen=True):
    """`releases` by region, what is gone back to; `leaving` the latest contract migration that is gone back over, or
    what is there now."""

    releases: dict[str, Release]
    leaving: Release


def plan_rollback(where: str, places: Places, regions: Sequence[str], to: str | None, named: bool) -> RollbackPlan:
    """`where` is `<app>/<environment>`, `named`: somebody chose just these regions.

    With `to` all of them go there. Without it each goes to what was there before; where nobody named regions, all must
    have the same release now. Raises 409 `nothing-to-roll-back-to` or `regions-differ`, 404 `release-unknown`.
    """
    used = {region: places[region] for region in regions if region in places and places[region].current is not None}
    if not used:
        raise _nothing(f"Nothing was ever deployed in {where}.")
    if not to and not named:
        _insist_on_one_release(where, used)
    releases = _to_release(where, used, to) if to else _to_previous(where, used)
    return RollbackPlan(releases, _leaving(used, releases))


def _to_release(where: str, places: Places, to: str) -> dict[str, Release]:
    found = {region: _kept(where, region, place, to) for region, place in places.items()}
    moving = {region: release for region, release in found.items() if _current(places[region]).id != to}
    if not moving:
        raise _nothing(f"{where} is on release {to} already.")
    return moving


def _to_previous(where: str, places: Places) -> dict[str, Release]:
    found: dict[str, Release] = {}
    for region, place in places.items():
        if place.previous is None:
            detail = f"{where} had no healthy release in {region} before {_current(place).id} that isn't quarantined"
            raise _nothing(f"{detail}; name one with 'to', or the regions that shall go back.")
        found[region] = place.previous
    return found


def _insist_on_one_release(where: str, places: Places) -> None:
    """Which of several releases is the bad one nobody but the caller knows."""
    if len({_current(place).id for place in places.values()}) > 1:
        now = ", ".join(f"{region} has {_current(place).id}" for region, place in places.items())
        detail = f"The regions of {where} differ: {now}. Name those that shall go back, or a release with 'to'."
        raise ApiError(409, "regions-differ", detail)


def _kept(where: str, region: str, place: EnvironmentState, to: str) -> Release:
    for each in place.kept:
        if each.release.id == to:
            return each.release
    known = ", ".join(each.release.id for each in reversed(place.kept))
    raise ApiError(404, "release-unknown", f"{where} keeps no release {to} in {region}; it keeps {known}.")


def _leaving(places: Places, releases: Mapping[str, Release]) -> Release:
    left = [each for region, release in releases.items() for each in places[region].gone_over(release.id)]
    contracts = [each for each in left if each.incompatible_before]
    return contracts[-1] if contracts else _current(places[next(iter(releases))])


def _current(place: EnvironmentState) -> Release:
    assert place.current is not None
    return place.current.release


def _nothing(detail: str) -> ApiError:
    return ApiError(409, "nothing-to-roll-back-to", detail)
