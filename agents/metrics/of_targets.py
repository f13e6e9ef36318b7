"""The instances of a region as its targets on this machine know them."""

from collections.abc import Iterator, Sequence

from agents.metrics.base import Instance, NotKnown, Place
from agents.targets.base import Target, TargetFailed
from agents.targets.place import Place as Directory
from agents.targets.registry import Targets
from core.deployments.target_state import TargetStatus


class TargetInstances:
    """See base.Instances. A place without a target has no instances; so has one of files."""

    def __init__(self, targets: Targets[Target]) -> None:
        self._targets = targets

    def of(self, place: Place) -> Sequence[Instance]:
        try:
            found = self._targets.find(place.app, place.environment)
            return list(_instances(self._targets.place(place.app, place.environment), found)) if found else ()
        except TargetFailed as error:
            raise NotKnown(str(error)) from error

    def everywhere(self) -> Sequence[Instance]:
        return [each for directory in self._targets.places() for each in self._readable(directory)]

    def status(self, place: Place) -> TargetStatus:
        try:
            found = self._targets.find(place.app, place.environment)
            return found.status() if found else TargetStatus()
        except TargetFailed as error:
            raise NotKnown(str(error)) from error

    def _readable(self, directory: Directory) -> Sequence[Instance]:
        try:
            target = self._targets.at(directory)
            return list(_instances(directory, target)) if target else ()
        except TargetFailed:
            return ()


def _instances(directory: Directory, target: Target) -> Iterator[Instance]:
    kept = directory.kept()
    if kept is None:
        return
    order = kept.order
    path = getattr(order.target, "metrics_path", "")
    for each in target.addresses() if path else ():
        place = Place(order.app, order.environment, order.region)
        yield Instance(place, each.set_name, each.release_id, each.url, each.ready, path)
