"""What an environment of an app is: where it runs, how releases get into it and who must agree.

Pure data, made from `delivery.yml` or the catalog's API; a rollout keeps the copy it began with. Durations are in
seconds, weights and percentages whole numbers from 0 to 100.
"""

from typing import Literal

import msgspec

from core.pipeline.plan import Approval

Risk = Literal["low", "medium", "high", "critical"]


class Amount(msgspec.Struct, frozen=True, omit_defaults=True):
    """A number of instances: `count`, or `percent` of the replicas where that is set."""

    count: int = 0
    percent: int | None = None


class Recreate(msgspec.Struct, frozen=True, omit_defaults=True, tag="recreate", tag_field="kind"):
    """Stop the old, start the new. Refused for an environment marked critical."""


class Rolling(msgspec.Struct, frozen=True, omit_defaults=True, tag="rolling", tag_field="kind"):
    """Batches: at most `max_surge` more and `max_unavailable` fewer ready instances than there should be."""

    max_unavailable: Amount = Amount()
    max_surge: Amount = Amount(percent=25)


class BlueGreen(msgspec.Struct, frozen=True, omit_defaults=True, tag="blue-green", tag_field="kind"):
    """The new set beside the old, smoke tests, one switch. The old set stays for `keep_old_seconds`.

    `manual`: the switch waits for `promote`.
    """

    keep_old_seconds: float = 300
    manual: bool = False


class CanaryStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """`weight` percent of the requests for `hold_seconds`; None holds until somebody promotes."""

    weight: int
    hold_seconds: float | None = None


class HeaderRoute(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests whose `header` equals `value` go to the new release from the first step on."""

    header: str
    value: str


class Canary(msgspec.Struct, frozen=True, omit_defaults=True, tag="canary", tag_field="kind"):
    """Steps of growing weight; the last one has 100.

    `affinity`: a client that met the new release stays with it (a cookie). `mirror` percent of the requests are also
    sent to the new release before it has any weight, their answers thrown away. `baseline`: as many new instances of
    the old release as the canary has are started at the same time, and compared with.
    """

    steps: tuple[CanaryStep, ...] = (
        CanaryStep(5, 300),
        CanaryStep(25, 600),
        CanaryStep(50, 900),
        CanaryStep(100, 0),
    )
    affinity: bool = False
    headers: tuple[HeaderRoute, ...] = ()
    mirror: int = 0
    baseline: bool = False


Strategy = Recreate | Rolling | BlueGreen | Canary


class Compare(msgspec.Struct, frozen=True, omit_defaults=True):
    """Judge against the baseline's samples: fails where the canary is worse in the sense of `worse` (Mann-Whitney,
    one-sided, significance `alpha`) and the medians differ by more than `tolerance` (a fraction of the baseline's).

    Inconclusive until both sides have `min_points` samples.
    """

    worse: Literal["higher", "lower"] = "higher"
    alpha: float = 0.05
    tolerance: float = 0.1
    min_points: int = 5


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """Error budget burn: the query's error ratio over what the objective allows (1 - `objective`) must stay at or
    under `max_burn` (14.4 burns 2% of a 30-day budget in an hour)."""

    objective: float
    max_burn: float = 14.4


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing to measure of the new release at every sample.

    Either `query` (PromQL; $version, $baseline, $app, $environment, $region and $window are filled in), or `metric`,
    which each source knows: error-rate (fraction), latency-p50 | -p90 | -p95 | -p99 (seconds), memory (bytes), or
    requests (a count). Passes while min <= value <= max. A sample with fewer than `min_samples` requests in its
    window, an empty or NaN answer is inconclusive; a source that can't answer is an error. The limits say how many
    such samples are borne: `failure_limit` failed ones in all, `inconclusive_limit` in a row and
    `consecutive_error_limit` in a row.
    """

    name: str
    query: str = ""
    metric: str = ""
    max: float | None = None
    min: float | None = None
    min_samples: int = 0
    initial_delay_seconds: float = 0
    failure_limit: int = 0
    inconclusive_limit: int = 3
    consecutive_error_limit: int = 4
    compare: Compare | None = None
    budget: Budget | None = None


class Analysis(msgspec.Struct, frozen=True, omit_defaults=True):
    """`source` is the URL of a Prometheus, or empty: the platform's own scraper of the instances' /metrics.

    `window_seconds` is how far back a sample looks.
    """

    checks: tuple[Check, ...] = ()
    interval_seconds: float = 30
    window_seconds: float = 60
    timeout_seconds: float = 10
    source: str = ""


class Probe(msgspec.Struct, frozen=True, omit_defaults=True):
    """A synthetic check: one HTTP request with assertions, sent to each new instance.

    `when`: before the new release gets any traffic, during (with every sample), after it has all of it.
    """

    name: str
    path: str
    when: tuple[Literal["before", "during", "after"], ...] = ("before",)
    method: str = "GET"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str = ""
    expect_status: int = 200
    expect_text: str = ""
    max_latency_seconds: float | None = None
    attempts: int = 3
    timeout_seconds: float = 5


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instance is ready when `path` answered 2xx `successes` times in a row, broken after `failures` without one.

    One that isn't ready after `start_timeout_seconds` fails the deployment.
    """

    path: str = "/healthz"
    interval_seconds: float = 1
    timeout_seconds: float = 2
    successes: int = 1
    failures: int = 3
    start_timeout_seconds: float = 60


class ProcessTarget(msgspec.Struct, frozen=True, omit_defaults=True, tag="process", tag_field="kind"):
    """`command` is run by the shell in a copy of the release, with $PORT; a proxy stands before the instances.

    `port` is the proxy's; 0 lets the target choose one and keep it.
    """

    command: str
    replicas: int = 1
    port: int = 0
    env: dict[str, str] = msgspec.field(default_factory=dict)
    health: Health = Health()
    drain_seconds: float = 10
    stop_seconds: float = 10
    metrics_path: str = "/metrics"


class DockerTarget(msgspec.Struct, frozen=True, omit_defaults=True, tag="docker", tag_field="kind"):
    """Containers of the release's image, behind the same proxy. `container_port` is where the service listens."""

    container_port: int = 8080
    command: tuple[str, ...] = ()
    replicas: int = 1
    port: int = 0
    env: dict[str, str] = msgspec.field(default_factory=dict)
    health: Health = Health()
    drain_seconds: float = 10
    stop_seconds: float = 10
    metrics_path: str = "/metrics"
    memory_bytes: int = 1 << 30
    cpus: float = 1.0


class ComposeTarget(msgspec.Struct, frozen=True, omit_defaults=True, tag="compose", tag_field="kind"):
    """One project per instance set of the compose file `file` in the release; `service` is behind the proxy."""

    service: str
    file: str = "compose.yaml"
    container_port: int = 8080
    replicas: int = 1
    port: int = 0
    env: dict[str, str] = msgspec.field(default_factory=dict)
    health: Health = Health()
    drain_seconds: float = 10
    stop_seconds: float = 10
    metrics_path: str = "/metrics"


class StaticTarget(msgspec.Struct, frozen=True, omit_defaults=True, tag="static", tag_field="kind"):
    """A directory of files; `link` (absolute) is a symlink that is switched to the release's `source` directory."""

    link: str
    source: str = "."


Target = ProcessTarget | DockerTarget | ComposeTarget | StaticTarget


class Window(msgspec.Struct, frozen=True):
    """From each time the cron line fires, for so long, in an IANA time zone."""

    cron: str
    duration_seconds: int
    timezone: str = "UTC"


class Bake(msgspec.Struct, frozen=True, omit_defaults=True):
    """Between waves: at least this long and, where more than 0, this many requests in every region of the wave.

    Requests that don't come within `give_up_seconds` halt the rollout.
    """

    time_seconds: float = 0
    min_requests: int = 0
    give_up_seconds: float = 3600


class Hook(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command run once per rollout in a copy of the release, before any instance: database migrations.

    `phase`: an expand migration leaves the old release working, a contract one does not. `down` takes it back.
    """

    run: str
    phase: Literal["expand", "contract"] = "expand"
    down: str = ""
    timeout_seconds: float = 600


class Protection(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a stage that runs its own steps in an environment keeps to there. `regions` are those whose lock it takes,
    in the order in which it does: the same for every stage, so that no two wait for each other."""

    regions: tuple[str, ...]
    approval: Approval | None = None
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()


class EnvironmentSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """One environment of an app. `waves` lists each of `regions` once; empty means all at once.

    `strategy` None: `risk` chooses (see core/deployments/strategies.py). `watch_seconds`: for so long after the end
    of a deployment a breach still rolls back. `on_failure`: whether regions that had finished go back too.
    """

    name: str
    regions: tuple[str, ...]
    target: Target
    strategy: Strategy | None = None
    risk: Risk = "medium"
    critical: bool = False
    waves: tuple[tuple[str, ...], ...] = ()
    bake: Bake = Bake()
    approval: Approval | None = None
    freezes: tuple[Window, ...] = ()
    windows: tuple[Window, ...] = ()
    analysis: Analysis = Analysis()
    probes: tuple[Probe, ...] = ()
    pre_deploy: Hook | None = None
    watch_seconds: float = 0
    deadline_seconds: float = 3600
    on_failure: Literal["rollback_all", "halt"] = "rollback_all"
    targets: dict[str, Target] = msgspec.field(default_factory=dict)

    def target_in(self, region: str) -> Target:
        """The target of a region: its own in `targets`, or the common one."""
        return self.targets.get(region, self.target)
