"""What the webhook endpoint needs from outside, wired by infra."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from core.eventlog.topics import Topology
from core.ports import AsyncProducer, Clock

MAX_BODY_BYTES = 25 << 20
# A delivery of 25 MB takes about 130 MB until it is in the log.
LARGE_AT_ONCE = 2


@dataclass(frozen=True)
class WebhookServices:
    """`apps_by_repository` gets the repository's URLs as the forge writes them and answers with the apps that are
    built from it (compare by core.forges.urls.repository_key; several may share a repository). `webhook_secret` is the
    secret of an app, for any name. `new_id` makes a unique id for deliveries that bring none. `large` bounds how
    many large deliveries are in memory; each must be read within `body_seconds`.
    """

    topology: Topology
    producer: AsyncProducer
    apps_by_repository: Callable[[tuple[str, ...]], Awaitable[Sequence[str]]]
    webhook_secret: Callable[[str], str]
    clock: Clock
    new_id: Callable[[], str]
    max_body_bytes: int = MAX_BODY_BYTES
    large: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LARGE_AT_ONCE))
    body_seconds: float = 30.0
