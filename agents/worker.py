"""The agent: takes offers, runs jobs, and lets the connection tell what they report.

An attempt starts only after the hub said Start, which it does when the pool has recorded the acceptance. An agent
that can't reach its hub for so long that the pool gives its leases away kills its jobs: nothing runs twice unseen.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agents.config import AgentConfig
from agents.disk import reason_against
from agents.job_runner import JobRunner, JobTools
from agents.spool_store import SpoolStore
from core.protocol import messages as m

log = logging.getLogger("sealane.agent")


@dataclass
class WorkerStatus:
    """What the agent does and did; the counters grow for the life of the process. Read from other threads too."""

    slots: int
    running: int = 0
    draining: bool = False
    connected: bool = False
    connections: int = 0
    jobs_started: int = 0
    jobs_abandoned: int = 0
    offers_refused: Counter[str] = field(default_factory=Counter)
    spool_bytes: int = 0
    jobs_folder: str = ""


@dataclass
class Job:
    """A running attempt, its slot and its task. `abandoned`: it is being ended, and nobody is told how."""

    epoch: int
    runner: JobRunner
    task: "asyncio.Task[None]"
    abandoned: bool = False


@dataclass
class Accepted:
    """An offer we took that may not start yet. `cancel_grace_seconds`: it was cancelled already, with this grace."""

    offer: m.Offer
    cancel_grace_seconds: int | None = None


class Worker:
    """Everything but the connection. `say` queues a message that needs no acknowledgement."""

    def __init__(
        self,
        config: AgentConfig,
        agent_id: str,
        store: SpoolStore,
        tools: JobTools,
        say: Callable[[m.AgentMessage], None],
    ) -> None:
        self.agent_id = agent_id
        self.draining = asyncio.Event()
        self._config = config
        self._store = store
        self._tools = tools
        self._say = say
        self._jobs: dict[str, Job] = {}
        self._accepted: dict[str, Accepted] = {}
        self._heard_at = _seconds()
        self._lost_after_seconds = 30.0
        self._changed = asyncio.Event()
        self._counts = WorkerStatus(config.slots, jobs_folder=str(tools.jobs))

    def status(self) -> WorkerStatus:
        """As it is now."""
        return replace(
            self._counts,
            running=len(self._jobs),
            draining=self.draining.is_set(),
            spool_bytes=self._store.unacked_bytes,
        )

    def hello(self, software: str) -> m.Hello:
        """`held`: what runs, what ended and is not acknowledged, and what was accepted but not started yet."""
        held = {key: accepted.offer.epoch for key, accepted in self._accepted.items()}
        held |= self._store.finished() | {key: job.epoch for key, job in self._jobs.items() if not job.abandoned}
        return m.Hello(
            protocol=m.PROTOCOL_VERSION,
            agent_id=self.agent_id,
            region=self._config.region,
            pool=self._config.pool,
            slots=self._config.slots,
            labels=self._config.labels,
            software=software,
            isolation=self._tools.executor.isolation.kind,
            held=tuple(m.HeldLease(key, epoch) for key, epoch in held.items()),
        )

    def welcomed(self, welcome: m.Welcome) -> None:
        self._heard_at = _seconds()
        self._lost_after_seconds = welcome.lost_after_seconds
        self._counts.connected = True
        self._counts.connections += 1
        for attempt_key in welcome.revoked:
            self._abandon(attempt_key, "revoked")
        for attempt_key, accepted in self._accepted.items():
            # The hub's Start may have been lost with the connection; it answers a repeated acceptance with another.
            self._say(m.AcceptLease(attempt_key=attempt_key, epoch=accepted.offer.epoch))
        if self.draining.is_set():
            self._say(m.Draining())

    def disconnected(self) -> None:
        self._counts.connected = False
        self._store.rewind()

    def silent_seconds(self) -> float:
        """How long ago the hub was last heard of."""
        return _seconds() - self._heard_at

    def take(self, message: m.HubMessage) -> None:
        """One message of the hub."""
        self._heard_at = _seconds()
        match message:
            case m.Offer():
                self._offered(message)
            case m.Start():
                self._start(message)
            case m.Cancel():
                self._cancel(message)
            case m.Abandon():
                self._abandon(message.attempt_key, message.reason)
            case m.Ack():
                self._store.acknowledge(message.attempt_key, message.number)
                self._changed.set()
            case m.Drain():
                self.drain()
            case m.Refused():
                self._refused(message)
            case _:
                pass

    def drain(self) -> None:
        """No new jobs; ended() tells when the last one is over and everything is reported."""
        if not self.draining.is_set():
            log.info("draining: no new jobs, %d still run", len(self._jobs))
            self.draining.set()
            self._say(m.Draining())

    def cancel_all(self) -> None:
        for job in self._jobs.values():
            job.runner.cancel(10)

    def kill_all(self) -> None:
        """At once, whatever cleans up; their end is reported all the same."""
        for job in self._jobs.values():
            job.runner.kill()

    async def idle(self) -> None:
        """Until nothing runs."""
        while self._jobs:
            self._changed.clear()
            await self._changed.wait()

    async def ended(self) -> None:
        """Until nothing runs or may yet start, and nothing is left to report."""
        while self._jobs or self._accepted or not self._store.empty:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Kill what still runs."""
        for job in self._jobs.values():
            job.runner.kill()
        await asyncio.gather(*(job.task for job in self._jobs.values()), return_exceptions=True)

    def fence(self) -> bool:
        """Called now and then: after too long a silence the leases are somebody else's. Whether jobs were killed:
        the next hello says so."""
        living = [attempt_key for attempt_key, job in self._jobs.items() if not job.abandoned]
        if not living or self.silent_seconds() <= self._lost_after_seconds:
            return False
        log.error("no word from the hub for %.0f s: killing %d jobs", self.silent_seconds(), len(living))
        for attempt_key in living:
            self._abandon(attempt_key, "hub-unreachable")
        return True

    def give_up(self, attempt_key: str, reason: str) -> None:
        """What the attempt had to say can't be said. The next hello doesn't name it, and the pool takes it for lost."""
        self._abandon(attempt_key, reason)

    def _runs(self, attempt_key: str, epoch: int) -> bool:
        job = self._jobs.get(attempt_key)
        return job is not None and job.epoch == epoch

    def _offered(self, offer: m.Offer) -> None:
        key = offer.spec.attempt_key
        if self._runs(key, offer.epoch):
            return
        reason, detail = self._reason_to_refuse(key)
        if reason:
            self._counts.offers_refused[reason] += 1
            self._say(m.RefuseLease(attempt_key=key, epoch=offer.epoch, reason=reason, detail=detail))
            return
        self._accepted[key] = Accepted(offer)
        self._say(m.AcceptLease(attempt_key=key, epoch=offer.epoch))

    def _reason_to_refuse(self, attempt_key: str) -> tuple[str, str]:
        isolation = self._tools.executor.isolation
        if attempt_key in self._jobs:
            return "no-free-slot", "what an earlier lease of the attempt started is still being ended"
        if self.draining.is_set():
            return "draining", ""
        if isolation.kind == "none" and not self._config.unsafe_no_sandbox:
            return "no-sandbox", isolation.detail
        if len(self._jobs) + len(self._accepted.keys() - {attempt_key}) >= self._config.slots:
            return "no-free-slot", ""
        return reason_against({"workspaces": self._tools.jobs, "reports": self._store.root})

    def _start(self, start: m.Start) -> None:
        accepted = self._accepted.get(start.attempt_key)
        if accepted is None or accepted.offer.epoch != start.epoch:
            return
        del self._accepted[start.attempt_key]
        taken = {job.runner.slot for job in self._jobs.values()}
        slot = next(number for number in range(self._config.slots) if number not in taken)
        spool = self._store.create(start.attempt_key, start.epoch)
        runner = JobRunner(accepted.offer.spec, slot, spool, self._tools)
        if accepted.cancel_grace_seconds is not None:
            runner.cancel(accepted.cancel_grace_seconds)
        task = asyncio.get_running_loop().create_task(self._run(start.attempt_key, runner))
        self._jobs[start.attempt_key] = Job(start.epoch, runner, task)
        self._counts.jobs_started += 1

    def _cancel(self, cancel: m.Cancel) -> None:
        """After a reconnect it may come before the Start of what it cancels."""
        accepted = self._accepted.get(cancel.attempt_key)
        if self._runs(cancel.attempt_key, cancel.epoch):
            self._jobs[cancel.attempt_key].runner.cancel(cancel.grace_seconds)
        elif accepted is not None and accepted.offer.epoch == cancel.epoch:
            accepted.cancel_grace_seconds = cancel.grace_seconds

    async def _run(self, attempt_key: str, runner: JobRunner) -> None:
        try:
            await runner.run()
        finally:
            del self._jobs[attempt_key]
            self._changed.set()

    def _abandon(self, attempt_key: str, reason: str) -> None:
        log.warning("abandoning %s: %s", attempt_key, reason)
        self._accepted.pop(attempt_key, None)
        self._store.discard(attempt_key)
        if attempt_key in self._jobs:
            self._counts.jobs_abandoned += 1
            self._jobs[attempt_key].abandoned = True
            self._jobs[attempt_key].runner.kill()
        self._changed.set()

    def _refused(self, refused: m.Refused) -> None:
        log.warning("the hub refused: %s (%s)", refused.detail, refused.code)
        key = refused.attempt_key
        accepted, job = self._accepted.get(key), self._jobs.get(key)
        if accepted is not None:
            # A word on an earlier offer of the attempt says nothing about this one.
            if accepted.offer.epoch == refused.epoch:
                del self._accepted[key]
                self._changed.set()
        elif key and refused.code == "stale-lease" and (job is None or job.epoch == refused.epoch):
            self._abandon(key, refused.code)


def _seconds() -> float:
    """Goes on while the machine sleeps, unlike time.monotonic(): what was leased before is not ours when it wakes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
