"""What the queries answer with, as the gateway serialises it and the CLI shows it: apps, deliveries, pools, audit.

Runs have a module of their own (run_types.py). Times are UTC; None means "not (yet)".
"""

from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec

from projections.queries.run_types import Run

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page; `next_cursor` asks for the one after it and is None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A cron line of an app; `commit` is the pipeline file it stands in."""

    app: str
    cron: str
    timezone: str
    commit: str
    set_at: datetime
    last_due_at: datetime | None = None
    next_at: datetime | None = None


class App(msgspec.Struct, frozen=True, kw_only=True):
    """`runs` is the number of the newest run; `last_run` the newest run that was not ignored."""

    name: str
    repository_url: str
    region: str
    forge: str
    default_branch: str
    pipeline_path: str
    state: Literal["active", "archived"]
    runs: int
    created_at: datetime
    updated_at: datetime
    last_run: Run | None = None


class DeliveryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one app made of a delivery: a run, or `code` and `detail` of why not.

    A run that its pipeline's trigger section ignored has `run_outcome` "ignored" and the reason in `detail`.
    """

    app: str
    decided_at: datetime
    code: str = ""
    detail: str = ""
    run_id: str | None = None
    number: int | None = None
    run_state: str | None = None
    run_outcome: str | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook delivery as received. `state`: received (undecided yet) | ignored | run."""

    id: str
    forge: str
    event: str
    apps: tuple[str, ...]
    state: Literal["received", "ignored", "run"]
    received_at: datetime
    size_bytes: int
    request_id: str
    correlation_id: str
    redelivery_of: str | None
    results: tuple[DeliveryResult, ...] = ()


class DeliveryWithBody(Delivery, frozen=True, kw_only=True):
    """The same with what is needed to replay it: `body` is the raw request body (base64 in JSON)."""

    headers: dict[str, str]
    body: bytes


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """`busy` counts leases held or offered; `leases` are their attempt keys."""

    id: str
    region: str
    pool: str
    state: Literal["connected", "disconnected", "draining", "lost", "left"]
    slots: int
    busy: int
    labels: tuple[str, ...]
    isolation: str
    version: str
    connected_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None = None
    leases: tuple[str, ...] = ()


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """`agents` and `slots` count what is connected and not draining.

    `fallback` pools get the waiting jobs when this one is evacuated: by itself (`no-agents`) or `asked` for.
    """

    id: str
    region: str
    name: str
    agents: int
    slots: int
    busy: int
    queued: int
    fallback: tuple[str, ...] = ()
    evacuate_after_seconds: int = 0
    oldest_queued_at: datetime | None = None
    evacuated_at: datetime | None = None
    evacuated_reason: str = ""
    evacuated_by: str = ""


class QueueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting attempt. `position` counts from 1 in its pool; `reason` says in words why it waits.

    `state`: waiting | offered (to `agent_id`, which must accept until `accept_by`).
    """

    attempt_key: str
    run_id: str
    job_id: str
    attempt: int
    app: str
    number: int | None
    region: str
    pool: str
    labels: tuple[str, ...]
    priority: int
    queued_at: datetime
    state: Literal["waiting", "offered"]
    position: int
    reason: str
    agent_id: str | None = None
    accept_by: datetime | None = None


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the log with its place (`position` is its consistency token) and chain value."""

    position: str
    topic: str
    partition: int
    offset: int
    event_id: str
    type: str
    schema_version: int
    stream: str
    stream_version: int
    recorded_at: datetime
    region: str
    actor: str
    correlation_id: str
    causation_id: str
    chain: str
    data: msgspec.Raw


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read, as the processor put it aside."""

    position: str
    recorded_at: datetime
    reason: str
    headers: dict[str, str]
    key: str
    value: bytes


class LogSegment(msgspec.Struct, frozen=True, kw_only=True):
    """An archived piece of an attempt's log: chunks first_seq..last_seq, lines first_line..last_line, both inclusive.

    `last_line` < `first_line` where the chunks hold no line; `last`: the log ends here.
    """

    attempt_key: str
    first_seq: int
    last_seq: int
    first_line: int
    last_line: int
    bytes: int
    object_key: str
    partition: int
    next_offset: int
    last: bool


class LogGap(msgspec.Struct, frozen=True, kw_only=True):
    """Chunks first_seq..last_seq never came, for this reason."""

    attempt_key: str
    first_seq: int
    last_seq: int
    reason: str
    recorded_at: datetime


class ArchivedLog(msgspec.Struct, frozen=True, kw_only=True):
    """All that is archived of an attempt's log. `next_seq` is the first chunk that is not; `complete`: none follows."""

    attempt_key: str
    segments: tuple[LogSegment, ...]
    gaps: tuple[LogGap, ...]
    next_seq: int
    complete: bool


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a principal, without its hash."""

    id: str
    description: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a machine and its tokens. `pools` (`<region>/<pool>`) bound what an agent's token may serve."""

    name: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    pools: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    tokens: tuple[Token, ...] = ()


class TokenOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Who a token hash belongs to. The caller checks `expires_at` and `revoked_at` against its clock."""

    token_id: str
    principal: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    pools: tuple[str, ...]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class StreamRange(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stream's events lie in its partition, as far as projected: hints for commands. Offsets inclusive."""

    stream: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    version: int
