"""What simulated people do is what people could do."""

from tests.simulation.options import options_of
from tests.simulation.simulation import in_a_world
from tests.simulation.workload import Workload
from tests.simulation.world.world import World


def test_nobody_pushes_to_an_app_before_its_making_was_answered() -> None:
    options = options_of(1)
    before, after = in_a_world(options, _play)
    assert before == (0, 0)
    assert after == (options.pushes, options.pushes)


def _play(world: World) -> tuple[tuple[int, int], tuple[int, int]]:
    """(pushed, accepted) while nothing runs, and once all does."""
    workload = Workload(world)
    workload.begin()
    scheduler = world.kernel.scheduler
    scheduler.run(world.options.active_seconds)
    before = workload.pushed, len(workload.accepted)
    world.start_all()
    scheduler.run(scheduler.now + 120)
    return before, (workload.pushed, len(workload.accepted))
