"""Deliveries on their way into the log: as received, and again when somebody replays one."""

import hashlib

import msgspec

from core.delivery import Delivery, encode_delivery
from core.eventlog.envelope import Position
from core.eventlog.topics import WEBHOOKS_TOPIC
from core.forges.builtin import BuiltinPush
from core.ids import trace_id
from core.ports import OutgoingRecord
from gateway.webhooks.services import WebhookServices


async def store(services: WebhookServices, delivery: Delivery, key: str) -> Position:
    """Write the delivery to the home region; answers when Kafka has it. Deliveries of one `key` stay in order.

    The largest body fits into a record (DELIVERY_RECORD_BYTES). Raises LogUnavailable.
    """
    topology = services.topology
    partition = topology.partition(topology.home_region, key)
    record = OutgoingRecord(WEBHOOKS_TOPIC, partition, key.encode(), encode_delivery(delivery))
    return await services.producer.send(record)


async def redeliver(services: WebhookServices, original: Delivery, request_id: str = "") -> Delivery:
    """Replay a stored delivery as a new record; answers with it. Raises LogUnavailable.

    The triggers keep the ids they had, so it makes a run only where the original made none; otherwise the app
    answers `duplicate` and names the run.
    """
    again = msgspec.structs.replace(
        original,
        delivery_id=services.new_id(),
        redelivery_of=original.redelivery_of or original.delivery_id,
        received_at=services.clock.now(),
        request_id=request_id,
        correlation_id="",
    )
    again = msgspec.structs.replace(again, correlation_id=trace_id(again.delivery_id))
    await store(services, again, again.apps[0] if again.apps else again.delivery_id)
    return again


def id_from_body(body: bytes) -> str:
    """The id of a delivery whose forge sends none: the same body is the same delivery."""
    return "sha256-" + hashlib.sha256(body).hexdigest()[:32]


async def deliver_builtin(services: WebhookServices, push: BuiltinPush, delivery_id: str) -> Delivery:
    """A push to the built-in server, written as its own webhook would be. Raises LogUnavailable."""
    delivery = Delivery(
        delivery_id=delivery_id,
        forge="builtin",
        event="push",
        apps=(push.app,),
        received_at=services.clock.now(),
        body=msgspec.json.encode(push),
        headers={"content-type": "application/json"},
        correlation_id=trace_id(delivery_id),
    )
    await store(services, delivery, push.app)
    return delivery
