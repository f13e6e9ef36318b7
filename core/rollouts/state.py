"""What a rollout remembers: where each region stands, and what it waits for. Changed by evolve.py only."""

from copy import copy
from datetime import datetime
from typing import Literal

import msgspec

from core.environments.release import Release
from core.environments.settings import EnvironmentSettings, Hook
from core.ordered import IdleTimers, Timers
from core.rollouts.commands import Kind, Origin
from core.rollouts.events import RolloutOutcome

RolloutStatus = Literal["new", "approval", "preparing", "deploying", "baking", "watching", "returning", "finished"]

# idle       nothing was asked of it yet
# running    its deployment is under way
# done       it is on the release, and may still be watched
# failed     its deployment ended without it: what was there before is still (or again) there
# unclear    its deployment ended in an error, and nobody knows what it left there
# breached   it was on the release when the watch found fault with it
# returning  its rollback is under way
# back       it is on what was there before
# stuck      it could not go back
RegionStatus = Literal["idle", "running", "done", "failed", "unclear", "breached", "returning", "back", "stuck"]


class RegionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`deployment_id` is the latest; what an earlier one says is not listened to any more. `requests` as last noted."""

    wave: int
    status: RegionStatus = "idle"
    deployment_id: str = ""
    outcome: str = ""
    code: str = ""
    detail: str = ""
    rollback_to: Release | None = None
    watching: bool = False
    requests: int = 0
    returns: int = 0


class BakeState(msgspec.Struct, frozen=True, omit_defaults=True):
    until: datetime
    give_up_at: datetime
    min_requests: int = 0


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why it goes back; `by` is empty where nobody asked for it."""

    code: str
    detail: str
    by: str = ""


class RolloutState(msgspec.Struct, omit_defaults=True):
    """Collections are replaced, never changed in place. `wave` is the latest that began (-1: none), `attempts` counts
    what was started, `hook` says how far the pre-deploy command is, and `down` its way back."""

    id: str
    status: RolloutStatus = "new"
    paused: bool = False
    halted: bool = False
    app: str = ""
    number: int = 0
    release: Release | None = None
    settings: EnvironmentSettings | None = None
    origin: Origin = Origin(by="")
    kind: Kind = "deploy"
    waves: tuple[tuple[str, ...], ...] = ()
    releases: dict[str, Release] = {}
    leaving: Release | None = None
    override_reason: str = ""
    approvals: tuple[str, ...] = ()
    approve_by: datetime | None = None
    wave: int = -1
    attempts: int = 0
    regions: dict[str, RegionState] = {}
    hook: Literal["", "running", "ok", "failed"] = ""
    down: Literal["", "running", "ok", "failed"] = ""
    bake: BakeState | None = None
    resumed_by: str = ""
    cause: Cause | None = None
    outcome: RolloutOutcome | None = None
    code: str = ""
    timers: Timers = msgspec.field(default_factory=Timers)

    @property
    def plan(self) -> EnvironmentSettings:
        assert self.settings is not None
        return self.settings

    @property
    def goal(self) -> Release:
        assert self.release is not None
        return self.release

    def of(self, *statuses: RegionStatus) -> list[str]:
        """The regions in one of these, in the order of the waves."""
        return [name for name, region in self.regions.items() if region.status in statuses]

    def begun(self) -> list[RegionState]:
        """The regions of all waves so far."""
        return [region for region in self.regions.values() if region.wave <= self.wave]

    @property
    def baked(self) -> bool:
        """Whether every region so far has had its requests."""
        least = self.plan.bake.min_requests
        return all(region.requests >= least for region in self.begun())

    @property
    def way_down(self) -> Hook | None:
        """What takes the migration back, where one is declared."""
        hook = self.plan.pre_deploy
        return hook if hook is not None and hook.down else None

    def draft(self) -> "RolloutState":
        state = copy(self)
        state.timers = IdleTimers()
        return state
