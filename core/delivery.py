"""A webhook delivery exactly as it came in: the value of `sealane.webhooks`. Normalised later, never rewritten."""

from datetime import datetime

import msgspec

from core.trigger import Forge


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`delivery_id` is the forge's own id, or derived from the body where it sends none.

    `event` is the forge's name of the kind (`push`, `Push Hook`, `repo:push` ...); `apps` are the apps whose
    secret verified the body; `headers` only those that matter; `body` is the raw request body.
    `redelivery_of` names the delivery this one replays.
    """

    delivery_id: str
    forge: Forge
    event: str
    apps: tuple[str, ...]
    received_at: datetime
    body: bytes
    headers: dict[str, str] = {}
    request_id: str = ""
    correlation_id: str = ""
    redelivery_of: str = ""


encode_delivery = msgspec.json.Encoder().encode
decode_delivery = msgspec.json.Decoder(Delivery).decode
