"""Targets of processes, and static ones."""

from collections.abc import Iterator

import pytest

from tests.contract.target_suite import FileTargetContract
from tests.support.target_world import ProcessWorld, StaticWorld, TargetWorld

WORLDS: dict[str, type[TargetWorld]] = {"process": ProcessWorld, "static": StaticWorld}


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[TargetWorld]:
    with WORLDS[request.param].scratch() as made:
        yield made


class TestTargets(FileTargetContract):
    """See target_suite."""
