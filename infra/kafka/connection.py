"""How every Kafka client of Sealane connects, and how Kafka's errors become the two that the ports know."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaError, KafkaException

from core.ports import Fenced, LogUnavailable

# What a reading client keeps ahead of its reader. A single larger record still comes; only not several of them.
READ_AHEAD_BYTES: Final = 16 << 20

log: Final = logging.getLogger("sealane.kafka")

# What confluent-kafka raises: flush() a SystemError, a closed client a RuntimeError.
CLIENT_ERRORS: Final = (KafkaException, SystemError, RuntimeError)

_NO_ANSWER: Final = frozenset({KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT})
_FENCED_CLIENT: Final = frozenset({KafkaError._FENCED, KafkaError._FATAL, KafkaError.PRODUCER_FENCED})
_FENCED_MEMBER: Final = frozenset(
    {
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.UNRELEASED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
    }
)


@dataclass(frozen=True)
class Connection:
    """`bootstrap` is `host:port[,host:port]`; `security` are librdkafka's ssl.* and sasl.* properties."""

    bootstrap: str
    security: Mapping[str, str] = field(default_factory=dict)

    def reading(self, client_id: str, **settings: Any) -> dict[str, Any]:
        """config() of a client that reads committed records and keeps its offsets itself."""
        return self.config(
            client_id,
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            isolation_level="read_committed",
            fetch_queue_backoff_ms=5,
            fetch_max_bytes=READ_AHEAD_BYTES,
            queued_max_messages_kbytes=READ_AHEAD_BYTES // 1024,
            **settings,
        )

    def config(self, client_id: str, **settings: Any) -> dict[str, Any]:
        """A librdkafka configuration; `fetch_wait_max_ms=5` stands for `fetch.wait.max.ms`."""
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": client_id,
            "log.connection.close": False,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 2000,
            "logger": log,
            **self.security,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }


def kafka_error(error: BaseException) -> KafkaError | None:
    """The KafkaError inside an exception of confluent-kafka; flush() hides it as the cause of a SystemError."""
    if isinstance(error, SystemError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return error.args[0]
    return None


def is_timeout(error: BaseException) -> bool:
    """Whether the only thing known is that no answer came in time."""
    inner = kafka_error(error)
    return isinstance(error, TimeoutError) if inner is None else inner.code() in _NO_ANSWER


def is_fencing(error: KafkaError, member: bool = False) -> bool:
    """Whether the client is of no use any more: someone newer took its place, or librdkafka gave up on it.

    With `member`, also whether a group member lost its place. A producer that is told so has only to abort.
    """
    return error.fatal() or error.code() in _FENCED_CLIENT or (member and error.code() in _FENCED_MEMBER)


def translate(error: BaseException, doing: str, member: bool = False) -> NoReturn:
    """Raise Fenced or LogUnavailable for one of CLIENT_ERRORS."""
    inner = kafka_error(error)
    if inner is not None:
        kind = Fenced if is_fencing(inner, member) else LogUnavailable
        raise kind(f"{doing}: {inner.str()} ({inner.name()})") from error
    raise LogUnavailable(f"{doing}: {error}") from error
