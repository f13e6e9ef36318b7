"""Asks a broker to place replicas anew (AlterPartitionReassignments), which librdkafka has no call for.

The broker hands the request to the controller. Where the new replicas are the old ones in another order nothing is
copied: only the preferred leader changes.
"""

import struct
from collections.abc import Iterable
from itertools import groupby

from core.cluster import ReplicaMove
from core.ports import LogUnavailable
from infra.kafka.connection import Connection
from infra.kafka.wire import NO_TAGS, Answer, array, number, text, wire_to

_KEY = 45
_VERSION = 0
_TIMEOUT_SECONDS = 30.0
_ALREADY_IN_PROGRESS = 60


def reassign(connection: Connection, moves: Iterable[ReplicaMove]) -> None:
    """Returns when the controller has accepted all. Raises LogUnavailable with the first thing it refused."""
    ordered = sorted(moves, key=lambda move: (move.topic, move.partition))
    if not ordered:
        return
    if connection.security:
        raise LogUnavailable("placing replicas: only brokers without TLS and SASL can be asked; use Kafka's own tools")
    errors: list[str] = []
    for address in connection.bootstrap.split(","):
        try:
            with wire_to(address, _TIMEOUT_SECONDS) as wire:
                _check(wire.ask(_KEY, _VERSION, _request(ordered)))
                return
        except (OSError, struct.error) as error:
            errors.append(f"{address}: {error}")
    raise LogUnavailable(f"placing replicas: no broker answered ({'; '.join(errors)})")


def _request(moves: list[ReplicaMove]) -> bytes:
    topics = [(name, list(group)) for name, group in groupby(moves, lambda move: move.topic)]
    return number("i", int(_TIMEOUT_SECONDS * 1000)) + array(_topic(name, group) for name, group in topics)


def _topic(name: str, moves: list[ReplicaMove]) -> bytes:
    return text(name) + array(map(_partition, moves)) + NO_TAGS


def _partition(move: ReplicaMove) -> bytes:
    return number("i", move.partition) + array(number("i", broker) for broker in move.replicas) + NO_TAGS


def _check(answer: Answer) -> None:
    answer.number("i")  # throttle time
    code, message = answer.number("h"), answer.text()
    if code:
        raise LogUnavailable(f"placing replicas: {message or 'refused'} (Kafka's error {code})")
    for _ in answer.items():
        topic = answer.text()
        for _ in answer.items():
            partition, refused, why = answer.number("i"), answer.number("h"), answer.text()
            if refused and refused != _ALREADY_IN_PROGRESS:
                detail = why or "refused"
                raise LogUnavailable(f"placing replicas of {topic}:{partition}: {detail} (Kafka's error {refused})")
            answer.tags()
        answer.tags()
