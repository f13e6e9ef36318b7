"""What simulated people do is what people could do."""

from collections.abc import Iterator

import pytest

from tests.simulation.engine.patches import patched
from tests.simulation.engine.process import Kernel
from tests.simulation.engine.scheduler import Scheduler
from tests.simulation.engine.trace import Trace
from tests.simulation.options import options_of
from tests.simulation.workload import Workload
from tests.simulation.world.disk import remove_root, temporary_root
from tests.simulation.world.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing runs in it yet."""
    root = temporary_root()
    kernel = Kernel(Scheduler(1), Trace())
    try:
        with patched(kernel.scheduler, {}):
            made = World(kernel, options_of(1), root)
            yield made
            made.unwind()
    finally:
        remove_root(root)


def test_nobody_pushes_to_an_app_before_its_making_was_answered(world: World) -> None:
    workload = Workload(world)
    workload.begin()
    scheduler = world.kernel.scheduler
    scheduler.run(world.options.active_seconds)
    assert (workload.pushed, workload.done) == (0, False)
    world.start_all()
    scheduler.run(scheduler.now + 120)
    assert workload.pushed == world.options.pushes
    assert len(workload.accepted) == workload.pushed
