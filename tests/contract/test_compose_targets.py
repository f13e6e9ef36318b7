"""Targets of compose projects, on a real engine."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import TargetContract
from tests.support.container_world import ComposeWorld
from tests.support.servers import scratch_directory


@pytest.fixture
def world(docker_host: str) -> Iterator[ComposeWorld]:
    with scratch_directory() as root:
        made = ComposeWorld(root)
        try:
            yield made
        finally:
            made.close()


class TestComposeTargets(TargetContract):
    """See target_suite."""
