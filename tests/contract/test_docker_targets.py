"""Targets of containers, on a real engine."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import TargetContract
from tests.support.container_world import DockerWorld
from tests.support.servers import scratch_directory


@pytest.fixture
def world(docker_host: str) -> Iterator[DockerWorld]:
    with scratch_directory() as root:
        made = DockerWorld(root)
        try:
            yield made
        finally:
            made.close()


class TestDockerTargets(TargetContract):
    """See target_suite."""
