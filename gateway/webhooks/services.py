"""What the webhook endpoint needs from outside, wired by infra."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.eventlog.topics import Topology
from core.ports import AsyncProducer, Clock

MAX_BODY_BYTES = 25 << 20
MAX_RECORD_BYTES = 5 << 20


@dataclass(frozen=True)
class WebhookServices:
    """`apps_by_repository` gets the repository's URLs as the forge writes them and answers with the apps that are
    built from it (compare by core.forges.urls.repository_key; several may share a repository). `webhook_secret` is the
    secret of an app, for any name. `new_id` makes a unique id for deliveries that bring none. `max_record_bytes` is
    what the log takes in one record, where a body is a third longer than it came.
    """

    topology: Topology
    producer: AsyncProducer
    apps_by_repository: Callable[[tuple[str, ...]], Awaitable[Sequence[str]]]
    webhook_secret: Callable[[str], str]
    clock: Clock
    new_id: Callable[[], str]
    max_body_bytes: int = MAX_BODY_BYTES
    max_record_bytes: int = MAX_RECORD_BYTES
