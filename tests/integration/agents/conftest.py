"""A rig per test, and every isolation this machine gives."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.executors.detect import detect_isolation
from tests.integration.agents.bench import Bench
from tests.integration.agents.rig import Rig

ISOLATIONS = [kind for kind in ("bubblewrap", "unshare") if detect_isolation(kind).kind == kind]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as made:
        yield made


@pytest.fixture(params=ISOLATIONS)
def isolation(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.worker.close()
    made.executor.close()
