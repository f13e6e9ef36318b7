"""Orders to go back that could not be fulfilled in their deployment's time: they are gone on with all the same."""

import logging
import threading
import time

from agents.targets.base import Order, StaleEpoch, Superseded, Target, TargetFailed
from agents.targets.place import Kept, Place

_log = logging.getLogger("sealane.deployer")


class Unreached:
    """Tells the orders that stand still by their age; whoever works on one meanwhile loses nothing by another one."""

    def __init__(self, resume_seconds: float) -> None:
        self._resume_seconds = resume_seconds
        self._since: dict[Place, tuple[str, float]] = {}

    def look(self, place: Place, target: Target, kept: Kept) -> None:
        """Called every now and then. Returns at once."""
        if kept.reached or not kept.order.wish.at_once:
            self._since.pop(place, None)
            return
        event_id, since = self._since.get(place, ("", 0.0))
        now = time.monotonic()
        if event_id != kept.order.event_id:
            self._since[place] = (kept.order.event_id, now)
        elif now - since > self._resume_seconds:
            self._since[place] = (event_id, now)
            threading.Thread(target=_resume, args=(target, kept.order), daemon=True).start()


def _resume(target: Target, order: Order) -> None:
    try:
        target.converge(order, lambda: False)
        _log.info("%s is back on what it was last asked for", order.where)
    except (StaleEpoch, Superseded):
        return
    except TargetFailed as error:
        _log.warning("%s still can't go back: %s", order.where, error)
