"""The limit of row 8: a member of a group that only reads. `python -m tests.benchmarks.raw_taker BOOTSTRAP TOPIC`.

Prints each value it gets, and commits it.
"""

import sys

from confluent_kafka import Consumer

from infra.kafka.connection import Connection


def main(bootstrap: str, topic: str) -> None:
    consumer = Consumer(
        Connection(bootstrap).config(
            "taker",
            group_id="takers",
            group_protocol="consumer",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
    )
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            print((message.value() or b"").decode(), flush=True)
            consumer.commit(message=message)


if __name__ == "__main__":
    main(*sys.argv[1:])
