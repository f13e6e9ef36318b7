"""One simulated history: a seed in, what went wrong out.

First pushes, people and faults together (safety is checked all along); then the faults stop, everything is started
again, and whatever was begun must come to its end within bounded time (liveness).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import IO, Any, TypeVar

from core.eventlog.routing import decode_event
from tests.simulation.checks.all_checks import Checks
from tests.simulation.engine.patches import collected_afterwards, patched
from tests.simulation.engine.process import Kernel
from tests.simulation.engine.scheduler import Scheduler
from tests.simulation.engine.trace import Trace
from tests.simulation.nemesis import Nemesis
from tests.simulation.options import Options, options_of
from tests.simulation.workload import Workload
from tests.simulation.world.disk import QuickShutil, SpoolOs, WorkerShutil, remove_root, temporary_root
from tests.simulation.world.executor import read
from tests.simulation.world.network import dialler
from tests.simulation.world.world import World

PlayedT = TypeVar("PlayedT")

# Approvals expire after a minute, clocks may be 5 minutes wrong twice over, and what was refused is asked again.
ENDS_WITHIN_SECONDS = 2400.0
QUIET_SECONDS = 15.0


@dataclass
class Result:
    """`violations` is empty where all went well; `last` are the last lines of the trace."""

    seed: int
    options: Options
    violations: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    lines: int = 0
    digest: str = ""
    runs: int = 0
    events: int = 0
    steps: int = 0
    seconds: float = 0.0


def simulate(seed: int, trace_file: IO[str] | None = None) -> Result:
    return in_a_world(options_of(seed), _play, trace_file)


def in_a_world(options: Options, play: Callable[[World], PlayedT], trace_file: IO[str] | None = None) -> PlayedT:
    """What `play` makes of a world that is there only meanwhile."""
    with collected_afterwards():
        return _in_a_world(options, play, trace_file)


def _in_a_world(options: Options, play: Callable[[World], PlayedT], trace_file: IO[str] | None) -> PlayedT:
    scheduler = Scheduler(options.seed)
    kernel = Kernel(scheduler, Trace(trace_file))
    root = temporary_root()
    try:
        world = World(kernel, options, root)
        spools = SpoolOs(world.disks)
        with patched(scheduler, _patches(world, spools)):
            result = play(world)
            spools.close_all()
            world.unwind()
        return result
    finally:
        kernel.trace.flush()
        remove_root(root)


def _patches(world: World, spools: SpoolOs) -> dict[str, Any]:
    # The same bytes are read by everybody, and an envelope can't be changed.
    decode = lru_cache(maxsize=None)(decode_event)
    return {
        "infra.kafka.tail:decode_event": decode,
        "projections.facts:_decode_envelope": decode,
        "agents.deployer.connector:decode_event": decode,
        "agents.metrics.sampler:decode_event": decode,
        "tests.simulation.checks.observer:decode_event": decode,
        "agents.connection:connect": dialler(world.network),
        "agents.spool_segment:os": spools,
        "agents.disk:shutil": WorkerShutil(world.disks),
        "agents.workspace:shutil": QuickShutil,
        "agents.log_spool:shutil": QuickShutil,
        "agents.spool_store:shutil": QuickShutil,
        "agents.output_pump:os": SimpleNamespace(read=read),
        # Looking after targets every second would be most of what happens.
        "agents.deployer.keeping:PERIOD_SECONDS": 5.0,
        **_locks(world.options.lock_seconds),
    }


def _locks(seconds: int) -> dict[str, Any]:
    """Within minutes no lock of production would expire."""
    return {
        "core.environments.queue:LOCK_TTL": timedelta(seconds=seconds),
        "core.environments.decide:LOCK_TTL": timedelta(seconds=seconds),
        "core.deployments.beginning:RENEW_SECONDS": seconds / 3,
        "core.runs.entering:RENEW": timedelta(seconds=seconds / 3),
        "core.runs.environment_notes:RENEW": timedelta(seconds=seconds / 3),
    }


def _play(world: World) -> Result:
    workload = Workload(world)
    checks = Checks(world, workload)
    nemesis = Nemesis(world, checks.leases, checks.reports)
    scheduler, options = world.kernel.scheduler, world.options
    world.start_all()
    workload.begin()
    nemesis.begin()
    scheduler.run(options.active_seconds, checks.look)
    workload.quieten()
    nemesis.heal()
    checks.midway()
    limit = scheduler.now + ENDS_WITHIN_SECONDS
    while scheduler.now < limit and not checks.failed and not checks.ended:
        scheduler.run(min(scheduler.now + QUIET_SECONDS, limit), checks.look)
        checks.check_decided()
    checks.finally_()
    trace = world.kernel.trace
    return Result(
        options.seed,
        options,
        checks.violations,
        trace.last,
        trace.lines,
        trace.digest(),
        len(checks.runs.requested),
        checks.observer.events,
        scheduler.steps,
        scheduler.now,
    )
