"""A history of deliveries, told by events: what went well, what waits, what was taken back, what is kept out.

shop declares staging (us-east) and production (us-east, then eu-west; a canary with an analysis and an approval).
"""

from datetime import timedelta
from typing import Any

from core.analysis.tally import Judged
from core.catalog.events import EnvironmentsSet, ReleaseCreated
from core.deployments.commands import Measurement, ProbeResult
from core.deployments.events import (
    ActionRequested,
    DeploymentFinished,
    DeploymentPaused,
    DeploymentPromoted,
    DeploymentRequested,
    DeploymentResumed,
    DeploymentStarted,
    HealthReported,
    ReleaseActivated,
    RollbackTriggered,
    SampleRecorded,
    SampleRequested,
    Step,
    StepReached,
    TrafficShifted,
    WatchEnded,
    WatchStarted,
)
from core.deployments.target_state import InstanceSet, SetStatus, TargetState, TargetStatus
from core.environments.events import (
    DeploymentQueued,
    EnvironmentFrozen,
    LockGranted,
    LockReleased,
    LockRenewed,
    ReleaseChanged,
    ReleaseQuarantined,
)
from core.environments.release import Artifact, Release
from core.environments.settings import (
    Analysis,
    Canary,
    CanaryStep,
    Check,
    EnvironmentSettings,
    Hook,
    ProcessTarget,
)
from core.ids import deployment_id, rollout_id
from core.pipeline.plan import Approval
from core.rollouts.commands import Origin
from core.rollouts.events import (
    BakeFinished,
    BakeStarted,
    HookFinished,
    HookRequested,
    Placement,
    RegionFinished,
    RequestsNoted,
    RolloutApprovalDecided,
    RolloutApprovalGiven,
    RolloutApprovalRequested,
    RolloutFinished,
    RolloutRequested,
    WaveStarted,
)
from tests.support.histories import History
from tests.support.household import START

APP = "shop"
TARGET = ProcessTarget(command="./serve", replicas=2)
CHECKS = (Check(name="error-rate", metric="error-rate", max=0.01), Check(name="p99", metric="latency-p99", max=0.5))
STAGING = EnvironmentSettings(name="staging", regions=("us-east",), target=TARGET, approval=Approval(count=2))
PRODUCTION = EnvironmentSettings(
    name="production",
    regions=("us-east", "eu-west"),
    waves=(("us-east",), ("eu-west",)),
    target=TARGET,
    strategy=Canary(steps=(CanaryStep(5, 300), CanaryStep(100, 0))),
    analysis=Analysis(checks=CHECKS),
    approval=Approval(count=1, groups=("release",)),
    pre_deploy=Hook(run="migrate up", down="migrate down"),
    risk="high",
)
HOUR = START + timedelta(hours=1)


def release(number: int) -> Release:
    commit = f"{number:x}" * 40
    return Release(
        id=f"{number}-{commit[:8]}",
        app=APP,
        artifact=Artifact(kind="tree", digest=f"git:{commit}", location="https://forge/shop.git"),
        commit=commit,
        author="ada",
        title=f"change {number}",
    )


class DeliveryHistory:
    """Tells of rollouts, one after the other."""

    def __init__(self) -> None:
        self.history = History()
        self.rollouts: list[str] = []

    def declare(self, *environments: EnvironmentSettings) -> None:
        event = EnvironmentsSet(environments=environments, source="file", commit="f" * 40, number=len(environments))
        self.history.tell(f"app/{APP}", event)

    def create(self, *releases: Release) -> None:
        for each in releases:
            self.history.tell(f"release/{APP}/{each.id}", ReleaseCreated(release=each))

    def request(self, settings: EnvironmentSettings, wanted: Release, by: str = "ada") -> str:
        number = len(self.rollouts) + 1
        rollout = rollout_id("us-east", APP, number)
        self.rollouts.append(rollout)
        self.history.tell(
            f"rollout/{rollout}",
            RolloutRequested(
                app=APP,
                number=number,
                release=wanted,
                settings=settings,
                origin=Origin(by=by),
                waves=settings.waves or (settings.regions,),
            ),
        )
        return rollout

    def ask(self, rollout: str, settings: EnvironmentSettings) -> None:
        approval = settings.approval
        assert approval is not None
        self.history.tell(
            f"rollout/{rollout}",
            RolloutApprovalRequested(
                app=APP, environment=settings.name, count=approval.count, groups=approval.groups, expires_at=HOUR
            ),
        )

    def approve(self, rollout: str, by: str, granted: bool = True) -> None:
        self.history.tell(f"rollout/{rollout}", RolloutApprovalGiven(by=by, comment="fine"))
        if granted:
            self.history.tell(f"rollout/{rollout}", RolloutApprovalDecided(decision="granted", by=by))

    def migrate(self, rollout: str, wanted: Release) -> None:
        assert PRODUCTION.pre_deploy is not None
        self.history.tell(
            f"rollout/{rollout}",
            HookRequested(
                app=APP,
                environment="production",
                region="us-east",
                release=wanted,
                hook=PRODUCTION.pre_deploy,
                target=TARGET,
                answer_by=HOUR,
            ),
            HookFinished(ok=True, exit_code=0, output="2 migrations\n"),
        )

    def wave(
        self, rollout: str, settings: EnvironmentSettings, index: int, regions: tuple[str, ...], wanted: Release
    ) -> dict[str, str]:
        """Deployments by region, each asked for."""
        ids = {region: deployment_id(region, rollout, 1) for region in regions}
        placements = tuple(Placement(region, ids[region], wanted) for region in regions)
        self.history.tell(
            f"rollout/{rollout}",
            WaveStarted(
                app=APP,
                environment=settings.name,
                settings=settings,
                origin=Origin(by="ada"),
                index=index,
                placements=placements,
            ),
        )
        for region, deployment in ids.items():
            self.history.tell(
                f"deployment/{deployment}",
                DeploymentRequested(
                    app=APP,
                    environment=settings.name,
                    region=region,
                    rollout_id=rollout,
                    release=wanted,
                    settings=settings,
                    by="ada",
                ),
            )
        return ids

    def finish(self, rollout: str, settings: EnvironmentSettings, wanted: Release, outcome: str = "success") -> None:
        event = RolloutFinished(
            app=APP,
            environment=settings.name,
            release_id=wanted.id,
            outcome=outcome,  # type: ignore[arg-type]
            code="" if outcome == "success" else "analysis-failed",
            detail="" if outcome == "success" else "error-rate was 0.05",
            origin=Origin(by="ada"),
        )
        self.history.tell(f"rollout/{rollout}", event)


class Deploying:
    """One deployment's way, from the lock on."""

    def __init__(
        self, told: DeliveryHistory, deployment: str, rollout: str, region: str, environment: str, wanted: Release
    ) -> None:
        self._told = told
        self._id = deployment
        self._rollout = rollout
        self._place: dict[str, Any] = {"app": APP, "environment": environment, "region": region}
        self._stream = f"deployment/{deployment}"
        self._environment = f"environment/{APP}/{environment}/{region}"
        self._wanted = wanted
        self._action = 0

    def enter(self, epoch: int, current: Release | None, wait: str = "") -> "Deploying":
        entry: dict[str, Any] = {"deployment_id": self._id, "rollout_id": self._rollout, "release": self._wanted}
        if wait:
            self._tell_place(DeploymentQueued(by="ada", reason=wait, **entry))
        self._tell_place(LockGranted(epoch=epoch, expires_at=HOUR, current=current, **entry))
        steps = tuple(
            Step(name=f"canary {weight}%", wish=self._wish(weight), hold_seconds=300 if weight < 100 else 0)
            for weight in (5, 100)
        )
        self._tell(DeploymentStarted(epoch=epoch, steps=steps, rollback_to=current, deadline_at=HOUR))
        return self

    def reach(self, step: int, weight: int) -> "Deploying":
        self._act(step, weight)
        status = TargetStatus(sets=(self._status(weight),), address="http://127.0.0.1:8000")
        probes = (ProbeResult(name="home", ok=True, latency_ms=3.0),)
        hold = {"hold_until": HOUR} if weight < 100 else {}
        self._tell(StepReached(step=step, action=self._action, status=status, probes=probes, **hold))
        self._tell(TrafficShifted(weights={self._wanted.id: weight, "old": 100 - weight}))
        return self

    def sample(self, number: int, error_rate: float | None) -> "Deploying":
        asked = SampleRequested(
            **self._place, epoch=1, number=number, canary=self._wanted.id, checks=CHECKS, target=TARGET, answer_by=HOUR
        )
        measurements = (
            Measurement(check="error-rate", outcome="value" if error_rate is not None else "empty", value=error_rate),
            Measurement(check="p99", outcome="value", value=0.125, requests=40),
        )
        answer = SampleRecorded(
            rollout_id=self._rollout,
            region=self._place["region"],
            number=number,
            measurements=measurements,
            judged=tuple(Judged(each.check, "passed") for each in measurements),
            total_requests=40 * number,
        )
        self._tell(asked, answer)
        return self

    def hesitate(self) -> "Deploying":
        self._tell(
            DeploymentPaused(by="bob", reason="lunch", remaining_seconds=120.5),
            DeploymentResumed(by="bob", hold_until=HOUR),
            DeploymentPromoted(by="bob"),
        )
        return self

    def pause(self) -> "Deploying":
        self._tell(DeploymentPaused(by="bob", reason="lunch", remaining_seconds=120.5))
        return self

    def activate(self) -> "Deploying":
        self._tell(ReleaseActivated(**self._place, rollout_id=self._rollout, release=self._wanted))
        self._tell_place(
            LockRenewed(deployment_id=self._id, expires_at=HOUR),
            ReleaseChanged(release=self._wanted, deployment_id=self._id, rollout_id=self._rollout),
        )
        return self.end("success")

    def end(self, outcome: str, code: str = "") -> "Deploying":
        self._tell(
            DeploymentFinished(
                **self._place,
                rollout_id=self._rollout,
                release_id=self._wanted.id,
                outcome=outcome,  # type: ignore[arg-type]
                code=code,
                now_on=self._wanted if outcome == "success" else None,
            )
        )
        self._tell_place(LockReleased(deployment_id=self._id))
        finished = RegionFinished(region=self._place["region"], deployment_id=self._id, outcome=outcome, code=code)
        self._told.history.tell(f"rollout/{self._rollout}", finished)
        return self

    def watch(self, ended: bool = True) -> "Deploying":
        self._tell(WatchStarted(until=HOUR))
        if ended:
            self._tell(WatchEnded(rollout_id=self._rollout, region=self._place["region"], reason="quiet"))
        return self

    def take_back(self, sample: int, value: float) -> "Deploying":
        self._tell(
            RollbackTriggered(
                **self._place,
                rollout_id=self._rollout,
                release_id=self._wanted.id,
                code="analysis-failed",
                detail=f"error-rate was {value}",
                check="error-rate",
                value=value,
                sample=sample,
            )
        )
        self._act(-1, 0, at_once=True)
        self._tell(HealthReported(status=TargetStatus(sets=(self._status(0),)), detail="an instance ended"))
        self._tell_place(
            ReleaseQuarantined(release_id=self._wanted.id, reason="error-rate was 0.05", deployment_id=self._id)
        )
        return self.end("rolled_back", "analysis-failed")

    def wait(self, reason: str) -> "Deploying":
        entry: dict[str, Any] = {"deployment_id": self._id, "rollout_id": self._rollout, "release": self._wanted}
        self._tell_place(DeploymentQueued(by="ada", reason=reason, **entry))
        return self

    def _act(self, step: int, weight: int, at_once: bool = False) -> None:
        self._action += 1
        self._tell(
            ActionRequested(
                **self._place,
                epoch=1,
                action=self._action,
                step=step,
                wish=self._wish(weight, at_once),
                target=TARGET,
                answer_by=HOUR,
            )
        )

    def _wish(self, weight: int, at_once: bool = False) -> TargetState:
        new = InstanceSet(name=self._wanted.id, role="canary", release=self._wanted, replicas=2, weight=weight)
        return TargetState(sets=(new,), at_once=at_once)

    def _status(self, weight: int) -> SetStatus:
        return SetStatus(
            name=self._wanted.id, release_id=self._wanted.id, running=2, ready=2, weight=weight, requests=400
        )

    def _tell(self, *events: object) -> None:
        self._told.history.tell(self._stream, *events)  # type: ignore[arg-type]

    def _tell_place(self, *events: object) -> None:
        self._told.history.tell(self._environment, *events)  # type: ignore[arg-type]


def full_delivery() -> DeliveryHistory:
    """Rollouts 1 and 2 reach production, 3 is taken back in its first wave, 4 waits for people, 5 for a freeze."""
    told = DeliveryHistory()
    first, second, third = release(1), release(2), release(3)
    told.declare(STAGING, PRODUCTION)
    told.create(first, second, third)
    _everywhere(told, first)
    _in_waves(told, first, second)
    _taken_back(told, second, third)
    told.ask(told.request(STAGING, third), STAGING)
    told.approve(told.rollouts[-1], "bob", granted=False)
    told.history.tell(
        f"environment/{APP}/production/eu-west", EnvironmentFrozen(by="eve", reason="holidays", until=HOUR)
    )
    waiting = told.request(PRODUCTION, first, by="eve")
    (deployment,) = told.wave(waiting, PRODUCTION, 0, ("eu-west",), first).values()
    Deploying(told, deployment, waiting, "eu-west", "production", first).wait("the environment is frozen: holidays")
    return told


def _everywhere(told: DeliveryHistory, first: Release) -> None:
    rollout = told.request(PRODUCTION, first)
    for region, deployment in told.wave(rollout, PRODUCTION, 0, PRODUCTION.regions, first).items():
        Deploying(told, deployment, rollout, region, "production", first).enter(1, None).reach(1, 100).activate()
    told.finish(rollout, PRODUCTION, first)


def _in_waves(told: DeliveryHistory, first: Release, second: Release) -> None:
    rollout = told.request(PRODUCTION, second)
    told.ask(rollout, PRODUCTION)
    told.approve(rollout, "bob")
    told.migrate(rollout, second)
    (deployment,) = told.wave(rollout, PRODUCTION, 0, ("us-east",), second).values()
    here = Deploying(told, deployment, rollout, "us-east", "production", second)
    here.enter(2, first, wait="behind nobody").reach(0, 5)
    for number in range(1, 6):
        here.sample(number, 0.001 * number)
    here.hesitate().reach(1, 100).activate().watch()
    told.history.tell(
        f"rollout/{rollout}",
        BakeStarted(index=0, until=HOUR, min_requests=100, give_up_at=HOUR),
        RequestsNoted(region="us-east", requests=60),
        RequestsNoted(region="us-east", requests=120),
        BakeFinished(index=0),
    )
    (deployment,) = told.wave(rollout, PRODUCTION, 1, ("eu-west",), second).values()
    there = Deploying(told, deployment, rollout, "eu-west", "production", second)
    there.enter(2, first).reach(0, 5).reach(1, 100).activate().watch(ended=False)
    told.finish(rollout, PRODUCTION, second)


def _taken_back(told: DeliveryHistory, second: Release, third: Release) -> None:
    rollout = told.request(PRODUCTION, third, by="bob")
    (deployment,) = told.wave(rollout, PRODUCTION, 0, ("us-east",), third).values()
    here = Deploying(told, deployment, rollout, "us-east", "production", third).enter(3, second).reach(0, 5)
    here.sample(1, None).sample(2, 0.05).take_back(2, 0.05)
    told.finish(rollout, PRODUCTION, third, "rolled_back")
