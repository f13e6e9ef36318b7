"""TransactionalProducer over Kafka.

Only the last record of each partition carries a delivery callback: offsets grow within a partition, so the
last one has the highest, and a callback per record would cost as much as producing it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NoReturn

from confluent_kafka import KafkaError, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from core.ports import Fenced, LogUnavailable, OutgoingRecord, TopicPartition
from infra.kafka.connection import CLIENT_ERRORS, MAX_RECORD_BYTES, Connection, is_fencing, kafka_error, log, translate

if TYPE_CHECKING:
    from confluent_kafka.cimpl import DeliveryCallback


class KafkaTransactionalProducer:
    """See core.ports.TransactionalProducer. Making one fences every earlier one with the same `transactional_id`.

    After Fenced the object is of no use: make a new one. After LogUnavailable the transaction is aborted and the
    next may begin.
    """

    def __init__(
        self,
        connection: Connection,
        transactional_id: str,
        *,
        timeout_seconds: float = 30.0,
        offsets_timeout_seconds: float = 5.0,
        transaction_timeout_seconds: int = 10,
    ) -> None:
        self._timeout = timeout_seconds
        self._offsets_timeout = offsets_timeout_seconds
        self._stuck = False
        self._open = False
        self._held: dict[tuple[str, int], OutgoingRecord] = {}
        self._highest: dict[TopicPartition, int] = {}
        self._producer = Producer(
            connection.config(
                transactional_id,
                transactional_id=transactional_id,
                enable_idempotence=True,
                acks="all",
                transaction_timeout_ms=transaction_timeout_seconds * 1000,
                # The default of 100 ms is waited once per transaction; see design/servers.md.
                retry_backoff_ms=1,
                retry_backoff_max_ms=5,
                linger_ms=5,
                queue_buffering_max_messages=1_000_000,
                compression_type="lz4",
                message_max_bytes=MAX_RECORD_BYTES,
            )
        )
        self._insist(self._producer.init_transactions, f"starting transactions as '{transactional_id}'")

    def begin(self) -> None:
        self._held.clear()
        self._highest.clear()
        try:
            self._producer.begin_transaction()
        except CLIENT_ERRORS as error:
            translate(error, "beginning a transaction")
        self._open = True

    def send(self, record: OutgoingRecord) -> None:
        where = (record[0], record[1])
        before = self._held.get(where)
        self._held[where] = record
        if before is not None:
            self._produce(before, None)

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group_metadata: object) -> None:
        wanted = [KafkaPartition(*where, offset) for where, offset in offsets.items()]

        def send(timeout_seconds: float) -> None:
            self._producer.send_offsets_to_transaction(wanted, group_metadata, timeout_seconds)

        def insist() -> None:
            self._insist(send, "adding consumed offsets to the transaction")

        # After its coordinator was restarted librdkafka may wait for ever and ignore its timeout (its issues 5456 and
        # 5511). A new producer gets through at once, so this one is left behind together with its thread.
        try:
            _within(self._offsets_timeout, insist)
        except TimeoutError:
            self._stuck, self._open = True, False
            detail = f"adding consumed offsets to the transaction took over {self._offsets_timeout:g} s"
            raise Fenced(f"{detail}: this producer is stuck") from None

    def commit(self) -> dict[TopicPartition, int]:
        for record in self._held.values():
            self._produce(record, self._delivered)
        self._held.clear()
        self._insist(self._flush, "writing the transaction's records")
        self._insist(self._producer.commit_transaction, "committing the transaction")
        self._open = False
        return dict(self._highest)

    def abort(self) -> None:
        self._held.clear()
        if not self._open:
            return
        self._open = False
        try:
            self._producer.abort_transaction(self._timeout)
        except CLIENT_ERRORS as error:
            inner = kafka_error(error)
            raise Fenced(f"the transaction could not be aborted: {inner or error}") from error

    def close(self) -> None:
        if self._stuck:
            return
        try:
            self.abort()
            self._producer.purge()
            self._producer.flush(1.0)
        except (Fenced, *CLIENT_ERRORS) as error:
            log.info("closing a producer that is of no use any more: %s", error)

    def _produce(self, record: OutgoingRecord, on_delivery: "DeliveryCallback | None") -> None:
        topic, partition, key, value, headers = record
        while True:
            try:
                # By position: keywords cost a tenth of the call. The callback has two places; the first one counts.
                self._producer.produce(topic, value, key, partition, on_delivery, on_delivery, 0, list(headers) or None)
                return
            except BufferError:
                self._producer.poll(0.1)
            except CLIENT_ERRORS as error:
                self._fail(error, f"writing to {topic}:{partition}")

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self._highest[TopicPartition(message.topic(), message.partition())] = message.offset()

    def _flush(self, timeout_seconds: float) -> None:
        left = self._producer.flush(timeout_seconds)
        if left:
            raise LogUnavailable(f"{left} records were not acknowledged within {self._timeout:g} s")

    def _insist(self, call: Callable[[float], object], doing: str) -> None:
        """Make a call of the transaction protocol, again while Kafka says that it may be repeated."""
        deadline = time.monotonic() + self._timeout
        while True:
            left = deadline - time.monotonic()
            try:
                call(max(left, 0.1))
                return
            except (*CLIENT_ERRORS, LogUnavailable) as error:
                inner = kafka_error(error)
                if inner is None or not inner.retriable() or left <= 0:
                    self._fail(error, doing)

    def _fail(self, error: Exception, doing: str) -> NoReturn:
        """Leave no transaction open. One that can be neither finished nor aborted makes this producer useless."""
        inner = kafka_error(error)
        if inner is None or not is_fencing(inner):
            self.abort()
        self._open = False
        if isinstance(error, LogUnavailable):
            raise error
        translate(error, doing)


def _within(seconds: float, call: Callable[[], None]) -> None:
    """Make a call that may never return. Raises TimeoutError, and leaves it behind, when it takes longer."""
    ended: Future[None] = Future()

    def run() -> None:
        try:
            call()
        except BaseException as error:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=run, name="kafka-call", daemon=True).start()
    ended.result(seconds)
