"""Asks a broker, in Kafka's own protocol, whether it takes part in the cluster: no Kafka client is needed for that."""

import socket
import struct

_METADATA_KEY = 3
_METADATA_VERSION = 1
_CORRELATION_ID = 1
_TIMEOUT_SECONDS = 1.0


def broker_is_ready(host: str, port: int, node_id: int) -> bool:
    """True when the broker answers and lists itself among the cluster's live ones, so it takes produce requests."""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(_metadata_request())
            return node_id in _broker_ids(_receive(connection))
    except (OSError, struct.error):
        return False


def _metadata_request() -> bytes:
    client = b"sealane-probe"
    header = struct.pack(f">hhih{len(client)}s", _METADATA_KEY, _METADATA_VERSION, _CORRELATION_ID, len(client), client)
    no_topics = struct.pack(">i", 0)
    return struct.pack(">i", len(header + no_topics)) + header + no_topics


def _receive(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as stream:
        (size,) = struct.unpack(">i", stream.read(4))
        return stream.read(size)


def _broker_ids(response: bytes) -> set[int]:
    """From a Metadata response v1: correlation id, then an array of (id, host, port, rack)."""
    (count,) = struct.unpack_from(">i", response, 4)
    at, ids = 8, set()
    for _ in range(count):
        (broker_id,) = struct.unpack_from(">i", response, at)
        ids.add(broker_id)
        at = _skip_string(response, at + 4) + 4
        at = _skip_string(response, at)
    return ids


def _skip_string(response: bytes, at: int) -> int:
    length: int = struct.unpack_from(">h", response, at)[0]
    return at + 2 + max(length, 0)
