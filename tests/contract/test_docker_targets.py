"""Targets of containers, on a real engine."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import TargetContract
from tests.support.container_world import DockerWorld


@pytest.fixture
def world(docker_host: str) -> Iterator[DockerWorld]:
    with DockerWorld.scratch() as made:
        yield made


class TestDockerTargets(TargetContract):
    """See target_suite."""
