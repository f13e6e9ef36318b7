"""Each contract test runs in both worlds; a test of the Kafka adapter alone belongs to tests/integration/kafka."""

from collections.abc import Iterator

import pytest

from tests.contract.worlds import KafkaWorld, MemoryWorld, World

pytest.register_assert_rewrite("tests.contract.target_suite")


@pytest.fixture(params=["memory", "kafka"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made: World = MemoryWorld() if request.param == "memory" else KafkaWorld(request.getfixturevalue("kafka"))
    yield made
    for client in reversed(made.closing):
        client.close()
