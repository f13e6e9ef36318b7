"""One simulated history: a seed in, what went wrong out.

First pushes, people and faults together (safety is checked all along); then the faults stop, everything is started
again, and whatever was begun must come to its end within bounded time (liveness).
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import IO, Any

from tests.simulation.checks.history import HistoryCheck
from tests.simulation.checks.observer import Check, Observer
from tests.simulation.checks.runs import RunsCheck
from tests.simulation.engine.patches import patched
from tests.simulation.engine.process import Kernel
from tests.simulation.engine.scheduler import Scheduler
from tests.simulation.engine.trace import Trace
from tests.simulation.options import Options, options_of
from tests.simulation.workload import Workload
from tests.simulation.world.disk import SpoolOs, WorkerShutil, remove_root, temporary_root
from tests.simulation.world.executor import read
from tests.simulation.world.network import dialler
from tests.simulation.world.world import World

LONGEST_SECONDS = 1800.0


@dataclass
class Result:
    """`violations` is empty where all went well."""

    seed: int
    options: Options
    violations: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    digest: str = ""
    runs: int = 0
    events: int = 0
    steps: int = 0
    seconds: float = 0.0


def simulate(seed: int, trace_file: IO[str] | None = None) -> Result:
    options = options_of(seed)
    scheduler = Scheduler(seed)
    kernel = Kernel(scheduler, Trace(trace_file))
    root = temporary_root()
    try:
        world = World(kernel, options, root)
        spools = SpoolOs(world.disks)
        with patched(scheduler, _patches(world, spools)):
            result = _play(world, options)
            spools.close_all()
            world.unwind()
        return result
    finally:
        remove_root(root)


def _patches(world: World, spools: SpoolOs) -> dict[str, Any]:
    return {
        "agents.connection:connect": dialler(world.network),
        "agents.spool_segment:os": spools,
        "agents.worker:shutil": WorkerShutil(world.disks),
        "agents.output_pump:os": SimpleNamespace(read=read),
    }


def _play(world: World, options: Options) -> Result:
    workload, history, runs = Workload(world), HistoryCheck(), RunsCheck()
    checks: list[Check] = [history, runs, workload]
    violations = world.kernel.failures
    for check in checks:
        check.wrong = violations.append
    observer = Observer(world.log.memory, checks)
    scheduler = world.kernel.scheduler

    def look() -> bool:
        if world.log.changed:
            world.log.changed = False
            observer.observe()
        return bool(violations)

    world.start_all()
    workload.begin()
    scheduler.run(options.active_seconds, look)
    workload.active = False
    scheduler.run(options.active_seconds + LONGEST_SECONDS, lambda: look() or (workload.done and not runs.open))
    scheduler.run(scheduler.now + 60, look)
    if not violations:
        if not workload.done:
            violations.append("not everything that was asked was answered")
        violations.extend(f"{run} does not end" for run in runs.open)
        violations.extend(f"never decided: {what}" for what in history.undecided())
        runs.check_pushes(workload.accepted)
    trace = world.kernel.trace
    print(runs.outcomes)
    return Result(
        options.seed,
        options,
        list(violations),
        list(trace.last),
        trace.digest(),
        len(runs.requested),
        observer.events,
        scheduler.steps,
        scheduler.now,
    )
