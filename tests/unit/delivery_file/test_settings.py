"""What the keys of `delivery.yml` come to."""

import msgspec
import pytest

from core.delivery_file.compile import PROCFILE_COMMAND
from core.delivery_file.document import read_delivery
from core.environments import settings as s
from core.pipeline.plan import Approval
from tests.support.delivery_files import EXAMPLE, SOUND, problems_of, settings


def test_example_of_the_documentation_lacks_only_what_is_to_come() -> None:
    (problem,) = problems_of(EXAMPLE)
    assert (problem.code, problem.path) == ("not-available-yet", "environments.production.target.kubernetes")
    assert (problem.line, problem.column) == (19, 14)
    assert "process" in problem.suggestion


def test_example_on_another_target_says_what_it_says() -> None:
    delivery = read_delivery(SOUND.encode())
    assert delivery.problems == ()
    assert ["'production'" in warning and "Prometheus" in warning for warning in delivery.warnings] == [True]
    dev, staging, production = delivery.environments
    assert (dev.name, dev.regions, dev.strategy) == ("dev", ("us-east",), s.Recreate())
    assert staging.strategy == s.Rolling(s.Amount(), s.Amount(percent=25))
    assert production.waves == (("us-east",), ("eu-west", "ap-south"))
    assert production.bake == s.Bake(1800, 100)
    assert production.approval == Approval(2, ("release-managers",), 86_400, True)
    assert production.freezes == (s.Window("0 18 * * FRI", 62 * 3600, "Europe/Berlin"),)
    assert production.strategy == s.Canary()
    assert production.analysis == s.Analysis(
        (
            s.Check("error-rate", query="<PromQL with $version>", max=0.01, min_samples=20),
            s.Check("p99", query="<PromQL>", max=0.5),
        )
    )


def test_environment_without_a_target_is_what_the_procfile_says() -> None:
    assert settings(target="").target == s.ProcessTarget(command=PROCFILE_COMMAND)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("rolling", s.Rolling()),
        ("blue-green", s.BlueGreen()),
        ("canary", s.Canary()),
        ("{rolling: {max_unavailable: 1, max_surge: 50%}}", s.Rolling(s.Amount(1), s.Amount(percent=50))),
        ("{blue-green: {keep_old: 10m, manual: true}}", s.BlueGreen(600, True)),
        ("{canary: {}}", s.Canary()),
        (
            "{canary: {steps: [{weight: 10%, for: manual}, {weight: 100, for: 30s}], affinity: true, mirror: 20,"
            " headers: {header: X-Beta, value: 'on'}}}",
            s.Canary(
                (s.CanaryStep(10), s.CanaryStep(100, 30)),
                affinity=True,
                headers=(s.HeaderRoute("X-Beta", "on"),),
                mirror=20,
            ),
        ),
    ],
)
def test_strategy_is_a_name_or_has_settings(written: str, expected: s.Strategy) -> None:
    assert settings(f"strategy: {written}").strategy == expected


def test_without_a_strategy_the_risk_chooses_later() -> None:
    given = settings("risk: high", "critical: true")
    assert (given.strategy, given.risk, given.critical) == (None, "high", True)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{process: './a --b'}", s.ProcessTarget("./a --b")),
        (
            "{process: {command: ./a, replicas: 3, port: 8000, env: {A: 1}, health: /ready, drain: 1m, stop: 500ms,"
            " metrics_path: /m}}",
            s.ProcessTarget("./a", 3, 8000, {"A": "1"}, s.Health("/ready"), 60, 0.5, "/m"),
        ),
        (
            "{docker: {container_port: 80, command: [a, b], memory: 256Mi, cpus: 0.5, health: {interval: 200ms,"
            " start_timeout: 5s}}}",
            s.DockerTarget(
                80,
                ("a", "b"),
                health=s.Health(interval_seconds=0.2, start_timeout_seconds=5),
                memory_bytes=256 << 20,
                cpus=0.5,
            ),
        ),
        ("{compose: {service: web, file: prod.yml}}", s.ComposeTarget("web", "prod.yml")),
        ("{static: /srv/www}", s.StaticTarget("/srv/www")),
        ("{static: {link: /srv/www, source: dist}}", s.StaticTarget("/srv/www", "dist")),
    ],
)
def test_target_says_what_a_release_runs_on(written: str, expected: s.Target) -> None:
    assert settings(target=f"target: {written}").target == expected


def test_region_may_have_a_target_of_its_own() -> None:
    given = settings("targets: {eu: {process: ./eu}}")
    assert given.target_in("us") == s.ProcessTarget("./serve")
    assert given.target_in("eu") == s.ProcessTarget("./eu")


def test_targets_of_all_regions_need_no_common_one() -> None:
    given = settings("targets: {us: {process: ./us}, eu: {process: ./eu}}", target="")
    assert [given.target_in(region) for region in given.regions] == [s.ProcessTarget("./us"), s.ProcessTarget("./eu")]


def test_checks_take_limits_as_people_write_them() -> None:
    checks = settings(
        "watch: 5m",
        "analysis:",
        "  {interval: 10s, window: 2m, timeout: 3s, source: 'http://prom:9090', checks: [",
        "    {metric: error-rate, max: 1%, min_samples: 20, failure_limit: 1, inconclusive_limit: 2},",
        "    {name: slow, metric: latency-p99, max: 500ms, initial_delay: 1m, consecutive_error_limit: 9},",
        "    {metric: memory, max: 256Mi},",
        "    {name: burn, metric: error-rate, budget: {objective: 99.9%}},",
        "    {name: odd, query: 'a{v=\"$version\"}', min: -1, max: 1e-3}]}",
    ).analysis
    assert (checks.interval_seconds, checks.window_seconds, checks.timeout_seconds) == (10, 120, 3)
    assert checks.source == "http://prom:9090"
    assert checks.checks == (
        s.Check("error-rate", metric="error-rate", max=0.01, min_samples=20, failure_limit=1, inconclusive_limit=2),
        s.Check("slow", metric="latency-p99", max=0.5, initial_delay_seconds=60, consecutive_error_limit=9),
        s.Check("memory", metric="memory", max=float(256 << 20)),
        s.Check("burn", metric="error-rate", budget=s.Budget(0.9990000000000001)),
        s.Check("odd", query='a{v="$version"}', min=-1, max=0.001),
    )


def test_comparison_starts_a_baseline() -> None:
    compared = settings("strategy: canary", "analysis: {checks: [{metric: latency-p99, compare: true}]}")
    assert compared.strategy == s.Canary(baseline=True)
    assert compared.analysis.checks[0].compare == s.Compare()
    told = settings(
        "strategy: canary",
        "analysis: {checks: [{metric: requests, compare: {worse: lower, alpha: 1%, tolerance: 0.2, min_points: 8}}]}",
    )
    assert told.analysis.checks[0].compare == s.Compare("lower", 0.01, 0.2, 8)


def test_everything_else_has_its_key() -> None:
    given = settings(
        "approval: {}",
        "windows: {cron: '0 9 * * 1-5', duration: 8h}",
        "probes: [{name: home, path: /, when: [before, after], expect_text: hi, max_latency: 200ms, headers: {A: b}}]",
        "pre_deploy: {run: ./migrate, phase: contract, down: ./back, timeout: 5m}",
        "watch: 10m",
        "deadline: 2h",
        "on_failure: halt",
        "bake: 90s",
    )
    assert given.approval == Approval()
    assert given.windows == (s.Window("0 9 * * 1-5", 8 * 3600),)
    assert given.probes == (
        s.Probe("home", "/", ("before", "after"), headers={"A": "b"}, expect_text="hi", max_latency_seconds=0.2),
    )
    assert given.pre_deploy == s.Hook("./migrate", "contract", "./back", 300)
    assert (given.watch_seconds, given.deadline_seconds, given.on_failure) == (600, 7200, "halt")
    assert given.bake == s.Bake(90)
    assert settings("pre_deploy: ./migrate").pre_deploy == s.Hook("./migrate")


def test_settings_are_in_the_log_as_they_were_read() -> None:
    given = settings("strategy: canary", "analysis: {checks: [{metric: requests, min: 5}]}", "watch: 10m")
    text = msgspec.json.encode(given)
    assert msgspec.json.encode(msgspec.json.decode(text, type=s.EnvironmentSettings)) == text
