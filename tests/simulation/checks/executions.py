"""What agents really execute: a job in one attempt at a time, and nobody for long after the lease is over.

The rule of fencing: an agent that can't be told stops by itself, FENCE_SECONDS after the hub's last word. A frozen
one can't even do that; it may go on until it has been awake for a moment.
"""

from gateway.realtime.agent_hub import FENCE_SECONDS
from tests.simulation.checks.leases import LeasesCheck
from tests.simulation.checks.observer import Check
from tests.simulation.engine.process import Process
from tests.simulation.world.executor import Execution, Executions
from tests.simulation.world.world import World

# The agent looks once a second, and its connection may have been slow.
NOTICED_SECONDS = 3.0


class ExecutionsCheck(Check):
    """Safety: asked when an execution begins."""

    def __init__(self, world: World, leases: LeasesCheck) -> None:
        super().__init__()
        self._world = world
        self._executions: Executions = world.executions
        self._leases = leases
        world.executions.on_begin = self._begins

    def _begins(self, new: Execution) -> None:
        job = self._leases.job_of(new.attempt_key)
        for old in list(self._executions.live.values()):
            if old is not new and self._leases.job_of(old.attempt_key) == job and not self._excused(old):
                self.wrong(
                    f"{new.process.name} begins {new.attempt_key} while {old.process.name} executes {old.attempt_key}"
                )

    def check_all(self) -> None:
        """At any time: nothing executes for long without a lease."""
        for one in list(self._executions.live.values()):
            if not self._may_run(one):
                self.wrong(f"{one.process.name} still executes {one.attempt_key}, whose lease is long over")

    def _may_run(self, one: Execution) -> bool:
        ended = [when for (key, _), when in self._leases.ended.items() if key == one.attempt_key]
        if one.attempt_key in self._leases.live or not ended:
            return True
        return self._excused(one)

    def _excused(self, old: Execution) -> bool:
        now = self._world.kernel.scheduler.now
        if _frozen_lately(old.process, now) or old.process.slowness > 1:
            return True
        ended = [when for (key, _), when in self._leases.ended.items() if key == old.attempt_key]
        return bool(ended) and now - max(ended) < FENCE_SECONDS + NOTICED_SECONDS


def _frozen_lately(process: Process, now: float) -> bool:
    return process.paused_until > now - NOTICED_SECONDS
