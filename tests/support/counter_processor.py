"""A processor of counters as a process of its own: `python -m tests.support.counter_processor BOOTSTRAP NAME [DIE_AT]`.

It says "ready" when it owns something. With DIE_AT it kills itself with its transaction open, in the batch in which
it has decided that many commands.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping

from core.eventlog.topics import Topology
from core.ports import TopicPartition
from infra.clock import SystemClock
from infra.kafka.connection import Connection
from infra.kafka.consumer import KafkaGroupConsumer
from infra.kafka.reader import KafkaLogReader
from infra.kafka.transactions import KafkaTransactionalProducer
from processors.options import ProcessorOptions
from processors.shell import Processor
from tests.support.counter import POLICIES, counter

TOPOLOGY = Topology(("us-east", "eu-west"), partitions_per_region=2)
OPTIONS = ProcessorOptions(checkpoint_events=200, events_per_snapshot=1, max_batch=50, backoff_max_seconds=1.0)
GROUP = "processors"


class DyingProducer(KafkaTransactionalProducer):
    """Ends the process, kill -9, with the n-th transaction's offsets sent and nothing committed."""

    def __init__(self, connection: Connection, name: str, transactions: int) -> None:
        super().__init__(connection, name, transaction_timeout_seconds=2)
        self._left = transactions

    def send_offsets(self, offsets: Mapping[TopicPartition, int], group_metadata: object) -> None:
        super().send_offsets(offsets, group_metadata)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def make_processor(
    bootstrap: str, name: str, options: ProcessorOptions = OPTIONS, die_at: int | None = None
) -> Processor:
    connection = Connection(bootstrap)

    def producer() -> KafkaTransactionalProducer:
        if die_at is not None:
            return DyingProducer(connection, name, die_at)
        return KafkaTransactionalProducer(connection, name)

    return Processor(
        [counter("run"), counter("app")],
        POLICIES,
        TOPOLOGY,
        lambda: KafkaGroupConsumer(connection, GROUP, client_id=name, fetch_wait_ms=200, succeeds=True),
        producer,
        lambda: KafkaLogReader(connection, f"{name}-restore", settled=True),
        SystemClock(),
        options,
    )


def main(bootstrap: str, name: str, die_at: str = "") -> None:
    processor = make_processor(bootstrap, name, die_at=int(die_at) if die_at else None)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not processor.partitions and not stop.is_set():
        processor.run_once(0.2)
    print("ready", flush=True)
    processor.run(stop, turn_seconds=0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
