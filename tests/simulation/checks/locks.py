"""Environments: one owner of the lock at a time, growing epochs, and no release in quarantine that deploys itself."""

from typing import Any, NamedTuple

from tests.simulation.checks.observer import Check, Seen


class Owner(NamedTuple):
    deployment_id: str
    epoch: int


class LocksCheck(Check):
    """`current` has the release that each environment says it is on, `owners` who holds its lock. Whose lock has run
    out (`_last`) may still say what it did, until the next has it."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, Owner] = {}
        self.current: dict[str, str] = {}
        self._last: dict[str, Owner] = {}
        self._epochs: dict[str, int] = {}
        # A stage has the same name in each of its regions, and leaves them one by one.
        self._left: set[tuple[str, str]] = set()
        self._quarantine: dict[str, set[str]] = {}
        self._granted: dict[tuple[str, int], str] = {}

    def event(self, seen: Seen) -> None:
        handler = _HANDLERS.get(seen.event.type)
        if handler is not None:
            handler(self, seen.event.stream, seen.data)

    def _lock_granted(self, stream: str, data: dict[str, Any]) -> None:
        new = Owner(data["deployment_id"], data["epoch"])
        if stream in self.owners:
            self.wrong(f"{stream} is given to {new} while {self.owners[stream]} holds it")
        if new.epoch <= self._epochs.get(stream, 0):
            self.wrong(f"{stream} is given to {new}, after epoch {self._epochs[stream]}")
        if (stream, new.deployment_id) in self._left:
            self.wrong(f"{stream} is given to {new}, which has left")
        release = data["release"]["id"]
        stays = data.get("urgent") and release == self.current.get(stream)
        if data.get("automatic") and release in self._quarantine.get(stream, ()) and not stays:
            self.wrong(f"{stream} lets {new} in by itself with release {release}, which is in quarantine")
        self._last.pop(stream, None)
        self.owners[stream] = new
        self._epochs[stream] = new.epoch
        self._granted[new] = stream

    def _lock_released(self, stream: str, data: dict[str, Any]) -> None:
        owner = self.owners.pop(stream, None)
        if owner is None or owner.deployment_id != data["deployment_id"]:
            self.wrong(f"{stream} is given back by {data['deployment_id']}, and {owner} held it")
        self._left.add((stream, data["deployment_id"]))
        if owner is not None and data.get("expired"):
            self._last[stream] = owner

    def _left_without(self, stream: str, data: dict[str, Any]) -> None:
        self._left.add((stream, data["deployment_id"]))

    def _deployment_started(self, stream: str, data: dict[str, Any]) -> None:
        owner = Owner(stream.partition("/")[2], data["epoch"])
        if owner not in self._granted:
            self.wrong(f"{stream} starts under epoch {data['epoch']}, which it was never given")

    def _release_changed(self, stream: str, data: dict[str, Any]) -> None:
        owner = self.owners.get(stream, self._last.get(stream))
        if owner is None or owner.deployment_id != data["deployment_id"]:
            self.wrong(f"{stream} is on {data['release']['id']}, says {data['deployment_id']}; {owner} holds it")
        self.current[stream] = data["release"]["id"]

    def _quarantined(self, stream: str, data: dict[str, Any]) -> None:
        self._quarantine.setdefault(stream, set()).add(data["release_id"])

    def _lifted(self, stream: str, data: dict[str, Any]) -> None:
        self._quarantine.setdefault(stream, set()).discard(data["release_id"])


_HANDLERS: dict[str, Any] = {
    "environment.lock_granted": LocksCheck._lock_granted,
    "environment.lock_released": LocksCheck._lock_released,
    "environment.deployment_left": LocksCheck._left_without,
    "environment.deployment_refused": LocksCheck._left_without,
    "environment.release_changed": LocksCheck._release_changed,
    "environment.release_quarantined": LocksCheck._quarantined,
    "environment.quarantine_lifted": LocksCheck._lifted,
    "deployment.started": LocksCheck._deployment_started,
}
