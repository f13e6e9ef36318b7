"""The compiled pipeline: what a `.pipeline.yml` means for one commit. Pure data; goes into the log as is.

Made by compile.py from a valid document; read by the Run aggregate, the scheduler and the agents.
Expressions (`if`, `${{ }}`) that need results of earlier stages stay as text and are evaluated by the Run
when the stage becomes ready; all others are already replaced by their values.
"""

from typing import Any, Literal

import msgspec

RetryOn = Literal["agent_lost", "failure", "timeout"]
Status = Literal["success", "failure", "cancelled"]


class Need(msgspec.Struct, frozen=True, omit_defaults=True):
    """An edge of the DAG. With `allow_failure` the stage may run although the needed one failed."""

    stage: str
    allow_failure: bool = False


class Resources(msgspec.Struct, frozen=True, omit_defaults=True):
    """`cpu` in cores, memory in bytes. Requests are what the scheduler counts, limits what the executor enforces."""

    cpu: float = 2.0
    memory_bytes: int = 4 << 30
    cpu_limit: float = 4.0
    memory_limit_bytes: int = 8 << 30


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """At most `max` further attempts, for the reasons in `on`."""

    max: int = 0
    on: tuple[RetryOn, ...] = ("agent_lost",)


class Approval(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` people, members of one of `groups` (empty: anybody with the approver role), within the timeout."""

    count: int = 1
    groups: tuple[str, ...] = ()
    timeout_seconds: int = 24 * 3600
    prevent_self_approval: bool = False


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: exactly one of `run` (script text, run by `shell`) and `uses` (a built-in action) is set.

    It runs when the job's status so far is in `when`: all there is to an `if`, whose expression has been
    evaluated already. `if_` is only set while the answer needs results of earlier stages; the Run turns it into
    `when` (resolve.py), so that an agent never evaluates anything.
    """

    name: str
    run: str | None = None
    uses: str | None = None
    with_: dict[str, str] = msgspec.field(default_factory=dict, name="with")
    env: dict[str, str] = msgspec.field(default_factory=dict)
    shell: str = "bash"
    working_directory: str | None = None
    if_: str | None = msgspec.field(default=None, name="if")
    timeout_seconds: int | None = None
    continue_on_error: bool = False
    when: tuple[Status, ...] = ("success",)


class JobPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job of a stage. `id` is the stage's name, or `<stage>-<n>` (n from 1) for a matrix."""

    id: str
    name: str
    matrix: dict[str, str] = msgspec.field(default_factory=dict)
    env: dict[str, str] = msgspec.field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    pool: str = "default"
    region: str | None = None
    labels: tuple[str, ...] = ()
    image: str | None = None
    network: Literal["none", "egress"] = "egress"
    resources: Resources = Resources()
    timeout_seconds: int = 3600
    retry: Retry = Retry()
    priority: int = 0


class ReleasePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is deployed where it isn't just the commit's files. Texts may hold `${{ stages... }}`."""

    image: str = ""
    digest: str = ""
    config: dict[str, str] = msgspec.field(default_factory=dict)


class DeployPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rollout of the run's release. `regions` empty: all; `strategy` empty: the environment's own.

    With `wait` the stage ends as the rollout does, which is aborted after the timeout; else once it is accepted.
    """

    environment: str
    regions: tuple[str, ...] = ()
    strategy: str = ""
    wait: bool = True
    timeout_seconds: int = 7 * 24 * 3600
    release: ReleasePlan | None = None


class StagePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node of the DAG. `if_` is CEL over `stages`, `success()`, `failure()`, `always()` and the run's values.

    `regions` are those of `environment` whose lock its own steps take, empty: all (a deployment has its own).
    """

    name: str
    jobs: tuple[JobPlan, ...]
    needs: tuple[Need, ...] = ()
    if_: str | None = msgspec.field(default=None, name="if")
    approval: Approval | None = None
    max_parallel: int | None = None
    fail_fast: bool = True
    environment: str | None = None
    deploy: DeployPlan | None = None
    regions: tuple[str, ...] = ()


class Schedule(msgspec.Struct, frozen=True):
    """A cron line (five fields) in an IANA time zone."""

    cron: str
    timezone: str = "UTC"


class Concurrency(msgspec.Struct, frozen=True):
    """At most one run of `group` (already evaluated) at a time; `policy` says what happens to the others."""

    group: str
    policy: Literal["queue", "cancel_running", "newest_only"] = "queue"


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """All of it. `stages` are in topological order. `values` is what expressions may name besides `stages`."""

    name: str
    stages: tuple[StagePlan, ...]
    description: str = ""
    concurrency: Concurrency | None = None
    schedules: tuple[Schedule, ...] = ()
    warnings: tuple[str, ...] = ()
    values: dict[str, Any] = {}
