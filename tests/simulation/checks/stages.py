"""Stages that deploy by their own steps: no job before all locks are theirs, and no lock kept by one that has ended."""

from typing import Any, NamedTuple

from core.ids import stage_key
from tests.simulation.checks.observer import Check, Seen


class Name(NamedTuple):
    run: str
    stage: str


class Guarded:
    """A stage in a round. `wanted` are the regions whose locks it asked for, `held` those it was given."""

    def __init__(self, round_: int) -> None:
        self.round = round_
        self.protected = True
        self.asking = True
        self.wanted: set[str] = set()
        self.held: set[str] = set()

    @property
    def may_work(self) -> bool:
        return not self.asking and (not self.protected or (bool(self.held) and self.held == self.wanted))


class StagesCheck(Check):
    """`_leaving` is, by run, the stage that has ended with locks: the next that is heard of the run is that it left."""

    def __init__(self) -> None:
        super().__init__()
        self._stages: dict[Name, Guarded] = {}
        self._leaving: dict[str, Name] = {}
        self._given: set[tuple[str, int, str]] = set()
        self._taken: set[tuple[str, int, str]] = set()

    def event(self, seen: Seen) -> None:
        kind, stream = seen.event.type, seen.event.stream
        if kind == "environment.lock_granted":
            self._given.add((seen.data["deployment_id"], seen.data["epoch"], stream.rpartition("/")[2]))
        if not stream.startswith("run/"):
            return
        leaving = self._leaving.pop(stream, None)
        if leaving is not None and kind != "stage.environment_left":
            self.wrong(f"stage '{leaving.stage}' of {stream} has ended and keeps its locks: {kind} follows")
        handler = _HANDLERS.get(kind)
        if handler is not None:
            name = Name(stream.partition("/")[2], seen.data["stage"])
            handler(self, name, seen.data)

    def check_end(self) -> None:
        """Each is read from a partition of its own, so they are compared when all has been read."""
        for taken in self._taken - self._given:
            self.wrong(f"{taken} was never granted by its environment")

    def _asked(self, name: Name, data: dict[str, Any]) -> None:
        self._stages[name] = Guarded(data["round"])

    def _noted(self, name: Name, data: dict[str, Any]) -> None:
        stage = self._stages[name]
        stage.asking, stage.protected = False, data.get("protection") is not None

    def _wanted(self, name: Name, data: dict[str, Any]) -> None:
        self._stages[name].wanted.add(data["region"])

    def _granted(self, name: Name, data: dict[str, Any]) -> None:
        stage = self._stages[name]
        stage.held.add(data["region"])
        self._taken.add((stage_key(name.run, name.stage, stage.round), data["epoch"], data["region"]))

    def _left(self, name: Name, data: dict[str, Any]) -> None:
        stage = self._stages[name]
        stage.held -= set(data["regions"])

    def _queued(self, name: Name, data: dict[str, Any]) -> None:
        stage = self._stages.get(name)
        if stage is not None and not stage.may_work:
            self.wrong(f"job '{data['job_id']}' of run {name.run} is queued, and its stage holds {stage.held} only")

    def _ended(self, name: Name, data: dict[str, Any]) -> None:
        stage = self._stages.get(name)
        if stage is not None and stage.held:
            self._leaving[f"run/{name.run}"] = name


_HANDLERS: dict[str, Any] = {
    "stage.protection_requested": StagesCheck._asked,
    "stage.protection_noted": StagesCheck._noted,
    "stage.lock_requested": StagesCheck._wanted,
    "stage.lock_granted": StagesCheck._granted,
    "stage.environment_left": StagesCheck._left,
    "stage.finished": StagesCheck._ended,
    "stage.skipped": StagesCheck._ended,
    "job.queued": StagesCheck._queued,
}
