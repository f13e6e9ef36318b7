"""The values that pool commands, events and state share."""

from datetime import datetime

import msgspec

from core.runs.spec import JobSpec


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One waiting attempt. Higher `priority` first; `labels` must all be carried by the agent.

    `pinned`: the pipeline names the region itself, so the attempt never leaves it. `moved_from` are the pools it was
    moved out of, the first one first, and `epoch` that of its last offer there.
    """

    attempt_key: str
    app: str
    priority: int = 0
    labels: tuple[str, ...] = ()
    queued_at: datetime
    correlation_id: str = ""
    spec: JobSpec
    pinned: bool = False
    moved_from: tuple[str, ...] = ()
    epoch: int = 0


class HeldLease(msgspec.Struct, frozen=True):
    """A lease an agent says it works on."""

    attempt_key: str
    epoch: int
