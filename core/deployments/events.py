"""What happened to a deployment. The deployer and the sampler act on `*_requested`, and answer with commands."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import SHELL_EVENTS
from core.analysis.tally import Judged
from core.deployments.commands import Measurement, ProbeResult
from core.deployments.target_state import TargetState, TargetStatus
from core.environments.release import Release
from core.environments.settings import Check, EnvironmentSettings, Probe, Target
from core.eventlog.serialization import Catalogue, Message

DeploymentOutcome = Literal["success", "rolled_back", "aborted", "error"]
WatchReason = Literal["quiet", "breach", "superseded"]


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a strategy: make the target so, probe it, stay for a time.

    `hold_seconds` None: until somebody promotes. `probe`: which probes run when it is reached. `analyse`: samples are
    taken and judged from here on.
    """

    name: str
    wish: TargetState
    hold_seconds: float | None = 0
    probe: Literal["", "before", "after"] = ""
    analyse: bool = False


class DeploymentRequested(Message, frozen=True, kw_only=True):
    """It asks for its environment's lock, and waits for it until `give_up_at` at the longest."""

    TYPE = "deployment.requested"
    app: str
    environment: str
    region: str
    rollout_id: str
    release: Release
    settings: EnvironmentSettings
    kind: Literal["deploy", "rollback"] = "deploy"
    by: str
    automatic: bool = False
    override_reason: str = ""
    give_up_at: datetime | None = None


class DeploymentStarted(Message, frozen=True, kw_only=True):
    """It holds the lock. `steps` is all it will do (releases there have no configuration: what an action asks for is
    whole); `rollback_to` what it goes back to, if anything was there.

    `current` is what was there: another release than `rollback_to` where the same release is deployed again.
    The lock is renewed at `renew_at`; at `deadline_at` the deployment must be over, or it goes back.
    """

    TYPE = "deployment.started"
    epoch: int
    steps: tuple[Step, ...]
    current: Release | None = None
    rollback_to: Release | None = None
    deadline_at: datetime
    renew_at: datetime | None = None


class LockRenewalRequested(Message, frozen=True, kw_only=True):
    """It lives and goes on, and says so again at `next_at`."""

    TYPE = "deployment.lock_renewal_requested"
    app: str
    environment: str
    region: str
    epoch: int
    next_at: datetime | None = None


class ActionRequested(Message, frozen=True, kw_only=True):
    """The deployer shall bring the target to `wish`; `action` counts in the deployment. A later action (or a higher
    epoch) of the environment makes it void. `probes` are done once it is reached, at the instances of `release_id`.

    `step` is -1 for going back. `answer_by`: without a report until then, the target counts as lost.
    """

    TYPE = "deployment.action_requested"
    app: str
    environment: str
    region: str
    epoch: int
    action: int
    step: int
    wish: TargetState
    target: Target
    probes: tuple[Probe, ...] = ()
    release_id: str = ""
    answer_by: datetime


class ActionFailed(Message, frozen=True, kw_only=True):
    """The target could not be brought there: the deployer says why, or (target-lost) did not answer in time.

    A failed step is followed by a rollback; a failed rollback is asked for again at `retry_at`.
    """

    TYPE = "deployment.action_failed"
    action: int
    step: int
    code: str
    detail: str = ""
    status: TargetStatus = TargetStatus()
    probes: tuple[ProbeResult, ...] = ()
    retry_at: datetime | None = None


class StepReached(Message, frozen=True, kw_only=True):
    """The target is as the step wants it. `hold_until` None: until promoted (or resumed, where it is paused).

    `analysis_from` is set where samples begin with this step; the first one is due an interval later.
    """

    TYPE = "deployment.step_reached"
    step: int
    action: int
    status: TargetStatus
    probes: tuple[ProbeResult, ...] = ()
    hold_until: datetime | None = None
    analysis_from: datetime | None = None


class TrafficShifted(Message, frozen=True, kw_only=True):
    """Requests are shared like this now: percent by set name."""

    TYPE = "deployment.traffic_shifted"
    weights: dict[str, int]


class SampleRequested(Message, frozen=True, kw_only=True):
    """The sampler shall measure: `canary` and `baseline` are set names, `source` as in Analysis.

    Without an answer until `answer_by` it is recorded as an error; the next sample is due at `next_at`.
    """

    TYPE = "deployment.sample_requested"
    app: str
    environment: str
    region: str
    epoch: int
    number: int
    canary: str
    baseline: str = ""
    checks: tuple[Check, ...] = ()
    probes: tuple[Probe, ...] = ()
    source: str = ""
    window_seconds: float = 60
    timeout_seconds: float = 10
    target: Target
    answer_by: datetime
    next_at: datetime | None = None


class SampleRecorded(Message, frozen=True, kw_only=True):
    """What was measured, and what it means (`judged`; a probe's name there is `probe:<name>`). A sampler that did not
    answer in time is recorded as an error of every check.

    `requests_since_complete`: of the new release since its deployment was complete; set during the watch, if known.
    """

    TYPE = "deployment.sample_recorded"
    rollout_id: str
    region: str
    number: int
    measurements: tuple[Measurement, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    total_requests: int | None = None
    judged: tuple[Judged, ...] = ()
    requests_since_complete: int | None = None


class AnalysisConcluded(Message, frozen=True, kw_only=True):
    """The last hold with an analysis is over. inconclusive: the checks in `detail` never passed, so it goes back."""

    TYPE = "deployment.analysis_concluded"
    outcome: Literal["passed", "inconclusive"]
    detail: str = ""


class HealthReported(Message, frozen=True, kw_only=True):
    """`recover_by`: fewer instances of the new release are ready than its step wants, and this is when that counts."""

    TYPE = "deployment.health_reported"
    status: TargetStatus
    lost: bool = False
    detail: str = ""
    recover_by: datetime | None = None


class DeploymentPaused(Message, frozen=True, kw_only=True):
    """`remaining_seconds` of the step's hold are kept for later."""

    TYPE = "deployment.paused"
    by: str
    reason: str = ""
    remaining_seconds: float | None = None


class DeploymentResumed(Message, frozen=True, kw_only=True):
    TYPE = "deployment.resumed"
    by: str
    hold_until: datetime | None = None


class DeploymentPromoted(Message, frozen=True, kw_only=True):
    TYPE = "deployment.promoted"
    by: str
    full: bool = False


class RollbackTriggered(Message, frozen=True, kw_only=True):
    """From here all goes back. `code`: analysis-failed, analysis-inconclusive, analysis-errors, probe-failed,
    not-ready, crashed, unhealthy, deadline, target-lost, aborted ... `check` and `value` name the breach, if any.

    `quarantine`: the release is to blame, so no automatic path brings it back here. `give_up_at`: a target that has not
    gone back by then is left as it is (the deployment ends as an error).
    """

    TYPE = "deployment.rollback_triggered"
    app: str
    environment: str
    region: str
    rollout_id: str
    release_id: str
    code: str
    detail: str
    check: str = ""
    value: float | None = None
    sample: int | None = None
    by: str = ""
    quarantine: bool = True
    give_up_at: datetime | None = None


class ReleaseActivated(Message, frozen=True, kw_only=True):
    """All traffic is on `release`, which is healthy; the environment remembers it. The watch may still follow."""

    TYPE = "deployment.release_activated"
    app: str
    environment: str
    region: str
    rollout_id: str
    release: Release


class WatchStarted(Message, frozen=True, kw_only=True):
    """It is complete and has given the lock back; until `until` a breach starts a rollback.

    `count_until`: the rollout's bake wants a number of requests, so they are counted (and nothing judged) for longer.
    `sample_at`: when the next sample is due, or the outstanding one. `requests`: served by the new release so far.
    """

    TYPE = "deployment.watch_started"
    until: datetime
    count_until: datetime | None = None
    sample_at: datetime | None = None
    requests: int | None = None


class WatchEnded(Message, frozen=True, kw_only=True):
    """quiet: nothing happened; breach: RollbackTriggered was before this, and the rollout starts a rollback deployment;
    superseded: another deployment began (EndWatch). `code` and `detail` are the breach's."""

    TYPE = "deployment.watch_ended"
    rollout_id: str
    region: str
    reason: WatchReason
    code: str = ""
    detail: str = ""


class DeploymentFinished(Message, frozen=True, kw_only=True):
    """The end. `code` and `detail` say why it did not succeed. `now_on` is what has all traffic, if known.

    `rollback_to` is what was there before: a rollout that goes back after this begins a rollback to it. The lock is
    given back by this event. `watch_until`: WatchStarted follows. `touched`: it had asked something of the target.
    """

    TYPE = "deployment.finished"
    app: str
    environment: str
    region: str
    rollout_id: str
    kind: Literal["deploy", "rollback"] = "deploy"
    release_id: str
    outcome: DeploymentOutcome
    code: str = ""
    detail: str = ""
    now_on: Release | None = None
    rollback_to: Release | None = None
    watch_until: datetime | None = None
    touched: bool = False


EVENTS = Catalogue(
    (
        DeploymentRequested,
        DeploymentStarted,
        LockRenewalRequested,
        ActionRequested,
        ActionFailed,
        StepReached,
        TrafficShifted,
        SampleRequested,
        SampleRecorded,
        AnalysisConcluded,
        HealthReported,
        DeploymentPaused,
        DeploymentResumed,
        DeploymentPromoted,
        RollbackTriggered,
        ReleaseActivated,
        WatchStarted,
        WatchEnded,
        DeploymentFinished,
        *SHELL_EVENTS,
    )
)
