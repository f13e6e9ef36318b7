"""Asks a broker to place replicas anew (AlterPartitionReassignments), which librdkafka has no call for.

One request in Kafka's own protocol; the broker hands it to the controller. Where the new replicas are the old ones in
another order nothing is copied: only the preferred leader changes.
"""

import socket
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby

from core.cluster import ReplicaMove
from core.ports import LogUnavailable
from infra.kafka.connection import Connection

_KEY = 45
_VERSION = 0
_CORRELATION_ID = 1
_TIMEOUT_SECONDS = 30.0
_NO_TAGS = b"\0"
_ALREADY_IN_PROGRESS = 60


def reassign(connection: Connection, moves: Iterable[ReplicaMove]) -> None:
    """Returns when the controller has accepted all. Raises LogUnavailable with the first thing it refused."""
    ordered = sorted(moves, key=lambda move: (move.topic, move.partition))
    if not ordered:
        return
    errors: list[str] = []
    if connection.security:
        raise LogUnavailable("placing replicas: only brokers without TLS and SASL can be asked; use Kafka's own tools")
    for address in connection.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_TIMEOUT_SECONDS) as stream:
                stream.sendall(_request(ordered))
                _check(_Response(_receive(stream)))
                return
        except (OSError, struct.error) as error:
            errors.append(f"{address}: {error}")
    raise LogUnavailable(f"placing replicas: no broker answered ({'; '.join(errors)})")


def _request(moves: list[ReplicaMove]) -> bytes:
    client = b"sealane-admin"
    header = struct.pack(f">hhih{len(client)}s", _KEY, _VERSION, _CORRELATION_ID, len(client), client) + _NO_TAGS
    topics = [(name, list(group)) for name, group in groupby(moves, lambda move: move.topic)]
    body = struct.pack(">i", int(_TIMEOUT_SECONDS * 1000)) + _array(_topic(name, group) for name, group in topics)
    message = header + body + _NO_TAGS
    return struct.pack(">i", len(message)) + message


def _topic(name: str, moves: list[ReplicaMove]) -> bytes:
    return _varint(len(name.encode()) + 1) + name.encode() + _array(map(_partition, moves)) + _NO_TAGS


def _partition(move: ReplicaMove) -> bytes:
    replicas = _array(struct.pack(">i", broker) for broker in move.replicas)
    return struct.pack(">i", move.partition) + replicas + _NO_TAGS


def _array(items: Iterable[bytes]) -> bytes:
    """A compact array: its length plus one, then its items."""
    listed = list(items)
    return _varint(len(listed) + 1) + b"".join(listed)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _receive(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        (size,) = struct.unpack(">i", stream.read(4))
        return stream.read(size)


def _check(response: "_Response") -> None:
    response.header()
    response.number(">i")  # throttle time
    code, message = response.number(">h"), response.text()
    if code:
        raise LogUnavailable(f"placing replicas: {message or 'refused'} (Kafka's error {code})")
    for _ in response.items():
        topic = response.text()
        for _ in response.items():
            partition, refused, why = response.number(">i"), response.number(">h"), response.text()
            if refused and refused != _ALREADY_IN_PROGRESS:
                detail = why or "refused"
                raise LogUnavailable(f"placing replicas of {topic}:{partition}: {detail} (Kafka's error {refused})")
            response.tags()
        response.tags()


class _Response:
    """Reads the flexible encoding from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def header(self) -> None:
        self.number(">i")
        self.tags()

    def number(self, form: str) -> int:
        value: int = struct.unpack_from(form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number(">B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        size = self.varint() - 1
        if size <= 0:
            return ""
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def items(self) -> Iterator[int]:
        return iter(range(self.varint() - 1))

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self._at += self.varint()
