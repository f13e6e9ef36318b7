"""Drafts: a decision of several events applies each to a draft of the state, and reads the next step off it.

A draft costs as much as the entries it touches, not as the state is large: its mappings copy an entry when
it is first looked up. The state itself stays as it is; the shell evolves it by the events once they are decided.
"""

from collections.abc import Iterator
from typing import Any, Protocol, Self, TypeVar


class Draftable(Protocol):
    def draft(self) -> Self:
        """A copy whose changes don't reach the original."""
        ...


V = TypeVar("V", bound=Draftable)
_MISSING: Any = object()


class Overlay(dict[str, V]):
    """A dict over `base` that keeps its own version of each entry it hands out."""

    __slots__ = ("base", "gone")

    def __init__(self, base: dict[str, V]) -> None:
        super().__init__()
        self.base = base
        self.gone: set[str] = set()

    def __missing__(self, key: str) -> V:
        if key in self.gone:
            raise KeyError(key)
        value = self.base[key].draft()
        super().__setitem__(key, value)
        return value

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (key in self.base and key not in self.gone)

    def __setitem__(self, key: str, value: V) -> None:
        self.gone.discard(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        present = key in self
        return self[key] if present else default

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        if key not in self:
            if default is _MISSING:
                raise KeyError(key)
            return default
        value = self[key]
        super().__delitem__(key)
        if key in self.base:
            self.gone.add(key)
        return value

    def peek(self, key: str) -> V:
        """The entry for reading only: it need not be copied."""
        own: V | None = super().get(key)
        if own is not None:
            return own
        if key in self.gone:
            raise KeyError(key)
        return self.base[key]

    def __iter__(self) -> Iterator[str]:
        for key in self.base:
            if key not in self.gone:
                yield key
        for key in super().__iter__():
            if key not in self.base:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None


def peek(entries: dict[str, V], key: str) -> V:
    """The entry for reading only: a draft need not copy it."""
    if isinstance(entries, Overlay):
        overlay: Overlay[V] = entries
        return overlay.peek(key)
    return entries[key]
