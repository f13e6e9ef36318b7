"""Values in order and deadlines by name, as parts of a state: plain lists that read the same after a restore.

`draft()` gives a copy that costs nothing by its size; see draft.py.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=tuple[Any, ...])


class Ordered(msgspec.Struct, Generic[T]):
    """Distinct tuples, smallest first."""

    items: list[T] = []

    def add(self, item: T) -> None:
        insort(self.items, item)

    def remove(self, item: T) -> None:
        """Harmless where the item is not there."""
        index = bisect_left(self.items, item)
        if index < len(self.items) and self.items[index] == item:
            del self.items[index]

    def first(self) -> T | None:
        return self.items[0] if self.items else None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def draft(self) -> "Ordered[T]":
        return _OrderedDraft(base=self)


class _OrderedDraft(Ordered[T]):
    """`base` without `removed` and with `items`."""

    base: Ordered[T] = msgspec.field(default_factory=Ordered)
    removed: set[T] = set()

    def add(self, item: T) -> None:
        if item in self.removed:
            self.removed.discard(item)
        else:
            insort(self.items, item)

    def remove(self, item: T) -> None:
        if item in self.items:
            self.items.remove(item)
        else:
            self.removed.add(item)

    def first(self) -> T | None:
        kept = next((item for item in self.base.items if item not in self.removed), None)
        if not self.items:
            return kept
        return self.items[0] if kept is None else min(kept, self.items[0])

    def __iter__(self) -> Iterator[T]:
        kept = (item for item in self.base.items if item not in self.removed)
        return merge(kept, self.items) if self.items else kept


class Timers(msgspec.Struct, omit_defaults=True):
    """What is due when, by name."""

    due: dict[str, datetime] = {}
    order: list[tuple[datetime, str]] = []

    def set(self, name: str, at: datetime | None) -> None:
        """Replaces an earlier deadline of that name; None clears it."""
        self.clear(name)
        if at is not None:
            self.due[name] = at
            insort(self.order, (at, name))

    def clear(self, name: str) -> None:
        at = self.due.pop(name, None)
        if at is not None:
            del self.order[bisect_left(self.order, (at, name))]

    def clear_all(self) -> None:
        self.due.clear()
        self.order.clear()

    def first(self) -> datetime | None:
        return self.order[0][0] if self.order else None

    def expired(self, now: datetime) -> list[str]:
        """The names of all deadlines that have come, the earliest first."""
        names = []
        for at, name in self.order:
            if at > now:
                break
            names.append(name)
        return names


class IdleTimers(Timers):
    """Stands for the timers of a draft, which decides nothing by them and is thrown away."""

    def set(self, name: str, at: datetime | None) -> None:
        pass

    def clear(self, name: str) -> None:
        pass

    def clear_all(self) -> None:
        pass
