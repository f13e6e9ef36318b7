"""What can be asked of a deployment (`deployment/<region>-<16 hex>`): one environment, one region, one release."""

from datetime import datetime
from typing import Literal

import msgspec

from core.aggregate import Tick
from core.deployments.target_state import TargetStatus
from core.environments.release import Release
from core.environments.settings import EnvironmentSettings
from core.eventlog.serialization import Catalogue, Message

SampleOutcome = Literal["value", "empty", "too-few", "error"]


class ProbeResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one synthetic check found; `detail` says what was expected and what came."""

    name: str
    ok: bool
    latency_ms: float = 0
    detail: str = ""


class Measurement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check's answer. `outcome` value: `value` is finite; NaN and nothing are `empty`; `detail` says the error.

    `requests` of the new release in the window, where known. `baseline` is the baseline's value.
    """

    check: str
    outcome: SampleOutcome
    value: float | None = None
    baseline: float | None = None
    requests: int | None = None
    detail: str = ""


class StartDeployment(Message, frozen=True, kw_only=True):
    """Deploy `release`, or (kind rollback) go back to it. Repeating it changes nothing."""

    TYPE = "deployment.start"
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


class AdmitDeployment(Message, frozen=True, kw_only=True):
    """The environment granted the lock."""

    TYPE = "deployment.admit"
    epoch: int
    current: Release | None = None
    previous: Release | None = None


class RefuseDeployment(Message, frozen=True, kw_only=True):
    """The environment doesn't let it in; it ends as an error."""

    TYPE = "deployment.refuse"
    code: str
    detail: str


class LoseLock(Message, frozen=True, kw_only=True):
    """The lock expired: somebody else may own the environment. Ends without touching it."""

    TYPE = "deployment.lose_lock"
    epoch: int


class EndWatch(Message, frozen=True, kw_only=True):
    """Another deployment (`by`) was given the environment: what happens there is no longer this one's doing."""

    TYPE = "deployment.end_watch"
    by: str = ""


class ReportTarget(Message, frozen=True, kw_only=True):
    """The deployer's answer to action `action` of `epoch`: the target is as wished (`ok`), or why it can't be.

    `code`: not-ready, crashed, target-unavailable, stale-epoch, artifact-unavailable, probe-failed, bad-target ...
    """

    TYPE = "deployment.report_target"
    epoch: int
    action: int
    ok: bool
    status: TargetStatus = TargetStatus()
    probes: tuple[ProbeResult, ...] = ()
    code: str = ""
    detail: str = ""
    at: datetime


class ReportHealth(Message, frozen=True, kw_only=True):
    """Unasked: what the target shows has changed (an instance ended, isn't ready any more, or the target is gone)."""

    TYPE = "deployment.report_health"
    epoch: int
    status: TargetStatus
    lost: bool = False
    detail: str = ""
    at: datetime


class RecordSample(Message, frozen=True, kw_only=True):
    """The measurements of sample `number`. `total_requests`: counted at the new release since it was started."""

    TYPE = "deployment.record_sample"
    epoch: int
    number: int
    measurements: tuple[Measurement, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    total_requests: int | None = None
    at: datetime


class PauseDeployment(Message, frozen=True, kw_only=True):
    """The step's time stands still; samples go on."""

    TYPE = "deployment.pause"
    by: str
    reason: str = ""


class ResumeDeployment(Message, frozen=True, kw_only=True):
    TYPE = "deployment.resume"
    by: str


class PromoteDeployment(Message, frozen=True, kw_only=True):
    """End the current step's wait. `full`: skip all that follow and give the new release everything."""

    TYPE = "deployment.promote"
    by: str
    full: bool = False


class AbortDeployment(Message, frozen=True, kw_only=True):
    """Take it back. After its end this is a rollback, which is a deployment of its own."""

    TYPE = "deployment.abort"
    by: str
    reason: str = ""


COMMANDS = Catalogue(
    (
        Tick,
        StartDeployment,
        AdmitDeployment,
        RefuseDeployment,
        LoseLock,
        EndWatch,
        ReportTarget,
        ReportHealth,
        RecordSample,
        PauseDeployment,
        ResumeDeployment,
        PromoteDeployment,
        AbortDeployment,
    )
)
