"""All that the gateway needs from outside, in one value; made by infra/wiring.py, or by a test."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from core.eventlog.topics import Topology
from core.ports import Clock, ClusterAdmin, CommandBus, EventTail, LogReader, ObjectStore
from gateway.approval_links import LinkSigner
from gateway.auth import Principal
from projections.queries.database import ReadSide


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`public_url` is what forges and people reach."""

    public_url: str
    version: str
    decision_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 5.0
    body_limit_bytes: int = 1 << 20
    artifact_limit_bytes: int = 128 << 20
    heartbeat_seconds: float = 15.0


class Redelivered(msgspec.Struct, frozen=True):
    """The replay of a delivery: its new id, and where the log has it."""

    delivery_id: str
    position: str


# The person of that name as they are now, unless the token of this id (empty: the installation's) was revoked.
FindPerson = Callable[[str, str], Awaitable[Principal | None]]
Redeliver = Callable[[str, str], Awaitable[Redelivered]]
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class GatewayServices:
    """`random_text(n)`: n unpredictable URL-safe characters. `redeliver(delivery_id, actor)` raises ApiError 404.

    `checks` are asked by /readyz; a check that raises is not ready, and its text says why. `routers` are those
    of webhooks, git and agents; `background` works run for as long as the app does.
    `signing_key(subscription, version)` signs the webhooks of a subscription.
    """

    settings: GatewaySettings
    topology: Topology
    clock: Clock
    random_text: Callable[[int], str]
    bus: CommandBus
    tail: EventTail
    cluster: ClusterAdmin
    db: ReadSide
    objects: ObjectStore
    log_readers: Callable[[], LogReader]
    webhook_secret: Callable[[str], str]
    signing_key: Callable[[str, int], bytes]
    links: LinkSigner
    person: FindPerson
    redeliver: Redeliver
    checks: Mapping[str, Check] = field(default_factory=dict)
    routers: tuple[APIRouter, ...] = ()
    background: tuple[Callable[[], Awaitable[None]], ...] = ()
    registry: CollectorRegistry | None = None
