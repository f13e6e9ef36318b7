"""The values that pool commands, events and state share."""

from datetime import datetime

import msgspec

from core.runs.spec import JobSpec


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One waiting attempt. Higher `priority` first; `labels` must all be carried by the agent."""

    attempt_key: str
    app: str
    priority: int = 0
    labels: tuple[str, ...] = ()
    queued_at: datetime
    correlation_id: str = ""
    spec: JobSpec


class HeldLease(msgspec.Struct, frozen=True):
    """A lease an agent says it works on."""

    attempt_key: str
    epoch: int
