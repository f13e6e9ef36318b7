"""Settings that are refused, each with the field it is about: the same words for the API and delivery.yml."""

from typing import Any

import pytest

from core.environments.rules import environment_problems, problems_of
from core.environments.settings import (
    Amount,
    Analysis,
    Bake,
    BlueGreen,
    Budget,
    Canary,
    CanaryStep,
    Check,
    Compare,
    ComposeTarget,
    DockerTarget,
    EnvironmentSettings,
    HeaderRoute,
    Health,
    Hook,
    Probe,
    ProcessTarget,
    Recreate,
    Rolling,
    StaticTarget,
    Window,
)
from core.pipeline.plan import Approval

NAN, INF = float("nan"), float("inf")


def settings(**more: Any) -> EnvironmentSettings:
    plain: dict[str, Any] = {"name": "production", "regions": ("a", "b"), "target": ProcessTarget(command="serve")}
    return EnvironmentSettings(**(plain | more))


def canary(*weights: int, **more: Any) -> Canary:
    return Canary(steps=tuple(CanaryStep(weight, 60) for weight in weights), **more)


def check(**more: Any) -> Analysis:
    plain: dict[str, Any] = {"name": "rate", "metric": "error-rate", "max": 0.01}
    return Analysis(checks=(Check(**(plain | more)),))


def process(**more: Any) -> ProcessTarget:
    return ProcessTarget(**({"command": "serve"} | more))


@pytest.mark.parametrize(
    "sound",
    [
        {},
        {"waves": (("a",), ("b",)), "bake": Bake(time_seconds=60, min_requests=10)},
        {"strategy": canary(5, 25, 100), "analysis": check()},
        {"strategy": BlueGreen(manual=True), "critical": True},
        {"target": DockerTarget(), "targets": {"a": ComposeTarget(service="web")}},
        {"target": StaticTarget("/srv/www"), "risk": "high"},
        {"freezes": (Window("0 18 * * FRI", 62 * 3600, "Europe/Berlin"),)},
        {"approval": Approval(count=2, groups=("ops",)), "pre_deploy": Hook(run="migrate")},
        {"strategy": canary(5, 100, headers=(HeaderRoute("X-Beta", "yes"),), affinity=True, mirror=10)},
        {"analysis": check(metric="", query="up", max=None, min=1.0), "watch_seconds": 60},
    ],
)
def test_sound_settings_have_no_problem(sound: dict[str, Any]) -> None:
    assert environment_problems(settings(**sound)) == []


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        ({"regions": ()}, "regions", "regions-missing"),
        ({"regions": ("a", "a")}, "regions[1]", "region-duplicate"),
        ({"regions": ("a", "B c")}, "regions[1]", "region-invalid"),
        ({"waves": (("a",), ("b", "mars"))}, "waves[1][1]", "region-unknown"),
        ({"waves": (("a",), ("b", "a"))}, "waves[1][1]", "region-duplicate"),
        ({"waves": (("a",),)}, "waves", "region-without-wave"),
        ({"waves": (("a", "b"), ())}, "waves[1]", "wave-empty"),
        ({"strategy": canary(25, 5, 100)}, "strategy.steps[1].weight", "weights-fall"),
        ({"strategy": canary(5, 5, 100)}, "strategy.steps[1].weight", "weights-fall"),
        ({"strategy": canary(0, 100)}, "strategy.steps[0].weight", "out-of-bounds"),
        ({"strategy": canary(5, 101)}, "strategy.steps[1].weight", "out-of-bounds"),
        ({"strategy": canary(5, 50)}, "strategy.steps[1].weight", "weights-incomplete"),
        ({"strategy": canary()}, "strategy.steps", "steps-missing"),
        ({"strategy": canary(100, mirror=101)}, "strategy.mirror", "out-of-bounds"),
        ({"strategy": canary(100, headers=(HeaderRoute("a b", "x"),))}, "strategy.headers[0].header", "header-invalid"),
        ({"strategy": canary(100, headers=(HeaderRoute("a", "\n"),))}, "strategy.headers[0].value", "header-invalid"),
        ({"strategy": Canary(steps=(CanaryStep(100, -1),))}, "strategy.steps[0].hold_seconds", "out-of-bounds"),
        ({"strategy": BlueGreen(keep_old_seconds=-1)}, "strategy.keep_old_seconds", "out-of-bounds"),
        ({"strategy": Rolling(max_surge=Amount())}, "strategy", "rolling-stuck"),
        ({"strategy": Rolling(max_surge=Amount(-1))}, "strategy.max_surge.count", "out-of-bounds"),
        ({"strategy": Rolling(Amount(percent=101))}, "strategy.max_unavailable.percent", "out-of-bounds"),
        ({"strategy": Recreate(), "critical": True}, "strategy", "recreate-refused"),
        ({"strategy": canary(100), "target": StaticTarget("/srv/www")}, "strategy", "strategy-unfit"),
        ({"analysis": check()}, "analysis.checks", "analysis-unseen"),
        ({"target": process(command=" ")}, "target.command", "command-missing"),
        ({"target": process(replicas=0)}, "target.replicas", "out-of-bounds"),
        ({"target": process(port=70000)}, "target.port", "out-of-bounds"),
        ({"target": process(env={"A-B": "x"})}, "target.env", "variable-invalid"),
        ({"target": process(drain_seconds=-1)}, "target.drain_seconds", "out-of-bounds"),
        ({"target": process(metrics_path="metrics")}, "target.metrics_path", "path-invalid"),
        ({"target": process(health=Health(path="x y"))}, "target.health.path", "path-invalid"),
        ({"target": process(health=Health(interval_seconds=0))}, "target.health.interval_seconds", "out-of-bounds"),
        ({"target": StaticTarget("srv/www")}, "target.link", "path-invalid"),
        ({"target": StaticTarget("/srv/../etc")}, "target.link", "path-invalid"),
        ({"target": StaticTarget("/")}, "target.link", "path-invalid"),
        ({"target": StaticTarget("/srv/www", source="../x")}, "target.source", "path-invalid"),
        ({"target": DockerTarget(container_port=0)}, "target.container_port", "out-of-bounds"),
        ({"target": DockerTarget(memory_bytes=1)}, "target.memory_bytes", "out-of-bounds"),
        ({"target": ComposeTarget(service="")}, "target.service", "service-missing"),
        ({"target": ComposeTarget(service="a", file="/etc/x")}, "target.file", "path-invalid"),
        ({"targets": {"mars": process()}}, "targets.mars", "region-unknown"),
        ({"targets": {"a": process(replicas=0)}}, "targets.a.replicas", "out-of-bounds"),
        ({"bake": Bake(time_seconds=-1)}, "bake.time_seconds", "out-of-bounds"),
        ({"bake": Bake(min_requests=-1)}, "bake.min_requests", "out-of-bounds"),
        ({"bake": Bake(time_seconds=INF)}, "bake.time_seconds", "out-of-bounds"),
        ({"watch_seconds": -1}, "watch_seconds", "out-of-bounds"),
        ({"watch_seconds": 8 * 86400}, "watch_seconds", "out-of-bounds"),
        ({"deadline_seconds": 0}, "deadline_seconds", "out-of-bounds"),
        ({"approval": Approval(count=0)}, "approval.count", "out-of-bounds"),
        ({"pre_deploy": Hook(run="")}, "pre_deploy.run", "command-missing"),
        ({"freezes": (Window("every day", 60),)}, "freezes[0].cron", "bad-cron"),
        ({"freezes": (Window("0 0 30 2 *", 60),)}, "freezes[0].cron", "bad-cron"),
        ({"windows": (Window("0 9 * * *", 60, "Mars/Olympus"),)}, "windows[0].timezone", "bad-timezone"),
        ({"windows": (Window("0 9 * * *", 59),)}, "windows[0].duration_seconds", "out-of-bounds"),
        ({"probes": (Probe("a", "x"),)}, "probes[0].path", "path-invalid"),
        ({"probes": (Probe("a", "/"), Probe("a", "/"))}, "probes[1].name", "probe-duplicate"),
        ({"probes": (Probe("", "/"),)}, "probes[0].name", "name-missing"),
        ({"probes": (Probe("a", "/", when=()),)}, "probes[0].when", "when-missing"),
        ({"probes": (Probe("a", "/", expect_status=42),)}, "probes[0].expect_status", "out-of-bounds"),
        ({"analysis": Analysis(interval_seconds=0)}, "analysis.interval_seconds", "out-of-bounds"),
        ({"analysis": Analysis(source="ftp://x")}, "analysis.source", "url-invalid"),
        ({"analysis": Analysis(source="http://a:b@x")}, "analysis.source", "url-invalid"),
    ],
)
def test_wrong_settings_are_named_by_their_field(wrong: dict[str, Any], path: str, code: str) -> None:
    (found,) = environment_problems(settings(**wrong))
    assert (found.path, found.code) == (f"production.{path}", code)


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        ({"name": " "}, ".name", "name-missing"),
        ({"metric": ""}, "", "check-unclear"),
        ({"query": "up"}, "", "check-unclear"),
        ({"metric": "error-rat"}, ".metric", "metric-unknown"),
        ({"max": None}, "", "check-boundless"),
        ({"max": NAN}, ".max", "out-of-bounds"),
        ({"min": 2.0}, ".min", "bounds-crossed"),
        ({"budget": Budget(objective=1.0)}, ".budget.objective", "out-of-bounds"),
        ({"failure_limit": -1}, ".failure_limit", "out-of-bounds"),
        ({"compare": Compare()}, ".compare", "baseline-missing"),
    ],
)
def test_wrong_checks_are_named_by_their_field(wrong: dict[str, Any], path: str, code: str) -> None:
    (found,) = environment_problems(settings(analysis=check(**wrong), watch_seconds=600))
    assert (found.path, found.code) == (f"production.analysis.checks[0]{path}", code)


def test_two_checks_of_one_name_are_refused() -> None:
    twice = Analysis(checks=check().checks * 2)
    (found,) = environment_problems(settings(analysis=twice, watch_seconds=600))
    assert (found.path, found.code) == ("production.analysis.checks[1].name", "check-duplicate")


@pytest.mark.parametrize("name", ["", "Production", "a b", "-a", "x" * 41])
def test_names_of_environments_are_checked(name: str) -> None:
    assert [each.code for each in environment_problems(settings(name=name))] == ["name-invalid"]


def test_all_problems_of_all_environments_are_told_at_once() -> None:
    found = problems_of((settings(regions=()), settings(deadline_seconds=0), settings(name="dev")))
    assert [each.code for each in found] == ["environment-duplicate", "regions-missing", "out-of-bounds"]
