"""Targets of processes, and static ones."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import FileTargetContract
from tests.support.servers import scratch_directory
from tests.support.target_world import ProcessWorld, StaticWorld, TargetWorld

WORLDS: dict[str, type[TargetWorld]] = {"process": ProcessWorld, "static": StaticWorld}


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[TargetWorld]:
    with scratch_directory() as root:
        made = WORLDS[request.param](root)
        try:
            yield made
        finally:
            made.close()


class TestTargets(FileTargetContract):
    """See target_suite."""
