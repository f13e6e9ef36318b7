"""One JSON object per log line, for any process of the platform; stdlib only, so that small processes can use it.

Within a request, `request_id` and `correlation_id` (the trace id) are added to every line.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

_PLAIN_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class RequestIds(NamedTuple):
    request_id: str
    correlation_id: str


request_ids: ContextVar[RequestIds | None] = ContextVar("sealane_request_ids", default=None)


class JsonFormatter(logging.Formatter):
    """`at` (UTC), `level`, `logger`, `message`, whatever was passed as `extra`, and `exception` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        ids = request_ids.get()
        if ids is not None:
            entry.update(request_id=ids.request_id, correlation_id=ids.correlation_id)
        entry.update((key, value) for key, value in record.__dict__.items() if key not in _PLAIN_RECORD)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def configure_logging(level: str, process: str) -> None:
    """Send everything to stderr as JSON lines. `process` (`gateway`, `processor` ...) is a field of each line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_Tag(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Tag(logging.Filter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def filter(self, record: logging.LogRecord) -> bool:
        record.process_name = self._process
        return True
