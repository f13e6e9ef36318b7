"""A real broker with the topics of the counters, and processors as processes that can be killed and frozen."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka.admin import KafkaTopicAdmin
from infra.kafka.connection import Connection
from infra.kafka.topics import apply
from tests.support.counter_log import CounterLog
from tests.support.counter_processor import TOPOLOGY

ROOT = Path(__file__).parents[3]


class Fleet:
    """Processes by name; whatever is left is killed at the end."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, die_at: int | None = None) -> None:
        """Returns once the process owns partitions."""
        command = [sys.executable, "-m", "tests.support.counter_processor", self._bootstrap, name]
        if die_at is not None:
            command.append(str(die_at))
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self._processes[name] = process
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", f"{name} did not get ready"

    def signal(self, name: str, number: signal.Signals) -> None:
        self._processes[name].send_signal(number)

    def wait(self, name: str) -> int:
        return self._processes.pop(name).wait(30)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.wait(name)

    def stop(self, name: str) -> int:
        """Graceful: the process hands over and ends with 0."""
        self.signal(name, signal.SIGTERM)
        return self.wait(name)

    def kill_all(self) -> None:
        for name in list(self._processes):
            self.kill(name)


@pytest.fixture
def bootstrap(fresh_kafka: str) -> str:
    apply(KafkaTopicAdmin(Connection(fresh_kafka)), TOPOLOGY.topic_specs())
    return fresh_kafka


@pytest.fixture
def counter_log(bootstrap: str) -> Iterator[CounterLog]:
    made = CounterLog(bootstrap)
    yield made
    made.close()


@pytest.fixture
def fleet(bootstrap: str) -> Iterator[Fleet]:
    made = Fleet(bootstrap)
    yield made
    made.kill_all()
