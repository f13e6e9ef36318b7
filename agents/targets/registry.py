"""All targets of one region on this machine: `root/<region>/<app>/<environment>`, opened as their last order wants."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from agents.targets.base import Order, Target, TargetFailed
from agents.targets.place import Place
from core.environments.settings import StaticTarget

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_Target = TypeVar("_Target", bound=Target, covariant=True)


class Makers(NamedTuple, Generic[_Target]):
    """What opens a place as a target of each family."""

    service: Callable[[Place], _Target]
    static: Callable[[Place], _Target]


class Targets(Generic[_Target]):
    """One object for each target, for as long as this process lives; what a target knows is on disk."""

    def __init__(self, root: Path, region: str, makers: Makers[_Target]) -> None:
        self._root = root / region
        self._makers = makers
        self._opened: dict[tuple[Path, bool], _Target] = {}

    def of(self, order: Order) -> _Target:
        """The target that the order is for. Raises TargetFailed."""
        place = self.place(order.app, order.environment)
        static = isinstance(order.target, StaticTarget)
        kept = place.kept()
        if kept is not None and isinstance(kept.order.target, StaticTarget) != static and kept.order.wish.sets:
            detail = f"{order.where} is {'no ' if static else 'a '}static target now; take down what runs there first"
            raise TargetFailed("bad-target", detail)
        return self._open(place, static)

    def find(self, app: str, environment: str) -> _Target | None:
        """A target that had an order once. Raises TargetFailed."""
        return self.at(self.place(app, environment))

    def places(self) -> list[Place]:
        """Where there was an order once."""
        found = (place for app in _folders(self._root) for place in _folders(app))
        return [Place(Path(root)) for root in found if os.path.exists(f"{root}/wish.json")]

    def at(self, place: Place) -> _Target | None:
        """The target there; None if it is gone meanwhile. Raises TargetFailed where its order can't be read."""
        kept = place.kept()
        return self._open(place, isinstance(kept.order.target, StaticTarget)) if kept is not None else None

    def place(self, app: str, environment: str) -> Place:
        for name in (app, environment):
            if not _NAME.fullmatch(name):
                raise TargetFailed("bad-target", f"'{name[:100]}' can't name a directory")
        return Place(self._root / app / environment)

    def _open(self, place: Place, static: bool) -> _Target:
        key = (place.root, static)
        if key not in self._opened:
            self._opened[key] = (self._makers.static if static else self._makers.service)(place)
        return self._opened[key]


def _folders(path: str | Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir())
    except (FileNotFoundError, PermissionError):
        return []
