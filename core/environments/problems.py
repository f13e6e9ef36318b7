"""One thing that is wrong with the settings of an environment."""

import math
from collections.abc import Iterator

import msgspec


class SettingsProblem(msgspec.Struct, frozen=True):
    """`path` names the field, `code` is stable kebab-case."""

    path: str
    code: str
    message: str

    def under(self, path: str) -> "SettingsProblem":
        return SettingsProblem(f"{path}.{self.path}" if self.path else path, self.code, self.message)


def at_least(least: float, path: str, value: float) -> Iterator[SettingsProblem]:
    """Infinite values are none."""
    if not math.isfinite(value) or value < least:
        yield SettingsProblem(path, "out-of-bounds", f"{value:g} is out of bounds; it is at least {least:g}")


def within(low: float, high: float, path: str, value: float) -> Iterator[SettingsProblem]:
    if not low <= value <= high:
        message = f"{value:g} is out of bounds; it is from {low:g} to {high:g}"
        yield SettingsProblem(path, "out-of-bounds", message)
