"""Texts with a meaning: durations, sizes, cores, cron lines, time zones. Each parser answers or raises ValueError."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_PRECISE = re.compile(r"(\d{1,9})ms|(\d{1,9}\.\d{1,3})s", re.ASCII)
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)(|[KMGT]i?)B?", re.ASCII)
_CORES = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)|(\d{1,7})m", re.ASCII)
_UNITS = {
    "": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 1 << 10,
    "Mi": 1 << 20,
    "Gi": 1 << 30,
    "Ti": 1 << 40,
}


def duration_seconds(text: str) -> int:
    """`90s`, `10m`, `1h30m`, `2d`, or plain seconds."""
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return int(text)
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError("a duration is written like 90s, 10m or 1h30m, or as plain seconds")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def precise_seconds(text: str) -> float:
    """The same, and parts of a second: `500ms`, `1.5s`."""
    found = _PRECISE.fullmatch(text)
    if found is None:
        return float(duration_seconds(text))
    return int(found[1]) / 1000 if found[1] else float(found[2])


def show_duration(seconds: float) -> str:
    """The shortest way to write it: 3600 -> 1h."""
    if seconds != int(seconds):
        return f"{seconds * 1000:g}ms"
    seconds = int(seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def size_bytes(text: str) -> int:
    """`512Mi`, `4Gi`, `1.5G`, or plain bytes."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError("a size is written like 512Mi or 4Gi")
    return int(float(found[1]) * _UNITS[found[2]])


def cores(text: str) -> float:
    """`2`, `0.5`, or thousandths: `500m`."""
    found = _CORES.fullmatch(text)
    if found is None:
        raise ValueError("cpu is written in cores like 2 or 0.5, or in thousandths like 500m")
    return float(found[1]) if found[1] else int(found[2]) / 1000


@lru_cache(maxsize=1024)
def check_cron(text: str) -> None:
    """Five fields: minute, hour, day, month, weekday; and there must be such a day."""
    if len(text) > 100 or len(text.split()) != 5:
        raise ValueError("a cron line has five fields: minute hour day month weekday, for example '0 3 * * 1-5'")
    try:
        next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"not a cron line: {str(error).lower()}") from None
    except StopIteration:
        raise ValueError("this cron line never comes due: there is no such day") from None


@lru_cache(maxsize=1024)
def check_timezone(text: str) -> None:
    """An IANA name such as Europe/Berlin."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone; names look like UTC or Europe/Berlin") from None
