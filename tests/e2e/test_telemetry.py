"""What a platform that runs says about itself: traces to a collector, metrics of every process."""

import json
import re
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
import yaml

from core.eventlog.topics import CONTEXTS
from projections.projector import PROJECTED_TOPICS
from tests.support.collector import Collector, Seen
from tests.support.platform import ROOT, Platform
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

REGIONS = ("us-east", "eu-west", "ap-south")
READERS = {
    "views": len(PROJECTED_TOPICS),
    "sealane-processors": len(CONTEXTS),
    "sealane-log-archive": 1,
}


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


def exported(observed: Platform) -> dict[str, str]:
    """What each process answers at the address that it wrote down for Prometheus."""
    answers = {}
    for path in sorted((observed.data / "metrics").glob("*.json")):
        (target,) = json.loads(path.read_text())
        answers[target["labels"]["role"]] = httpx.get(f"http://{target['targets'][0]}/metrics", timeout=30).text
    return answers


def test_every_process_serves_its_metrics_where_it_says(observed: Platform) -> None:
    answers = exported(observed)
    agents = {f"agent-{region}-default" for region in REGIONS}
    assert answers.keys() == {"gateway", "processor-1", "worker", *agents}
    assert "sealane_agent_connected 1.0" in answers["agent-us-east-default"]
    assert 'sealane_agents{pool="default",region="eu-west",state="connected"} 1.0' in answers["worker"]
    assert "sealane_kafka_up 1.0" in answers["worker"]
    assert "sealane_postgres_up 1.0" in answers["worker"]
    decided = re.search(r"^sealane_processor_decision_seconds_count (\d+)", answers["processor-1"], re.MULTILINE)
    assert decided is not None
    assert int(decided[1]) > 0


def test_readers_are_not_behind_once_nothing_happens(observed: Platform) -> None:
    """What stays are markers of transactions, which nobody reads. READERS are those that every installation has, with
    the number of their topics; each topic has a partition for each region."""
    found: list[float] = []
    expected = {name: topics * len(REGIONS) for name, topics in READERS.items()}

    def caught_up() -> bool:
        line = r'^sealane_log_lag_records\{group="([^"]+)",.*\} (.+)$'
        lags = re.findall(line, exported(observed)["worker"], re.MULTILINE)
        found[:] = [float(lag) for _, lag in lags]
        partitions = Counter(group for group, _ in lags)
        return {name: partitions[name] for name in READERS} == expected and max(found) <= 2

    observed.wait(caught_up, 30, lambda: f"lags {found}")
    assert max(found) <= 2


def test_every_metric_that_an_alert_names_is_exported(observed: Platform) -> None:
    known = set(re.findall(r"^# HELP (\S+)", "\n".join(exported(observed).values()), re.MULTILINE))
    known |= {f"{name}_bucket" for name in known}
    rules = yaml.safe_load((ROOT / "infra/deploy/prometheus/sealane.rules.yml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    named = {name for expression in expressions for name in re.findall(r"\bsealane_\w+", expression)}
    assert named - known == set()
    assert len(named) > 15


def test_doctor_names_the_addresses(observed: Platform) -> None:
    told = observed.sealane("doctor", "--json").stdout
    (metrics,) = (each for each in json.loads(told) if each["name"] == "metrics")
    assert "worker http://127.0.0.1:" in metrics["detail"]


def test_addresses_are_taken_back_when_the_platform_stops(observed: Platform) -> None:
    observed.stop()
    assert list((observed.data / "metrics").glob("*.json")) == []
