"""What the connectors of a process count."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ConnectorMetrics:
    """One per registry, shared by all connectors of the process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._failures = Counter(
            "sealane_connector_failures",
            "Attempts of a connector that failed unexpectedly.",
            ("connector",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sealane_connector_seconds",
            "The successful attempt, its commands acknowledged.",
            ("connector",),
            registry=self.registry,
        )
        self.open = Gauge(
            "sealane_connector_open", "Records that are read but not handled.", ("connector",), registry=self.registry
        )
        self.given_up = Counter(
            "sealane_connector_given_up",
            "What a connector could not do in the end.",
            ("connector", "code"),
            registry=self.registry,
        )

    def done(self, connector: str, seconds: float) -> None:
        self._seconds.labels(connector).observe(seconds)

    def failed(self, connector: str) -> None:
        self._failures.labels(connector).inc()
