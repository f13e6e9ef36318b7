"""The instances of a target: a small file for each, written before it is started, and what a kind of target does."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from agents.targets.base import Order, ServiceTarget
from agents.targets.place import read_json, write_json
from core.deployments.target_state import InstanceSet
from core.environments.release import Release
from core.environments.settings import Health

# Changes of these are no reason to replace an instance.
_OUTSIDE = ("replicas", "port", "health", "drain_seconds", "stop_seconds", "metrics_path")


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """`id` is `<set>-<number>`. `spec` names what it was made from; the other values are what it was made with.

    `port` is where it listens on this machine; chosen anew with each start. `restarts` counts how often it ended by
    itself and `young` how often in a row soon after its start; it isn't started again before `again_at`.
    """

    id: str
    set_name: str
    release: Release
    target: ServiceTarget
    spec: str
    environment: dict[str, str]
    port: int = 0
    restarts: int = 0
    young: int = 0
    started_at: float = 0
    again_at: float = 0
    ended: bool = False

    @property
    def health(self) -> Health:
        return self.target.health


class Driver(Protocol):
    """How instances of one kind are run. None of it waits for readiness."""

    def prepare(self, set_name: str, release: Release, target: ServiceTarget) -> None:
        """Get what the set's instances need onto this machine; may take its time. Raises TargetFailed."""
        ...

    def start(self, instance: Instance) -> None:
        """Start it, listening on its port. One that runs already stays. Raises TargetFailed."""
        ...

    def runs(self, instance: Instance) -> bool:
        """Whether it is there (or just being started). Raises TargetFailed where nobody can say."""
        ...

    def tidy(self, instance: Instance) -> None:
        """Asked again and again while it runs: what it prints must not fill the disk."""
        ...

    def said(self, instance: Instance) -> str:
        """The end of its output."""
        ...

    def ask_to_stop(self, instance: Instance) -> None: ...

    def kill(self, instance: Instance) -> None:
        """Returns when it is gone."""
        ...

    def forget(self, instance: Instance) -> None:
        """It is gone; remove what is left of it."""
        ...

    def stop_rest(self) -> None:
        """All instances were stopped: end what ran beside them. Nothing where there was none."""
        ...

    def clean(self, used: Mapping[str, Release]) -> None:
        """Remove what belongs to none of these sets. Nothing where there was none of this kind."""
        ...


class Instances:
    """The records, in `root/<id>/instance.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def all(self) -> tuple[Instance, ...]:
        """In the order of sets and numbers."""
        paths = sorted(self.root.glob("*/instance.json"), key=lambda path: _order(path.parent.name))
        return tuple(found for path in paths if (found := read_json(path, Instance)) is not None)

    def place(self, instance: Instance) -> Path:
        return self.root / instance.id

    def write(self, instance: Instance) -> None:
        self.place(instance).mkdir(parents=True, exist_ok=True)
        write_json(self.place(instance) / "instance.json", instance)

    def remove(self, instance: Instance) -> None:
        # The record goes first, so that half a directory is no instance.
        (self.place(instance) / "instance.json").unlink(missing_ok=True)
        shutil.rmtree(self.place(instance), ignore_errors=True)


def new_instance(order: Order, wished: InstanceSet, number: int) -> Instance:
    target = order.service
    return Instance(
        id=f"{wished.name}-{number}",
        set_name=wished.name,
        release=wished.release,
        target=target,
        spec=spec_of(wished.release, target),
        environment=instance_environment(order, wished.release, target),
    )


def spec_of(release: Release, target: ServiceTarget) -> str:
    """A digest of all that an instance is made from: another one means another instance."""
    inside = {name: value for name, value in msgspec.to_builtins(target).items() if name not in _OUTSIDE}
    made_of = msgspec.json.encode((release.artifact, sorted(release.config.items()), inside), order="deterministic")
    return hashlib.sha256(made_of).hexdigest()[:16]


def instance_environment(order: Order, release: Release, target: ServiceTarget) -> dict[str, str]:
    """What every instance knows of itself; PORT is added when it starts."""
    known = {
        "RELEASE": release.id,
        "VERSION": release.id,
        "APP": order.app,
        "ENVIRONMENT": order.environment,
        "REGION": order.region,
        "DEPLOYMENT_ID": order.deployment_id,
    }
    return {**release.config, **target.env, **known}


def _order(name: str) -> tuple[str, int]:
    set_name, _, number = name.rpartition("-")
    return set_name, int(number) if number.isdigit() else 0
