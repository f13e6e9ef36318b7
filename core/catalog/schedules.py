"""When a cron line is due next in its time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from core.pipeline.plan import Schedule


def next_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first time after `after`, in UTC; None where there is none within 50 years (30 February)."""
    try:
        found = next(CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.timezone))))
    except (CronSimError, StopIteration, KeyError, ValueError):
        return None
    return found.astimezone(UTC)
