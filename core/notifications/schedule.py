"""When a delivery is tried again: the schedule that Standard Webhooks recommends, with some jitter."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

# From one attempt to the next: ten attempts in all, over a little more than three days.
DELAYS_SECONDS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
ATTEMPTS: Final = len(DELAYS_SECONDS) + 1
LONGEST_RETRY_AFTER_SECONDS: Final = 86_400.0
JITTER: Final = 0.1


def next_attempt_at(identity: str, attempt: int, now: datetime, retry_after_seconds: float | None) -> datetime | None:
    """When to try again after attempt number `attempt` failed at `now`; None: never.

    The endpoint may ask for more time, up to a day. The jitter is the same for the same attempt.
    """
    if attempt >= ATTEMPTS:
        return None
    seconds = DELAYS_SECONDS[attempt - 1] * (1 + JITTER * _fraction(f"{identity}/{attempt}"))
    asked = min(retry_after_seconds or 0.0, LONGEST_RETRY_AFTER_SECONDS)
    return now + timedelta(seconds=max(seconds, asked))


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
