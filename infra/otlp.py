"""Sends spans to an OpenTelemetry collector by OTLP over HTTP. Imported only where an endpoint is set.

The library encodes; the request is made here, because what a collector refuses for good must be told from what can
be tried again, and the library's exporter tells neither.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.util.re import parse_env_headers

from agents.connectors.spans import Span, SpanKey
from agents.connectors.traces import NotExported

TIMEOUT_SECONDS = 10.0
_AGAIN = (408, 429, 502, 503, 504)
_log = logging.getLogger("sealane.connectors")


def otlp_exporter(
    endpoint: str, headers: str, version: str, client: httpx.Client | None = None
) -> Callable[[Sequence[Span]], None]:
    """`endpoint` is the collector's base URL, `headers` as in OTEL_EXPORTER_OTLP_HEADERS (`name=value,...`)."""
    url = f"{endpoint.rstrip('/')}/v1/traces"
    known = {**parse_env_headers(headers, liberal=True), "Content-Type": "application/x-protobuf"}
    http = client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
    resource = Resource({"service.name": "sealane", "service.version": version})
    scope = InstrumentationScope("sealane.runs", version)

    def export(spans: Sequence[Span]) -> None:
        body = encode_spans([_readable(span, resource, scope) for span in spans]).SerializeToString()
        _post(http, url, known, body)

    return export


def _post(http: httpx.Client, url: str, headers: Mapping[str, str], body: bytes) -> None:
    try:
        answer = http.post(url, headers=headers, content=body)
    except httpx.HTTPError as error:
        raise NotExported(f"{url}: {type(error).__name__}: {error}") from error
    if not answer.is_success:
        detail = f"{url} answered {answer.status_code}: {answer.text[:300]}"
        raise NotExported(detail, for_good=answer.status_code not in _AGAIN)
    said = _partial(answer)
    if said:
        raise NotExported(f"{url} took only a part: {said}", for_good=True)


def _partial(answer: httpx.Response) -> str:
    """What the collector left out of a request it accepted, in its words."""
    if "protobuf" not in answer.headers.get("content-type", ""):
        return ""
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    return f"{partial.rejected_spans} spans refused: {partial.error_message}" if partial.rejected_spans else ""


def _readable(span: Span, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    status = Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error or None)
    return ReadableSpan(
        name=span.name,
        context=_context(span.key),
        parent=_context(span.parent) if span.parent else None,
        resource=resource,
        attributes=dict(span.attributes),
        links=tuple(Link(_context(link)) for link in span.links),
        status=status,
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
        instrumentation_scope=scope,
    )


def _context(key: SpanKey) -> SpanContext:
    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(key.trace_id, 16), int(key.span_id, 16), is_remote=False, trace_flags=sampled)


def _nanoseconds(at: datetime) -> int:
    """Exact: a float of seconds loses microseconds."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000
