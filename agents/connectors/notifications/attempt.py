"""One attempt to deliver a notification: what is asked of a sink, how it ended, and where secrets come from."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, Protocol

from core.notifications.notification import Notification, Sink


class Outcome(NamedTuple):
    """How an attempt ended; as ReportAttempt says it."""

    ok: bool
    status: int = 0
    code: str = ""
    detail: str = ""
    gone: bool = False
    final: bool = False
    retry_after_seconds: float | None = None


class AttemptFailed(Exception):
    """The attempt failed; `outcome` says how."""

    def __init__(self, code: str, detail: str, *, final: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.outcome = Outcome(False, code=code, detail=detail, final=final)


class Attempt(NamedTuple):
    """`at` is the time of the attempt, not of what is told."""

    subscription: str
    sink: Sink
    notification: Notification
    at: datetime


class Deliver(Protocol):
    """One kind of sink. Blocks until it is known how the attempt ended. May raise AttemptFailed."""

    def __call__(self, attempt: Attempt) -> Outcome: ...


class Secrets:
    """`named` are those of the settings; `own(subscription, version)` derives the installation's own signing keys."""

    def __init__(self, named: Callable[[str], str | None], own: Callable[[str, int], bytes]) -> None:
        self._named = named
        self.own = own

    def named(self, name: str) -> str:
        """Raises AttemptFailed(secret-unknown)."""
        value = self._named(name)
        if not value:
            detail = f"there is no secret '{name}' in the settings ([secrets] of sealane.toml) of the worker"
            raise AttemptFailed("secret-unknown", detail)
        return value
