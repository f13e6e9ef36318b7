"""Producer over Kafka for threads: idempotent, acks=all, and it waits."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka import Producer as Client

from core.eventlog.envelope import Position
from core.eventlog.topics import DELIVERY_RECORD_BYTES
from core.ports import LogUnavailable, OutgoingRecord
from infra.kafka.connection import CLIENT_ERRORS, Connection, translate


def producer_config(
    connection: Connection, client_id: str, timeout_seconds: float | None, linger_ms: float
) -> dict[str, Any]:
    """The settings of every non-transactional producer: durable, in order, giving up after `timeout_seconds`.

    None: it never gives a record up. It sends what any topic takes; the broker knows each topic's own limit.
    """
    return connection.config(
        client_id,
        enable_idempotence=True,
        acks="all",
        linger_ms=linger_ms,
        delivery_timeout_ms=int((timeout_seconds or 0) * 1000),  # 0: for ever
        retry_backoff_ms=20,
        retry_backoff_max_ms=200,
        compression_type="lz4",
        message_max_bytes=DELIVERY_RECORD_BYTES,
    )


class KafkaProducer:
    """See core.ports.Producer."""

    def __init__(
        self, connection: Connection, client_id: str = "sealane-producer", timeout_seconds: float = 30.0
    ) -> None:
        self._timeout = timeout_seconds
        self._client = Client(producer_config(connection, client_id, timeout_seconds, linger_ms=1))

    def send_all(self, records: Iterable[OutgoingRecord]) -> list[Position]:
        positions: list[Position | None] = []
        errors: list[str] = []
        for index, record in enumerate(records):
            positions.append(None)
            self._produce(record, index, positions, errors)
        self._client.flush(self._timeout + 1)
        if errors:
            raise LogUnavailable(f"{len(errors)} of {len(positions)} records were not written: {errors[0]}")
        written = [position for position in positions if position is not None]
        if len(written) < len(positions):
            raise LogUnavailable(
                f"{len(positions) - len(written)} records were not acknowledged in {self._timeout:g} s"
            )
        return written

    def close(self) -> None:
        self._client.flush(self._timeout)

    def _produce(self, record: OutgoingRecord, index: int, positions: list[Position | None], errors: list[str]) -> None:
        def delivered(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                errors.append(f"{record.topic}:{record.partition}: {error.str()}")
            else:
                positions[index] = Position(message.topic(), message.partition(), message.offset())

        topic, partition, key, value, headers = record
        while True:
            try:
                self._client.produce(
                    topic,
                    value=value,
                    key=key,
                    partition=partition,
                    headers=list(headers) or None,
                    on_delivery=delivered,
                )
                return
            except BufferError:
                self._client.poll(0.1)
            except CLIENT_ERRORS as error:
                translate(error, f"writing to {topic}:{partition}")
