"""The subscriptions as the views list them, remembered for a moment."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from agents.connectors.notifications.beginnings import NotKnownYet
from core.notifications.notification import Wanted
from core.ports import Clock

# The views are asked at most so often, however many events go by.
LEAST_PAUSE = timedelta(seconds=0.2)


class Subscriber(NamedTuple):
    """An enabled subscription. `since` is when it was created: what happened before does not concern it."""

    name: str
    wanted: Wanted
    since: datetime


class Subscriptions:
    """`load()` asks the views; None: they can't be asked now. For many threads."""

    def __init__(self, load: Callable[[], Sequence[Subscriber] | None], clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Sequence[Subscriber] = ()
        self._loaded_at: datetime | None = None

    def at(self, then: datetime) -> Sequence[Subscriber]:
        """Those there are, as listed after `then`. Raises NotKnownYet: ask again in a moment.

        A clock that is ahead of this one's is believed for a moment only.
        """
        with self._lock:
            now = self._clock.now()
            wanted = min(then, now - LEAST_PAUSE)
            if self._loaded_at is None or self._loaded_at <= wanted:
                self._refresh(now)
            elif self._loaded_at <= then:
                raise NotKnownYet("the subscriptions were listed before this happened")
            return [each for each in self._known if each.since <= then]

    def _refresh(self, now: datetime) -> None:
        found = self._load()
        if found is None:
            raise NotKnownYet("the views can't be asked for the subscriptions")
        self._known, self._loaded_at = found, now
