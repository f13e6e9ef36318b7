"""A clock that only moves when told: time in unit tests and in the simulation."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """See core.ports.Clock."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def seconds(self) -> float:
        """Since 1970."""
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
