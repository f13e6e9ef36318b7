"""Who gets requests: only shares that a strategy has, and in the end one release alone, the one of the environment."""

from typing import Any

from agents.targets.base import Fence
from tests.simulation.checks.locks import LocksCheck
from tests.simulation.checks.observer import Check, Seen
from tests.simulation.world.sites import Site
from tests.simulation.world.world import World


class TrafficCheck(Check):
    """`wishes` are the shares that deployments may ask for: those of their steps, or all for one release (back)."""

    def __init__(self, world: World, locks: LocksCheck) -> None:
        super().__init__()
        self._world = world
        self._locks = locks
        self._steps: dict[str, list[dict[str, int]]] = {}
        self._back: dict[str, str] = {}
        self._wished: dict[str, list[dict[str, int]]] = {}
        self._fences: dict[str, Fence] = {}
        world.sites.on_change = self._changed

    def event(self, seen: Seen) -> None:
        stream = seen.event.stream
        match seen.event.type:
            case "deployment.started":
                self._steps[stream] = [_shares(step["wish"]) for step in seen.data["steps"]]
                self._back[stream] = (seen.data.get("rollback_to") or {}).get("id", "")
            case "deployment.action_requested":
                self._asked(stream, seen.data)
            case "deployment.traffic_shifted":
                allowed = [*self._steps[stream], {self._back[stream]: 100}, {}]
                if seen.data["weights"] not in allowed:
                    self.wrong(f"{stream} shares requests as {seen.data['weights']}; its steps are {allowed}")

    def _asked(self, stream: str, data: dict[str, Any]) -> None:
        shares = _shares(data["wish"])
        back = {self._back[stream]: 100} if self._back[stream] else {}
        if shares not in (*self._steps[stream], back):
            self.wrong(f"{stream} asks for {shares}, which is none of its steps")
        place = f"{data['app']}/{data['environment']}/{data['region']}"
        self._wished.setdefault(place, []).append(shares)

    def _changed(self, site: Site, fence: Fence) -> None:
        """By nobody who was overtaken."""
        if fence < self._fences.get(site.name, fence):
            self.wrong(f"{site.name} is changed by {fence}, after {self._fences[site.name]}")
        self._fences[site.name] = fence
        if sum(site.weights.values()) not in (0, 100):
            self.wrong(f"{site.name} shares requests as {site.weights}")

    def check_end(self) -> None:
        """After the faults everything has come to rest."""
        for name, site in self._world.sites.all.items():
            self._check_site(name, site)
        for stream, owner in self._locks.owners.items():
            self.wrong(f"{stream} is held by {owner} in the end")

    def _check_site(self, name: str, site: Site) -> None:
        """Wholly on one release. Where none was ever healthy (all lost their locks), what they wished may be left over,
        with requests or without, until the next one: nobody knows what else to ask for."""
        current = self._locks.current.get(f"environment/{name}")
        wished = [shares for shares in self._wished.get(name, []) if len(shares) < 2]
        if site.weights != {current: 100} if current else site.weights not in ({}, *wished):
            self.wrong(f"{name} shares requests as {site.weights}; the environment says it is on {current}")
        running = set(site.sets)
        if running != {current} if current else not running <= set().union(*wished):
            self.wrong(f"{name} runs {sorted(site.sets)} and shares requests as {site.weights}")


def _shares(wish: dict[str, Any]) -> dict[str, int]:
    return {each["name"]: each["weight"] for each in wish.get("sets", []) if each.get("weight")}
