"""What the collectors make of the numbers they are given, in Prometheus's own text."""

from itertools import accumulate

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from agents.worker import WorkerStatus
from core.ports import TopicPartition
from infra.metrics.agent import AgentCollector
from infra.metrics.processor import ProcessorCollector
from infra.metrics.worker import ProjectorCollector
from processors.metrics import LATENCY_BOUNDS, ProcessorMetrics
from projections.projector import ProjectorStatus
from tests.support.counter import Add
from tests.support.plant import Plant


def lines(collector: Collector) -> set[str]:
    registry = CollectorRegistry()
    registry.register(collector)
    return set(generate_latest(registry).decode().splitlines())


def test_processor_tells_its_partitions_and_what_it_decided() -> None:
    plant = Plant()
    processor = plant.processor("one")
    plant.send(plant.command("run/a", Add()), plant.command("run/a", Add(amount=-1)))
    plant.settle(processor)
    found = lines(ProcessorCollector(processor))
    assert found >= {
        "sealane_processor_commands_total 2.0",
        "sealane_processor_rejections_total 1.0",
        "sealane_processor_decision_seconds_count 2.0",
        'sealane_processor_partition_live{partition="0",topic="sealane.runs.commands"} 1.0',
    }


def test_latencies_are_counted_from_sending_to_commit() -> None:
    metrics = ProcessorMetrics()
    metrics.decided([1_000_000, 1_000_000, 1_000_000, 1_000_950, 2_000_000], 1001.0)
    at_most = dict(zip(LATENCY_BOUNDS, accumulate(metrics.latencies.counts), strict=False))
    assert (at_most[0.001], at_most[0.1], at_most[1.0]) == (1, 2, 5)
    assert metrics.latencies.sum == pytest.approx(3.05)


def test_agent_tells_its_spool_and_why_it_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    status = WorkerStatus(4, running=2, connected=True, spool_bytes=512, jobs_folder=str(tmp_path_factory.mktemp("j")))
    status.offers_refused["disk-full"] += 3
    assert lines(AgentCollector(lambda: status)) >= {
        "sealane_agent_slots 4.0",
        "sealane_agent_running_jobs 2.0",
        "sealane_agent_spool_bytes 512.0",
        'sealane_agent_offers_refused_total{reason="disk-full"} 3.0',
    }


def test_projector_tells_where_a_chain_is_broken() -> None:
    status = ProjectorStatus(state="active")
    status.chains.mismatches[TopicPartition("sealane.runs.events", 2)] = 1
    assert lines(ProjectorCollector(status)) >= {
        "sealane_projector_active 1.0",
        'sealane_chain_mismatches_total{partition="2",topic="sealane.runs.events"} 1.0',
    }
