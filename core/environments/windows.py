"""When an environment is closed to deployments: freezes, and times outside its windows. Cron lines in time zones."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from core.catalog.schedules import next_time
from core.environments.settings import Window
from core.pipeline.plan import Schedule

# Windows that follow each other without a gap are followed so far; whoever waits asks again then.
FOLLOWED: Final = 100


class Closed(NamedTuple):
    """Why nothing is let in now, and when that ends; None: not by itself."""

    reason: str
    opens_at: datetime | None


def closed(freezes: tuple[Window, ...], windows: tuple[Window, ...], now: datetime) -> Closed | None:
    """None where a deployment may start now."""
    first = shut = _shut(freezes, windows, now)
    opens_at = now
    for _ in range(FOLLOWED):
        if shut is None or shut.opens_at is None:
            break
        opens_at = shut.opens_at
        shut = _shut(freezes, windows, opens_at)
    if first is None:
        return None
    return Closed(first.reason, None if shut is not None and shut.opens_at is None else opens_at)


def _shut(freezes: tuple[Window, ...], windows: tuple[Window, ...], at: datetime) -> Closed | None:
    frozen = [(end, each) for each in freezes if (end := ends_at(each, at)) is not None]
    if frozen:
        end, freeze = max(frozen, key=lambda found: found[0])
        return Closed(f"frozen until {local(end, freeze.timezone)} (freeze '{freeze.cron}')", end)
    if not windows or any(ends_at(each, at) is not None for each in windows):
        return None
    coming = [(start, each) for each in windows if (start := _starts_after(each, at)) is not None]
    if not coming:
        return Closed("outside its deployment windows, none of which comes again", None)
    start, window = min(coming, key=lambda found: found[0])
    return Closed(f"outside its deployment windows; the next one opens {local(start, window.timezone)}", start)


def ends_at(window: Window, at: datetime) -> datetime | None:
    """When the window that `at` lies in is over; those that touch count as one. None where it lies in none."""
    duration = timedelta(seconds=window.duration_seconds)
    start = _starts_after(window, at - duration)
    if start is None or start > at:
        return None
    for _ in range(FOLLOWED):
        following = _starts_after(window, start)
        if following is None or following > start + duration:
            break
        start = following
    return start + duration


def _starts_after(window: Window, at: datetime) -> datetime | None:
    return next_time(Schedule(window.cron, window.timezone), at)


def local(at: datetime, timezone: str) -> str:
    """As people of that time zone write it."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"
