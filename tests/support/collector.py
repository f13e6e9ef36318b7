"""An OpenTelemetry collector over HTTP: takes OTLP protobuf on /v1/traces and keeps the spans it decodes."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Seen(NamedTuple):
    """A span as it came in: ids in hex, times in nanoseconds, `service` of its resource. `parent` "": a root."""

    trace: str
    id: str
    parent: str
    name: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, str]
    links: tuple[str, ...]
    service: str


class Collector:
    """Use as a context manager. `answers` are the statuses it gives, the last one for ever."""

    def __init__(self, port: int = 0) -> None:
        self.spans: list[Seen] = []
        self.requests: list[dict[str, str]] = []
        self.answers = [200]
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = collector._take(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def children(self, parent: Seen) -> list[Seen]:
        return [span for span in self.spans if (span.trace, span.parent) == (parent.trace, parent.id)]

    def tree(self, root: Seen) -> list[object]:
        """Name and children of each span, in the order of their beginning."""
        below = sorted(self.children(root), key=lambda span: (span.start, span.end, span.name))
        return [root.name, *(self.tree(child) for child in below)]

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.requests.append(headers)
        if path != "/v1/traces" or headers.get("content-type") != "application/x-protobuf":
            return 415
        if status == 200:
            unpacked = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            for group in ExportTraceServiceRequest.FromString(unpacked).resource_spans:
                service = next(_text(each.value) for each in group.resource.attributes if each.key == "service.name")
                self.spans += [_seen(span, service) for scope in group.scope_spans for span in scope.spans]
        return status


def _seen(span: Span, service: str) -> Seen:
    return Seen(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == 2,
        attributes={each.key: _text(each.value) for each in span.attributes},
        links=tuple(link.trace_id.hex() for link in span.links),
        service=service,
    )


def _text(value: AnyValue) -> str:
    return str(getattr(value, value.WhichOneof("value") or "string_value"))
