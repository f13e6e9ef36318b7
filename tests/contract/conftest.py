"""Each contract test runs in both worlds; a test of the Kafka adapter alone belongs to tests/integration/kafka."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.worlds import KafkaWorld, MemoryWorld, World
from tests.support import servers

pytest.register_assert_rewrite("tests.contract.target_suite")


@pytest.fixture(scope="package")
def kafka(kafka_template: Path) -> Iterator[str]:
    """Bootstrap servers of a broker for the tests of this folder: name topics and groups with `unique_name`."""
    with servers.shared_kafka(kafka_template) as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made: World = MemoryWorld() if request.param == "memory" else KafkaWorld(request.getfixturevalue("kafka"))
    yield made
    for client in reversed(made.closing):
        client.close()
