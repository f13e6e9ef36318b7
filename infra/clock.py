"""The real clock."""

from datetime import UTC, datetime


class SystemClock:
    """See core.ports.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
