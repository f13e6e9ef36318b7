"""What the forges say, in one language: payload in, triggers (or why there is none) out. Pure.

`DIALECTS` has one entry per forge; `normalise` is the way in for the ingest connector and the webhook endpoint.
"""

from collections.abc import Mapping

from core.delivery import Delivery
from core.forges import bitbucket_cloud, bitbucket_dc, builtin, gitea, github, gitlab
from core.forges.base import (
    Dialect,
    Ignored,
    Incoming,
    Malformed,
    Outcome,
    json_payload,
)
from core.trigger import Forge

__all__ = [
    "DIALECTS",
    "Dialect",
    "Ignored",
    "Incoming",
    "Malformed",
    "Outcome",
    "json_payload",
    "normalise",
]

DIALECTS: Mapping[Forge, Dialect] = {
    "github": github.DIALECT,
    "gitlab": gitlab.DIALECT,
    "bitbucket-cloud": bitbucket_cloud.DIALECT,
    "bitbucket-dc": bitbucket_dc.DIALECT,
    "gitea": gitea.DIALECT,
    "builtin": builtin.DIALECT,
}


def normalise(delivery: Delivery) -> tuple[Outcome, ...]:
    """What a stored delivery asks for, in its order. Raises Malformed."""
    incoming = Incoming(
        forge=delivery.forge,
        event=delivery.event,
        delivery_id=delivery.delivery_id,
        cause=delivery.redelivery_of or delivery.delivery_id,
        at=delivery.received_at,
        payload=json_payload(delivery.headers.get("content-type", ""), delivery.body),
    )
    return DIALECTS[delivery.forge].normalise(incoming)
