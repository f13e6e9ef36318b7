"""What a deployment wants a target to be, and what a target says it is. Spoken between core and the deployer.

A wish is whole (not a difference), so that it can be repeated, half done or done by somebody else.
"""

from typing import Literal

import msgspec

from core.environments.release import Release
from core.environments.settings import HeaderRoute

Role = Literal["stable", "canary", "baseline"]


class InstanceSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """`replicas` instances of one release. `name` is `<release id>`, or `<release id>.baseline`.

    `weight` percent of the requests go to the set, shared by its ready instances; one that isn't ready gets none.
    """

    name: str
    role: Role
    release: Release
    replicas: int
    weight: int = 0


class TargetState(msgspec.Struct, frozen=True, omit_defaults=True):
    """All sets there should be; one that isn't named is drained and removed. Weights sum to 100, or to 0 (no traffic).

    Reached in this order, so that traffic never goes where nothing is ready: start what is missing, wait until it
    is ready, shift the weights, drain and stop what is too much. `at_once`: weights are shifted first to whatever
    of the wished sets is ready already (a rollback).
    """

    sets: tuple[InstanceSet, ...] = ()
    headers: tuple[HeaderRoute, ...] = ()
    headers_to: str = ""
    affinity: bool = False
    mirror: int = 0
    mirror_to: str = ""
    at_once: bool = False


class SetStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is there of a set, read from the target. `restarts` counts instances that ended by themselves, `requests`
    those that the proxy sent to the set since it stands (None where nothing counts them)."""

    name: str
    release_id: str
    running: int = 0
    ready: int = 0
    weight: int = 0
    restarts: int = 0
    requests: int | None = None
    detail: str = ""


class TargetStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """`epoch` is the highest one the target has obeyed. `address` is where its users reach it."""

    epoch: int = 0
    sets: tuple[SetStatus, ...] = ()
    address: str = ""
