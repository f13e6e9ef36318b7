"""What a Deployment remembers: where it stands, what the target said last, and what is due when.

Changed by evolve.py only. All times are absolute, so that a restart changes nothing.
"""

from copy import copy
from datetime import datetime
from typing import Literal

import msgspec

from core.analysis.tally import Tally
from core.deployments.events import DeploymentOutcome, Step
from core.deployments.target_state import TargetState, TargetStatus
from core.draft import Overlay
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings
from core.ordered import Timers

Status = Literal["new", "waiting", "acting", "holding", "rolling_back", "watching", "finished"]


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why it goes back."""

    code: str
    detail: str
    by: str = ""


class DeploymentState(msgspec.Struct, omit_defaults=True):
    """One deployment.

    `step` is the one that is acted for or held, `reached` the last one the target has reached (-1: none). `wish` is
    the last one asked for under `action` (0: nothing was ever asked). `restarts` are those that the new release's set
    had before this deployment. `remaining` is what was left of the hold when it was paused; None: until promoted.
    `sample` is the number of the last one, which waits for its answer while `asked` is not None (names of checks
    and probes). `full`: somebody promoted it all the way. `failure`: why the last rollback action did not work.
    """

    id: str
    status: Status = "new"
    app: str = ""
    environment: str = ""
    region: str = ""
    rollout_id: str = ""
    release: Release | None = None
    settings: EnvironmentSettings | None = None
    kind: Literal["deploy", "rollback"] = "deploy"
    epoch: int = 0
    current: Release | None = None
    rollback_to: Release | None = None
    steps: tuple[Step, ...] = ()
    step: int = -1
    reached: int = -1
    action: int = 0
    wish: TargetState = TargetState()
    weights: dict[str, int] = {}
    target: TargetStatus = TargetStatus()
    lost: bool = False
    restarts: int | None = None
    full: bool = False
    paused: bool = False
    remaining: float | None = None
    analysis_from: datetime | None = None
    sample: int = 0
    asked: tuple[str, ...] | None = None
    next_sample_at: datetime | None = None
    tallies: dict[str, Tally] = {}
    concluded: bool = False
    deadline_at: datetime | None = None
    cause: Cause | None = None
    failure: Cause | None = None
    watch_until: datetime | None = None
    requests: int | None = None
    outcome: DeploymentOutcome | None = None
    timers: Timers = msgspec.field(default_factory=Timers)

    @property
    def place(self) -> dict[str, str]:
        """Fields that events have in common which a policy or a deployer acts on."""
        return {"app": self.app, "environment": self.environment, "region": self.region}

    @property
    def plan(self) -> EnvironmentSettings:
        assert self.settings is not None
        return self.settings

    @property
    def goal(self) -> Release:
        assert self.release is not None
        return self.release

    def draft(self) -> "DeploymentState":
        state = copy(self)
        state.tallies = Overlay(self.tallies)
        state.timers = Timers(self.timers.due.copy(), self.timers.order.copy())
        return state
