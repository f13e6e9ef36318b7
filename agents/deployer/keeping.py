"""Every second: each target is kept as its last order wants it, and deployments hear of what has changed by itself."""

import logging
import threading
import time
from typing import NamedTuple

from agents.deployer.reports import Reports
from agents.deployer.unreached import Unreached
from agents.targets.base import Order, Target, TargetFailed
from agents.targets.place import Place
from agents.targets.registry import Targets
from core.deployments.commands import ReportHealth
from core.deployments.target_state import TargetStatus

PERIOD_SECONDS = 1.0
# An order to go back that nobody asks about any more is gone on with after so long, and again and again.
RESUME_SECONDS = 30.0
# A target that could not be read so often in a row is lost.
FAILURES_BEFORE_LOST = 5
_log = logging.getLogger("sealane.deployer")

# Of each wished set: name, running, ready, weight, restarts.
Shape = tuple[tuple[str, int, int, int, int], ...]


class _Said(NamedTuple):
    """What was last reported, of which order."""

    event_id: str
    shape: Shape
    lost: bool


class Keeper:
    """One thread for all targets of a region."""

    def __init__(self, targets: Targets[Target], reports: Reports, resume_seconds: float = RESUME_SECONDS) -> None:
        self._targets = targets
        self._reports = reports
        self._unreached = Unreached(resume_seconds)
        self._said: dict[Place, _Said] = {}
        self._failures: dict[Place, int] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            began = time.monotonic()
            self.look()
            stop.wait(max(0.05, PERIOD_SECONDS - (time.monotonic() - began)))

    def look(self) -> None:
        """Once over all targets; what is wrong with one is no matter of the others."""
        for place in self._targets.places():
            try:
                target = self._targets.at(place)
                if target is not None:
                    self._look_at(place, target)
            except Exception:
                _log.exception("the target in %s can't be looked after", place.root)

    def _look_at(self, place: Place, target: Target) -> None:
        reason = ""
        try:
            target.keep()
            status = target.status()
            self._failures[place] = 0
        except TargetFailed as error:
            reason, status = error.detail, TargetStatus()
            self._failures[place] = self._failures.get(place, 0) + 1
            _log.warning("the target in %s: %s", place.root, reason)
        kept = place.kept()
        if kept is not None:
            self._unreached.look(place, target, kept)
        lost = self._failures[place] >= FAILURES_BEFORE_LOST
        if kept is not None and kept.reached and not kept.over and (lost or not reason):
            self._tell(place, kept.order, status, lost, reason)

    def _tell(self, place: Place, order: Order, status: TargetStatus, lost: bool, reason: str) -> None:
        said = _Said(order.event_id, shape_of(order, status), lost)
        if self._said.get(place) == said:
            return
        now = self._reports.now()
        command = ReportHealth(epoch=order.epoch, status=status, lost=lost, detail=reason if lost else "", at=now)
        if self._reports.health(order, command, f"health {now.isoformat()}"):
            self._said[place] = said


def shape_of(order: Order, status: TargetStatus) -> Shape:
    wished = {each.name for each in order.wish.sets}
    return tuple(
        (each.name, each.running, each.ready, each.weight, each.restarts) for each in status.sets if each.name in wished
    )
