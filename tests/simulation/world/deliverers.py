"""The deployer and the sampler of a region: production's connectors, over sites in virtual time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.connectors.base import Connector, Handler
from agents.connectors.metrics import ConnectorMetrics
from agents.deployer.acting import Acting
from agents.deployer.connector import Deployer
from agents.deployer.hooking import Hooking
from agents.deployer.keeping import Keeper
from agents.deployer.reports import Reports
from agents.metrics.base import Place as Measured
from agents.metrics.sampler import Sampler
from agents.metrics.sampling import Sample
from agents.targets.base import Address, Interrupted, Order, Shifted, Superseded, TargetFailed, unheard
from agents.targets.place import Place
from agents.targets.registry import Makers, Targets
from core.deployments.commands import Measurement, ProbeResult
from core.deployments.events import SampleRequested
from core.deployments.target_state import TargetState, TargetStatus
from core.eventlog.topics import Topology
from core.rollouts.commands import ReportHook
from core.rollouts.events import HookRequested
from infra.memory.consumer import MemoryGroupConsumer
from tests.simulation.engine.process import Process
from tests.simulation.engine.threads import Event, Thread, sleep
from tests.simulation.world.log import SimulatedLog
from tests.simulation.world.producers import RepeatingProducer
from tests.simulation.world.sites import ERROR_RATES, Sites, worth_of

PATIENCE = 10.0
POLL_SECONDS = 0.4
DRAIN_SECONDS = 0.5
HOOK_SECONDS = 2.0
ENDS_BEFORE_READY = 3


class SimulatedTarget:
    """See agents.targets.base.Target. The order and its fence are on disk, as production keeps them."""

    def __init__(self, place: Place, sites: Sites, region: str) -> None:
        app, environment = place.root.parts[-2:]
        self._place = place
        self._sites = sites
        self._region = region
        self._site = sites.site(f"{app}/{environment}/{region}")

    def converge(self, order: Order, interrupted: Interrupted, shifted: Shifted = unheard) -> TargetStatus:
        self._place.claim(order)
        self._change(order, interrupted, lambda: self._site.start_missing(order.wish, order.fence))
        self._sites.begins()
        if order.wish.at_once and self._shift_to_fit(order, interrupted):
            shifted(self.status())
        self._await_ready(order, interrupted)
        self._change(order, interrupted, lambda: self._site.weigh(_weights(order.wish), order.fence))
        shifted(self.status())
        sleep(DRAIN_SECONDS)
        self._change(order, interrupted, lambda: self._site.remove_others(order.wish, order.fence))
        self._place.reached(order.fence)
        return self.status()

    def status(self) -> TargetStatus:
        self._reach()
        kept = self._place.kept()
        return self._site.status(kept.order.epoch if kept else 0)

    def addresses(self) -> tuple[Address, ...]:
        return ()

    def keep(self) -> None:
        self._reach()
        self._site.tend()

    def _change(self, order: Order, interrupted: Interrupted, change: Callable[[], None]) -> None:
        """Raises StaleEpoch, or Superseded where somebody asked for something newer."""
        self._reach()
        if interrupted():
            raise Superseded(f"{order.where}: action {order.action} is no longer wanted")
        with self._place.guarded(order.fence):
            change()

    def _reach(self) -> None:
        if self._region in self._sites.away:
            raise TargetFailed("target-unavailable", f"{self._site.name} can't be reached (injected)")

    def _shift_to_fit(self, order: Order, interrupted: Interrupted) -> bool:
        fit = [each for each in order.wish.sets if each.weight and self._site.is_fit(each)]
        if len(fit) == 1:
            self._change(order, interrupted, lambda: self._site.weigh({fit[0].name: 100}, order.fence))
        return len(fit) == 1

    def _await_ready(self, order: Order, interrupted: Interrupted) -> None:
        deadline = self._site.now + order.service.health.start_timeout_seconds
        begun = {name: one.restarts for name, one in self._site.sets.items()}
        while not self._site.is_ready(order.wish):
            self._change(order, interrupted, self._site.tend)
            for name, one in self._site.sets.items():
                if one.restarts - begun.get(name, 0) >= ENDS_BEFORE_READY:
                    raise TargetFailed("crashed", f"instances of {name} ended {one.restarts} times")
            if self._site.now > deadline:
                raise TargetFailed("not-ready", f"{self._site.name} is not ready in time")
            sleep(POLL_SECONDS)


def _weights(wish: TargetState) -> dict[str, int]:
    return {each.name: each.weight for each in wish.sets if each.weight}


class SimulatedHooks:
    """See agents.deployer.hooks.Hooks. What was begun goes on without its deployer."""

    def __init__(self, sites: Sites, now: Callable[[], float]) -> None:
        self._sites = sites
        self._now = now

    def begun(self, rollout_id: str, asked: HookRequested) -> bool:
        return (rollout_id, asked.down) in self._sites.hooks

    def look(self, rollout_id: str, asked: HookRequested) -> ReportHook | None:
        ends = self._sites.hooks.setdefault((rollout_id, asked.down), self._now() + HOOK_SECONDS)
        if self._now() < ends:
            return None
        ok = worth_of(asked.release) != "hook"
        return ReportHook(ok=ok, exit_code=0 if ok else 1, output="migrated" if ok else "no such table")


class SimulatedSampling:
    """See agents.metrics.sampling.Sampling."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def note(self, place: Measured) -> None:
        """The sites count by themselves."""

    def sample(self, asked: SampleRequested) -> Sample:
        sleep(0.2)
        site = self._sites.site(f"{asked.app}/{asked.environment}/{asked.region}")
        found = site.sets.get(asked.canary)
        if asked.region in self._sites.away or found is None:
            errors = tuple(Measurement(check=each.name, outcome="error", detail="injected") for each in asked.checks)
            return Sample(errors, _probes(asked, ok=False), None)
        value = ERROR_RATES.get(worth_of(found.release), 0.001)
        requests = site.requests(asked.canary)
        measured = tuple(
            Measurement(check=each.name, outcome="value", value=value, requests=requests) for each in asked.checks
        )
        return Sample(measured, _probes(asked, ok=True), requests)


def _probes(asked: SampleRequested, ok: bool) -> tuple[ProbeResult, ...]:
    return tuple(ProbeResult(each.name, ok) for each in asked.probes)


class SimulatedScraper:
    """See agents.metrics.scraper.Scraper."""

    def watch(self, place: Measured) -> None:
        """There is nothing to scrape."""

    def done(self, place: Measured) -> None:
        """Nor to stop scraping."""


def deliverer(log: SimulatedLog, topology: Topology, process: Process, region: str, root: Path, sites: Sites) -> None:
    """One process: the deployer's connector, its keeper, and the sampler's connector."""
    producer = RepeatingProducer(log, process)

    def target(place: Place) -> SimulatedTarget:
        return SimulatedTarget(place, sites, region)

    targets = Targets(root, region, Makers(service=target, static=target))
    reports = Reports(topology, region, process, producer.send_all)
    hooks: Any = SimulatedHooks(sites, lambda: process.kernel.scheduler.now)
    sampling, scraper = SimulatedSampling(sites), SimulatedScraper()
    handlers: tuple[Handler, ...] = (
        Deployer(region, Acting(targets, _run_probes, reports), Hooking(topology, region, process, hooks)),
        Sampler(topology, region, process, sampling, scraper),  # type: ignore[arg-type]
    )
    metrics = ConnectorMetrics()
    for handler in handlers:
        connector = Connector(
            handler=handler,
            consumer=lambda name=handler.name: MemoryGroupConsumer(log.memory, f"sealane-{name}", process.name),  # type: ignore[misc]
            producer=producer,
            metrics=metrics,
            threads=4,
        )
        thread = Thread(connector.run, handler.name, args=(Event(),), topics=frozenset(handler.topics))
        thread.patience = PATIENCE
        log.wake_by_topics(thread).start()
    Thread(Keeper(targets, reports).run, f"keeper-{region}", args=(Event(),)).start()


def _run_probes(probes: object, urls: object) -> tuple[ProbeResult, ...]:
    """No simulated instance has an address."""
    return ()
