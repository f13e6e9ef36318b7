"""Targets of compose projects, on a real engine."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import TargetContract
from tests.support.container_world import ComposeWorld


@pytest.fixture
def world(docker_host: str) -> Iterator[ComposeWorld]:
    with ComposeWorld.scratch() as made:
        yield made


class TestComposeTargets(TargetContract):
    """See target_suite."""
