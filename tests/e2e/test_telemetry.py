"""What a platform that runs says about itself: traces to a collector, metrics of every process."""

from collections.abc import Iterator

import pytest

from tests.support.collector import Collector, Seen
from tests.support.platform import Platform
from tests.support.servers import scratch_directory

PIPELINE = """
name: Traced
stages:
  - name: lint
    steps: [{name: look, run: "true"}]
  - name: unit
    needs: [lint]
    steps: [{name: checkout, uses: git-checkout}, {name: test, run: sleep 0.2}]
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def observed(collector: Collector) -> Iterator[Platform]:
    """A platform whose traces go to the collector."""
    with scratch_directory() as folder:
        platform = Platform(folder)
        platform.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        with platform:
            yield platform


def roots(collector: Collector, run: str) -> list[Seen]:
    traces = {span.trace for span in collector.spans if span.attributes.get("cicd.pipeline.run.id") == run}
    return [span for span in collector.spans if span.trace in traces and not span.parent]


def test_push_gives_one_trace_from_the_delivery_to_the_steps(observed: Platform, collector: Collector) -> None:
    repository = observed.repository("traced", PIPELINE)
    repository.push()
    run = observed.finished_run("traced", 1)
    observed.wait(lambda: bool(roots(collector, run["id"])), 30, lambda: f"{len(collector.spans)} spans")
    (root,) = roots(collector, run["id"])
    queue = ["wait for an agent"]
    assert collector.tree(root) == [
        "push refs/heads/main",
        [
            "run traced #1",
            ["plan"],
            ["stage lint", ["lint attempt 1", queue, ["look"]]],
            ["stage unit", ["unit attempt 1", queue, ["checkout"], ["test"]]],
        ],
    ]
    assert root.trace == run["correlation_id"]
    assert root.attributes["vcs.ref.head.revision"] == repository.head
    (test,) = (span for span in collector.spans if span.trace == root.trace and span.name == "test")
    assert test.end - test.start >= 200_000_000
