"""What people do with releases: roll them out, approve, steer and take them back, now and then against the rules."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from core.catalog.commands import APP_COMMANDS, RequestRollout, SetEnvironments
from core.environments.commands import COMMANDS as ENVIRONMENT_COMMANDS
from core.environments.commands import FreezeEnvironment, OverrideFreeze
from core.environments.release import Artifact, Release
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Catalogue, Message
from core.forges.urls import builtin_url
from core.ids import region_of_run
from core.rollouts.commands import COMMANDS as ROLLOUT_COMMANDS
from core.rollouts.commands import (
    AbortRollout,
    ApproveRollout,
    Origin,
    PauseRollout,
    PromoteRollout,
    ResumeRollout,
)
from tests.simulation.checks.observer import Check, Seen
from tests.simulation.world.environments import RELEASERS, environments
from tests.simulation.world.world import World

PEOPLE = ("ann", "bob", "eve")
# What releases are worth: see world/sites.py.
WORTHS = ("", "", "", "", "errors", "slow", "crash", "crash-later", "hook")
IN_THE_FILE = ("dev", "production", "production")
ENVIRONMENTS = ("dev", "staging", "production", "production", "mirror")
APPROVED, REJECTED, STEERED, FROZEN, OVERRIDDEN, BACK = 0.75, 0.1, 0.15, 0.05, 0.3, 0.4
AGAIN = 0.5

Execute = Callable[[Stream, str, Message, Catalogue], None]
Later = Callable[[float, Callable[[], None]], None]


class Deliveries(Check):
    """A Check, too: it sees the events and reacts. `execute` asks until it is answered; `later` keeps the world open.

    Whatever people hold up they see to, also when nothing new is begun any more (`active`).
    """

    def __init__(self, world: World, execute: Execute, later: Later) -> None:
        super().__init__()
        self._world = world
        self._random = world.kernel.random
        self._execute = execute
        self._later = later
        self._number = 0
        self._here: dict[str, list[dict[str, Any]]] = {}
        self._set: dict[str, None] = {}
        self._made: dict[str, Release] = {}
        self.active = True

    def set_environments(self, app: str) -> None:
        """Half of the apps have theirs by the API, the others by the file that is pushed."""
        self._set[app] = None
        wanted = environments(self._world.topology.regions, halting=self._random.random() < 0.4)
        command = SetEnvironments(environments=wanted, source="api", by="ann")
        self.to_app(app, command)

    def begin(self) -> None:
        options = self._world.options
        last = options.active_seconds * 0.9
        for _ in range(options.rollouts):
            self._later(2.0 + last * self._random.random(), self._ask)

    def event(self, seen: Seen) -> None:
        reaction = _REACTIONS.get(seen.event.type)
        if reaction is not None:
            reaction(self, seen.event.stream, seen.data)

    def _ask(self) -> None:
        app = f"app{self._random.randrange(self._world.options.apps)}"
        name = self._random.choice(ENVIRONMENTS if app in self._set else IN_THE_FILE)
        by = self._random.choice(PEOPLE)
        known = self._here.get(f"{app}/{name}", [])
        if len(known) > 1 and self._random.random() < BACK:
            command = self._rollback(app, name, by)
        else:
            origin = Origin(by=by, automatic=self._random.random() < 0.5)
            command = RequestRollout(environment=name, release=self._release(app, by), origin=origin)
        self.to_app(app, command)

    def _release(self, app: str, author: str) -> Release:
        """A new one, or one that was asked for before."""
        if not self._number or self._random.random() < 0.8:
            self._number += 1
        number = self._number
        worth = WORTHS[(number * 7 + self._world.options.seed) % len(WORTHS)]
        config = {"SIM": worth} if worth else {}
        artifact = Artifact("tree", f"git:{number:040x}", builtin_url(app))
        made = Release(id=f"r{number}", app=app, artifact=artifact, author=PEOPLE[number % 3], config=config)
        self._made[made.id] = made
        return made

    def _rollback(self, app: str, name: str, by: str) -> RequestRollout:
        """To something that was there, as `sealane rollback` finds it in the views."""
        known = self._here[f"{app}/{name}"]
        releases = [_release_of(each) for each in known]
        leaving = next((each for each in reversed(releases) if each.incompatible_before), None)
        return RequestRollout(
            environment=name,
            release=self._random.choice(releases[:-1]),
            origin=Origin(by=by),
            kind="rollback",
            leaving=leaving,
        )

    def _approval_requested(self, stream: str, data: dict[str, Any]) -> None:
        for _ in range(2):
            draw = self._random.random()
            if draw < APPROVED + REJECTED:
                groups = (RELEASERS,) if self._random.random() < 0.8 else ("web",)
                command = ApproveRollout(
                    by=self._random.choice(PEOPLE), groups=groups, approve=draw < APPROVED, comment="simulated"
                )
                self._later(25.0, lambda command=command: self._to_rollout(stream, command))  # type: ignore[misc]

    def _stopped(self, stream: str, data: dict[str, Any]) -> None:
        """Nobody else would."""
        draw = self._random.random()
        command: Message = AbortRollout(by="bob", reason="simulated")
        if draw < 0.5 and self.active:
            command = ResumeRollout(by="bob")
        elif data.get("code") == "bake-too-few-requests":
            command = PromoteRollout(by="bob")
        self._later(10.0, lambda: self._to_rollout(stream, command))

    def _paused(self, stream: str, data: dict[str, Any]) -> None:
        self._later(15.0, lambda: self._to_rollout(stream, ResumeRollout(by="eve")))

    def _wave_started(self, stream: str, data: dict[str, Any]) -> None:
        if self.active and self._random.random() < STEERED:
            command = self._random.choice(
                (
                    AbortRollout(by="bob", reason="simulated"),
                    PauseRollout(by="bob"),
                    PromoteRollout(by="bob"),
                    PromoteRollout(by="bob", full=True),
                )
            )
            self._later(12.0, lambda: self._to_rollout(stream, command))

    def _release_changed(self, stream: str, data: dict[str, Any]) -> None:
        place = stream.partition("/")[2].rpartition("/")[0]
        known = self._here.setdefault(place, [])
        if data["release"] not in known:
            known.append(data["release"])
        if self.active and self._random.random() < FROZEN:
            until = self._world.kernel.scheduler.date().replace(microsecond=0)
            command = FreezeEnvironment(by="ann", reason="simulated", until=_in_a_while(until))
            self._later(10.0, lambda: self._to_environment(stream, command))

    def _quarantined(self, stream: str, data: dict[str, Any]) -> None:
        """Some pipeline tries it again."""
        release = self._made.get(data["release_id"])
        _, app, name, _ = stream.split("/")
        if self.active and release is not None and self._random.random() < AGAIN:
            origin = Origin(by="bob", automatic=True)
            command = RequestRollout(environment=name, release=release, origin=origin)
            self._later(10.0, lambda: self.to_app(app, command))

    def _queued(self, stream: str, data: dict[str, Any]) -> None:
        if "frozen" in data["reason"] and self._random.random() < OVERRIDDEN:
            command = OverrideFreeze(deployment_id=data["deployment_id"], by="eve", reason="simulated")
            self._later(10.0, lambda: self._to_environment(stream, command))

    def to_app(self, app: str, command: Message) -> None:
        self._execute(Stream("app", app), self._world.topology.home_region, command, APP_COMMANDS)

    def _to_rollout(self, rollout: str, command: Message) -> None:
        stream = Stream.parse(rollout)
        self._execute(stream, region_of_run(stream.id), command, ROLLOUT_COMMANDS)

    def _to_environment(self, environment: str, command: Message) -> None:
        stream = Stream.parse(environment)
        self._execute(stream, stream.id.rpartition("/")[2], command, ENVIRONMENT_COMMANDS)


def _release_of(data: dict[str, Any]) -> Release:
    return msgspec.convert(data, Release)


def _in_a_while(now: datetime) -> datetime:
    # Clocks may be five minutes wrong, either way.
    return now + timedelta(minutes=6)


_REACTIONS: dict[str, Any] = {
    "rollout.approval_requested": Deliveries._approval_requested,
    "rollout.halted": Deliveries._stopped,
    "rollout.paused": Deliveries._paused,
    "rollout.wave_started": Deliveries._wave_started,
    "environment.release_changed": Deliveries._release_changed,
    "environment.deployment_queued": Deliveries._queued,
    "environment.release_quarantined": Deliveries._quarantined,
}
