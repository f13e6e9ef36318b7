"""What the gateway counts, in its own Prometheus registry. Other parts add theirs through `registry`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class GatewayMetrics:
    """One per app. `route` labels are templates (`/api/v1/runs/{run}`), so their number is bounded."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.requests = Counter(
            "sealane_gateway_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self.latency = Histogram(
            "sealane_gateway_request_seconds",
            "From the request's first byte to the answer's end; streams are left out.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.commands = Histogram(
            "sealane_gateway_command_seconds",
            "From sending a command to its decision.",
            ("type", "result"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.log_viewers = Gauge("sealane_gateway_log_viewers", "Open live log viewers.", registry=self.registry)
        self.log_rereads = Counter(
            "sealane_gateway_log_rereads",
            "Viewers that were too slow for the live log and went on from the archive.",
            registry=self.registry,
        )
        self.log_tail_lag = Gauge(
            "sealane_gateway_log_tail_lag_seconds",
            "Age of the newest log record when it was seen.",
            registry=self.registry,
        )
        self.event_tail_lag = Gauge(
            "sealane_gateway_event_tail_lag_seconds",
            "Age of the newest event when it was seen.",
            registry=self.registry,
        )

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
