"""Kafka's own protocol (its flexible encoding), for the few requests that librdkafka has no call for.

Brokers without TLS and SASL only.
"""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_CORRELATION_ID = 1
_CLIENT = b"sealane-admin"
NO_TAGS = b"\0"
NOTHING = b"\0"  # a compact array or text that is null


def text(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data) + 1) + data


def array(items: Iterable[bytes]) -> bytes:
    """Its length plus one, then its items."""
    listed = list(items)
    return _varint(len(listed) + 1) + b"".join(listed)


def number(form: str, value: int) -> bytes:
    """`form` as struct has it: h, i, q."""
    return struct.pack(f">{form}", value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class Answer:
    """Read from front to back. Raises struct.error where it is shorter than expected."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        value: int = struct.unpack_from(f">{form}", self._data, self._at)[0]
        self._at += struct.calcsize(f">{form}")
        return value

    def text(self) -> str:
        """Empty for null too."""
        size = self._varint() - 1
        if size <= 0:
            return ""
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def items(self) -> Iterator[int]:
        """To be iterated while the items are read."""
        return iter(range(self._varint() - 1))

    def skip(self, size: int) -> None:
        self._at += size

    def tags(self) -> None:
        for _ in range(self._varint()):
            self._varint()
            self._at += self._varint()

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


class Wire:
    """A connection to one broker."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def ask(self, key: int, version: int, body: bytes) -> Answer:
        """The answer after its header. Raises OSError where the broker is gone."""
        header = struct.pack(f">hhih{len(_CLIENT)}s", key, version, _CORRELATION_ID, len(_CLIENT), _CLIENT) + NO_TAGS
        message = header + body + NO_TAGS
        self._stream.sendall(struct.pack(">i", len(message)) + message)
        answer = Answer(self._receive(struct.unpack(">i", self._receive(4))[0]))
        answer.number("i")  # the correlation id
        answer.tags()
        return answer

    def _receive(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._stream.recv(size - len(data))
            if not part:
                raise OSError("the broker closed the connection")
            data += part
        return bytes(data)


@contextmanager
def wire_to(address: str, timeout_seconds: float) -> Iterator[Wire]:
    """`address` is `host:port`. Raises OSError."""
    host, _, port = address.strip().rpartition(":")
    with socket.create_connection((host, int(port)), timeout=timeout_seconds) as stream:
        yield Wire(stream)
