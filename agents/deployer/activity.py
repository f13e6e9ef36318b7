"""Which deployment a target still has to tell about its health: from its first action to its end, or its watch's."""

from pathlib import Path

import msgspec

from agents.targets.place import Place, read_json, write_json


class _Active(msgspec.Struct, frozen=True, omit_defaults=True):
    deployment_id: str
    watching: bool = False


def begin(place: Place, deployment_id: str) -> None:
    active = _read(place)
    if active is None or active.deployment_id != deployment_id:
        write_json(_path(place), _Active(deployment_id))


def watch(place: Place, deployment_id: str) -> None:
    """The end of the deployment, which is said in the same breath, is not the end of its watch."""
    if _is_of(place, deployment_id):
        write_json(_path(place), _Active(deployment_id, watching=True))


def finish(place: Place, deployment_id: str, watched: bool) -> None:
    """The deployment's end, or with `watched` that of its watch."""
    active = _read(place)
    if active is not None and active.deployment_id == deployment_id and (watched or not active.watching):
        _path(place).unlink(missing_ok=True)


def active(place: Place) -> str | None:
    """The deployment that listens."""
    found = _read(place)
    return found.deployment_id if found is not None else None


def _is_of(place: Place, deployment_id: str) -> bool:
    kept = place.kept()
    return kept is not None and kept.order.deployment_id == deployment_id


def _read(place: Place) -> _Active | None:
    return read_json(_path(place), _Active)


def _path(place: Place) -> Path:
    return place.root / "active.json"
