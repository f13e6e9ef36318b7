"""The agent: takes offers, runs jobs, and lets the connection tell what they report.

An attempt starts only after the hub said Start, which it does when the pool has recorded the acceptance. An agent
that can't reach its hub for so long that the pool gives its leases away kills its jobs: nothing runs twice unseen.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from agents.config import AgentConfig
from agents.job_runner import JobRunner, JobTools
from agents.spool_store import SpoolStore
from core.protocol import messages as m

log = logging.getLogger("sealane.agent")


@dataclass
class Job:
    """A running attempt, its slot and its task."""

    epoch: int
    runner: JobRunner
    task: "asyncio.Task[None]"


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
        self.draining = False
        self._config = config
        self._store = store
        self._tools = tools
        self._say = say
        self._jobs: dict[str, Job] = {}
        self._offers: dict[str, m.Offer] = {}
        self._finished: dict[str, int] = {spool.attempt_key: spool.epoch for spool in store.recover()}
        self._heard_at = time.monotonic()
        self._lost_after_seconds = 30.0
        self._changed = asyncio.Event()

    def hello(self, software: str) -> m.Hello:
        held = {key: job.epoch for key, job in self._jobs.items()} | self._finished
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
        self._heard_at = time.monotonic()
        self._lost_after_seconds = welcome.lost_after_seconds
        for attempt_key in welcome.revoked:
            self._abandon(attempt_key, "revoked")
        if self.draining:
            self._say(m.Draining())

    def disconnected(self) -> None:
        """Offers die with the connection: the pool makes them again."""
        self._offers.clear()
        self._store.rewind()

    def take(self, message: m.HubMessage) -> None:
        """One message of the hub."""
        self._heard_at = time.monotonic()
        match message:
            case m.Offer():
                self._offered(message)
            case m.Start():
                self._start(message)
            case m.Cancel() if message.attempt_key in self._jobs:
                self._jobs[message.attempt_key].runner.cancel(message.grace_seconds)
            case m.Abandon():
                self._abandon(message.attempt_key, message.reason)
            case m.Ack():
                self._acknowledged(message)
            case m.Drain():
                self.drain()
            case m.Refused():
                self._refused(message)
            case _:
                pass

    def drain(self) -> None:
        """No new jobs; ended() tells when the last one is over and everything is reported."""
        if not self.draining:
            self.draining = True
            self._say(m.Draining())
        self._changed.set()

    def cancel_all(self) -> None:
        for job in self._jobs.values():
            job.runner.cancel(10)

    async def ended(self) -> None:
        """Until nothing runs and nothing is left to report."""
        while self._jobs or not self._store.empty:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Kill what still runs."""
        for job in self._jobs.values():
            job.runner.abandon()
        await asyncio.gather(*(job.task for job in self._jobs.values()), return_exceptions=True)

    def fence(self) -> None:
        """Called now and then: after too long a silence the leases are somebody else's."""
        silent = time.monotonic() - self._heard_at
        if silent > self._lost_after_seconds and self._jobs:
            log.error("no word from the hub for %.0f s: killing %d jobs", silent, len(self._jobs))
            for attempt_key in list(self._jobs):
                self._abandon(attempt_key, "hub-unreachable")

    def _offered(self, offer: m.Offer) -> None:
        key = offer.spec.attempt_key
        if key in self._jobs:
            return
        reason, detail = self._reason_to_refuse(key)
        if reason:
            self._say(m.RefuseLease(attempt_key=key, epoch=offer.epoch, reason=reason, detail=detail))
            return
        self._offers[key] = offer
        self._say(m.AcceptLease(attempt_key=key, epoch=offer.epoch))

    def _reason_to_refuse(self, attempt_key: str) -> tuple[str, str]:
        isolation = self._tools.executor.isolation
        if self.draining:
            return "draining", ""
        if isolation.kind == "none" and not self._config.unsafe_no_sandbox:
            return "no-sandbox", isolation.detail
        if attempt_key not in self._offers and len(self._jobs) + len(self._offers) >= self._config.slots:
            return "no-free-slot", ""
        return "", ""

    def _start(self, start: m.Start) -> None:
        offer = self._offers.pop(start.attempt_key, None)
        if offer is None or offer.epoch != start.epoch:
            return
        try:
            spool = self._store.create(start.attempt_key, start.epoch)
        except OSError as error:
            log.error("the spool of %s can't be made: %s", start.attempt_key, error)
            return
        taken = {job.runner.slot for job in self._jobs.values()}
        slot = next(number for number in range(self._config.slots + 1) if number not in taken)
        runner = JobRunner(offer.spec, slot, spool, self._tools)
        task = asyncio.get_running_loop().create_task(self._run(start.attempt_key, runner))
        self._jobs[start.attempt_key] = Job(start.epoch, runner, task)

    async def _run(self, attempt_key: str, runner: JobRunner) -> None:
        try:
            await runner.run()
        except Exception:
            log.exception("%s ended in an error of the agent", attempt_key)
            self._store.discard(attempt_key)
        finally:
            job = self._jobs.pop(attempt_key)
            self._finished[attempt_key] = job.epoch
            self._changed.set()

    def _acknowledged(self, ack: m.Ack) -> None:
        if self._store.acknowledge(ack.attempt_key, ack.number):
            self._finished.pop(ack.attempt_key, None)
            self._changed.set()

    def _abandon(self, attempt_key: str, reason: str) -> None:
        log.warning("abandoning %s: %s", attempt_key, reason)
        self._offers.pop(attempt_key, None)
        self._store.discard(attempt_key)
        self._finished.pop(attempt_key, None)
        if attempt_key in self._jobs:
            self._jobs[attempt_key].runner.abandon()
        self._changed.set()

    def _refused(self, refused: m.Refused) -> None:
        log.warning("the hub refused: %s (%s)", refused.detail, refused.code)
        if refused.attempt_key and refused.code == "stale-lease":
            self._abandon(refused.attempt_key, refused.code)
