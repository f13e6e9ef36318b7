"""The built-in git server: its post-receive hook says which ref moved; everything else is asked of git."""

import msgspec

from core.forges.base import (
    Change,
    Dialect,
    Incoming,
    Outcome,
    decode,
    pushed,
    unsupported,
)
from core.forges.urls import builtin_url

EVENT_HEADER = "x-sealane-event"
DELIVERY_HEADER = "x-sealane-delivery"
SIGNATURE_HEADER = "x-sealane-signature"


class BuiltinPush(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a delivery: one updated ref of one app's repository."""

    app: str
    ref: str
    before: str
    after: str
    actor: str = ""


def _repository_urls(payload: bytes) -> tuple[str, ...]:
    return (builtin_url(decode(BuiltinPush, payload).app),)


def _normalise(incoming: Incoming) -> tuple[Outcome, ...]:
    if incoming.event != "push":
        return unsupported(incoming.event)
    push = decode(BuiltinPush, incoming.payload)
    return pushed(incoming, (Change(push.ref, push.before, push.after, author=push.actor),))


DIALECT = Dialect(
    event_headers=(EVENT_HEADER,),
    delivery_headers=(DELIVERY_HEADER,),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
