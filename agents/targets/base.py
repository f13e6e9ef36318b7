"""The port of the deployer: a target holds one environment of one app in one region, and is brought to wished states.

Everything a target knows is in its directory and in the world (processes, containers, a proxy), so that any deployer
can go on where another was killed.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from core.deployments.target_state import TargetState, TargetStatus
from core.environments.settings import ComposeTarget, DockerTarget, ProcessTarget, StaticTarget
from core.environments.settings import Target as TargetSettings

Fence = tuple[int, int]
ServiceTarget = ProcessTarget | DockerTarget | ComposeTarget
# Asked while a target waits: whether somebody wants something newer of it.
Interrupted = Callable[[], bool]
# Told as soon as the requests go where they were wished, before what is left over has been drained and stopped.
Shifted = Callable[[TargetStatus], None]


def unheard(status: TargetStatus) -> None:
    """For those who don't want to know."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wish with who wants it and by which settings: all that a deployer needs to make it true, later too.

    (`epoch`, `action`) is its fence: a target that has seen a higher one refuses it. `event_id` asked for it.
    """

    app: str
    environment: str
    region: str
    deployment_id: str
    epoch: int
    action: int
    wish: TargetState
    target: TargetSettings
    event_id: str = ""
    correlation_id: str = ""

    @property
    def fence(self) -> Fence:
        return self.epoch, self.action

    @property
    def service(self) -> ServiceTarget:
        """The settings of a target of instances. Raises TargetFailed for another one."""
        if isinstance(self.target, StaticTarget):
            raise TargetFailed("bad-target", f"{self.where}: a static target has no instances")
        return self.target

    @property
    def where(self) -> str:
        return f"{self.app}/{self.environment} in {self.region}"


class TargetFailed(Exception):
    """The wish can't be had. `code`: not-ready, crashed, target-unavailable, artifact-unavailable, bad-target ..."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{code}]")
        self.code, self.detail = code, detail


class StaleEpoch(Exception):
    """The target obeys somebody newer; `held` is the fence it has seen."""

    code = "stale-epoch"

    def __init__(self, asked: Fence, held: Fence) -> None:
        super().__init__(f"the target obeys epoch {held[0]}, action {held[1]}, not epoch {asked[0]}, action {asked[1]}")
        self.asked, self.held = asked, held


class Superseded(Exception):
    """Something newer was asked for while this order was under way; it is left half done."""


class Address(NamedTuple):
    """Where one instance itself answers, past the proxy."""

    set_name: str
    release_id: str
    instance: str
    url: str
    ready: bool


class Target(Protocol):
    """Every target passes tests/contract/test_targets.py."""

    def converge(self, order: Order, interrupted: Interrupted, shifted: Shifted = unheard) -> TargetStatus:
        """Make the wish true and answer with what is there then; repeating it changes nothing.

        Raises StaleEpoch, Superseded, TargetFailed.
        """
        ...

    def status(self) -> TargetStatus:
        """What is there, read from the world. Raises TargetFailed where it can't be read."""
        ...

    def addresses(self) -> tuple[Address, ...]:
        """The instances that run. Raises TargetFailed."""
        ...

    def keep(self) -> None:
        """Called about every second: brings back what ended by itself, as the last order wants it. Must be quick."""
        ...


class OwnTarget(Target, Protocol):
    """One that runs on this machine, for whoever may end it."""

    def stop(self) -> None:
        """End everything that runs; the order stays, and keep() brings it back."""
        ...

    def remove(self) -> None:
        """Leave nothing."""
        ...
