"""The environments that simulated apps have: each strategy, with times of seconds. Also as delivery.yml says it."""

from core.environments.settings import (
    Amount,
    Analysis,
    Bake,
    BlueGreen,
    Canary,
    CanaryStep,
    Check,
    EnvironmentSettings,
    Health,
    Hook,
    ProcessTarget,
    Recreate,
    Rolling,
    Window,
)
from core.pipeline.plan import Approval

TARGET = ProcessTarget(
    command="serve",
    replicas=2,
    health=Health(start_timeout_seconds=12.0),
    drain_seconds=1.0,
    stop_seconds=1.0,
)
WATCHED = Analysis(
    checks=(Check(name="errors", metric="error-rate", max=0.01, min_samples=0, inconclusive_limit=5),),
    interval_seconds=2.0,
    timeout_seconds=5.0,
)
RELEASERS = "release"


def environments(regions: tuple[str, ...], halting: bool) -> tuple[EnvironmentSettings, ...]:
    first, *rest = regions
    return (
        EnvironmentSettings(
            name="dev",
            regions=(first,),
            target=TARGET,
            strategy=Recreate(),
            deadline_seconds=120.0,
        ),
        EnvironmentSettings(
            name="staging",
            regions=(regions[-1],),
            target=TARGET,
            strategy=Rolling(max_surge=Amount(1)),
            analysis=WATCHED,
            watch_seconds=12.0,
            deadline_seconds=120.0,
            freezes=(Window("*/6 * * * *", 60),),
        ),
        EnvironmentSettings(
            name="production",
            regions=regions,
            waves=((first,), tuple(rest)),
            target=TARGET,
            strategy=Canary(steps=(CanaryStep(5, 5.0), CanaryStep(50, 5.0), CanaryStep(100, 0.0))),
            analysis=WATCHED,
            approval=Approval(count=1, groups=(RELEASERS,), timeout_seconds=60, prevent_self_approval=True),
            bake=Bake(time_seconds=4.0, min_requests=40, give_up_seconds=60.0),
            pre_deploy=Hook(run="migrate", phase="expand", timeout_seconds=30.0),
            watch_seconds=12.0,
            deadline_seconds=180.0,
            on_failure="halt" if halting else "rollback_all",
        ),
        EnvironmentSettings(
            name="mirror",
            regions=regions,
            target=TARGET,
            strategy=BlueGreen(keep_old_seconds=4.0),
            pre_deploy=Hook(run="migrate", phase="contract", down="unmigrate", timeout_seconds=30.0),
            deadline_seconds=180.0,
        ),
    )


DELIVERY = """
environments:
  dev:
    regions: us-east
    strategy: recreate
    deadline: 2m
    target: {process: {command: serve, replicas: 2, health: {path: /healthz, start_timeout: 12s}}}
  production:
    regions: [us-east, eu-west]
    waves: [[us-east], [eu-west]]
    bake: 4s
    watch: 12s
    deadline: 3m
    strategy:
      canary:
        steps: [{weight: 20, for: 5s}, {weight: 100}]
        analysis: {interval: 2s, timeout: 5s, checks: [{metric: error-rate, max: 1%}]}
    target: {process: {command: serve, replicas: 2, health: {path: /healthz, start_timeout: 12s}}}
"""
