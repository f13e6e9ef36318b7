"""/metrics over a real socket: where it listens, how it is found, what it costs while nobody asks."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from infra.metrics.endpoint import MetricsPortTaken, known_targets, metrics_endpoint

HOST = "127.0.0.1"


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("sealane_seen", "Seen.", registry=made).inc(3)
    return made


def ask(address: str, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_free_port_is_taken_and_written_down_for_prometheus(tmp_path: Path) -> None:
    with metrics_endpoint(tmp_path, "worker", HOST, 0, registry):
        address = known_targets(tmp_path)["worker"]
        assert "sealane_seen_total 3.0" in ask(address)
        assert "process_resident_memory_bytes" in ask(address)
        written = json.loads((tmp_path / "metrics" / "worker.json").read_text())
        assert written == [{"targets": [address], "labels": {"role": "worker"}}]
    assert known_targets(tmp_path) == {}


def test_other_paths_are_not_found(tmp_path: Path) -> None:
    with metrics_endpoint(tmp_path, "worker", HOST, 0, registry):
        address = known_targets(tmp_path)["worker"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(address, "/")


def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    with metrics_endpoint(tmp_path, "worker", HOST, None, registry):
        assert known_targets(tmp_path) == {}


def test_taken_port_is_named(tmp_path: Path) -> None:
    with metrics_endpoint(tmp_path, "one", HOST, 0, registry):
        port = int(known_targets(tmp_path)["one"].rpartition(":")[2])
        with (
            pytest.raises(MetricsPortTaken, match=f"{HOST}:{port}, wanted for the metrics of two"),
            metrics_endpoint(tmp_path, "two", HOST, port, registry),
        ):
            pass


def test_folder_that_can_not_be_written_does_not_stop_the_process(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file where the folder should be")
    with metrics_endpoint(tmp_path, "worker", HOST, 0, registry):
        assert known_targets(tmp_path) == {}


@pytest.mark.parametrize("module", ["infra.roles", "infra.agent_role", "infra.metrics.endpoint"])
def test_idle_process_has_not_imported_what_answers_or_traces(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('prometheus_client', 'opentelemetry') if m in sys.modules])"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
