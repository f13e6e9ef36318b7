"""What is wrong with a `delivery.yml`: everything at once, each with its place, key path, code and a way out."""

import pytest

from core.delivery_file.document import MAX_SETTINGS_BYTES, read_delivery
from tests.support.delivery_files import found, one, problems_of, the_problem

STEPS = "strategy: {canary: {steps: ["
CHECK = "analysis: {checks: [{"
AT = "strategy.canary.steps"

WRONG = {
    "an empty file": ("", "1:1 empty-file"),
    "a list": ("- a\n", "1:1 not-a-mapping"),
    "no environments": ("app: shop\n", "1:1 missing-key"),
    "an empty map of environments": ("environments: {}\n", "1:1 empty-list environments"),
    "a name with a space": ("environments: {'a b': {regions: us}}\n", "1:16 bad-name environments['a b']"),
    "two documents": ("environments: {}\n---\n", "2:1 multiple-documents"),
    "no regions": ("environments:\n  p: {target: {process: x}}\n", "2:6 missing-key environments.p"),
    "a region twice": (one(regions="[us, us]"), "3:19 duplicate-item regions[1]"),
    "an unknown key": (one("stragety: canary"), "5:5 unknown-key stragety"),
    "an unknown strategy": (one("strategy: canari"), "5:15 unknown-strategy strategy"),
    "two strategies": (one("strategy: {rolling: {}, canary: {}}"), "5:29 conflicting-keys strategy.canary"),
    "no strategy": (one("strategy: {}"), "5:15 missing-key strategy"),
    "two targets": (
        one(target="target: {process: x, static: /a}"),
        "4:26 conflicting-keys target.static",
    ),
    "a target that is a text": (one(target="target: process"), "4:13 wrong-type target"),
    "a weight that falls": (
        one(STEPS + "{weight: 50, for: 1m}, {weight: 20, for: 1m}, {weight: 100}]}}"),
        f"5:65 weights-fall {AT}[1].weight",
    ),
    "a weight over 100": (one(STEPS + "{weight: 120}]}}"), f"5:42 out-of-bounds {AT}[0].weight"),
    "a negative weight": (one(STEPS + "{weight: -5}, {weight: 100}]}}"), f"5:42 bad-weight {AT}[0].weight"),
    "a canary that never ends": (one(STEPS + "{weight: 50, for: 1m}]}}"), f"5:42 weights-incomplete {AT}[0].weight"),
    "a canary without steps": (one(STEPS + "]}}"), f"5:32 empty-list {AT}"),
    "a step without an end": (one(STEPS + "{weight: 50}, {weight: 100}]}}"), f"5:33 missing-key {AT}[0]"),
    "a step of a fortnight": (
        one(STEPS + "{weight: 50, for: 14d}, {weight: 100}]}}"),
        f"5:51 bad-duration {AT}[0].for",
    ),
    "a rolling that can't move": (
        one("strategy: {rolling: {max_surge: 0}}"),
        "5:15 rolling-stuck strategy",
    ),
    "more than all instances": (
        one("strategy: {rolling: {max_surge: 101%}}"),
        "5:37 bad-amount strategy.rolling.max_surge",
    ),
    "recreate where it is critical": (
        one("critical: true", "strategy: recreate"),
        "6:15 recreate-refused strategy",
    ),
    "an unknown region in a wave": (one("waves: [[us], [eu, ap]]"), "5:24 region-unknown waves[1][1]"),
    "a region in two waves": (one("waves: [[us], [eu, us]]"), "5:24 region-duplicate waves[1][1]"),
    "a region in no wave": (one("waves: [[us]]"), "5:12 region-without-wave waves"),
    "an empty wave": (one("waves: [[us, eu], []]"), "5:23 empty-list waves[1]"),
    "a target of an unknown region": (one("targets: {ap: {process: x}}"), "5:19 region-unknown targets.ap"),
    "a region without a target": (
        one("targets: {us: {process: x}}", target=""),
        "3:19 region-without-target regions[1]",
    ),
    "a canary of files": (
        one("strategy: canary", target="target: {static: /srv}"),
        "5:15 strategy-unfit strategy",
    ),
    "a canary of files in one region": (
        one("targets: {eu: {static: /srv}}", "strategy: canary"),
        "6:15 strategy-unfit strategy",
    ),
    "a probe of files": (
        one("probes: {name: a, path: /}", target="target: {static: /srv}"),
        "5:13 target-without-instances probes",
    ),
    "a measure of files": (
        one(CHECK + "metric: memory, max: 1}]}", target="target: {static: /srv}"),
        "5:34 target-without-instances analysis.checks[0].metric",
    ),
    "a relative link": (one(target="target: {static: srv}"), "4:22 bad-path target.static"),
    "an unknown metric": (one(CHECK + "metric: eror-rate, max: 1}]}"), "5:34 unknown-metric analysis.checks[0].metric"),
    "a metric and a query": (
        one(CHECK + "name: a, metric: memory, query: x, max: 1}]}"),
        "5:25 check-unclear analysis.checks[0]",
    ),
    "neither metric nor query": (one(CHECK + "name: a, max: 1}]}"), "5:25 check-unclear analysis.checks[0]"),
    "a check without a limit": (one(CHECK + "metric: memory}]}"), "5:25 check-boundless analysis.checks[0]"),
    "limits crossed": (
        one(CHECK + "metric: memory, min: 2, max: 1}]}"),
        "5:47 bounds-crossed analysis.checks[0].min",
    ),
    "a variable that nothing fills in": (
        one(CHECK + "name: a, query: 'x{v=\"$versoin\"}', max: 1}]}"),
        "5:42 query-invalid analysis.checks[0].query",
    ),
    "a query whose text never ends": (
        one(CHECK + "name: a, query: 'x{v=\"a}', max: 1}]}"),
        "5:42 query-invalid analysis.checks[0].query",
    ),
    "a comparison without a canary": (
        one("strategy: rolling", CHECK + "metric: memory, compare: true}]}"),
        "6:51 baseline-missing analysis.checks[0].compare",
    ),
    "a baseline that is turned off": (
        one("strategy: {canary: {baseline: false, " + CHECK + "metric: memory, compare: true}]}}}"),
        "5:88 baseline-missing strategy.canary.analysis.checks[0].compare",
    ),
    "a budget of memory": (
        one(CHECK + "metric: memory, budget: {objective: 99%}}]}"),
        "5:50 budget-unfit analysis.checks[0].budget",
    ),
    "two checks of one name": (
        one(CHECK + "metric: memory, max: 1}, {metric: memory, min: 1}]}"),
        "5:51 check-duplicate analysis.checks[1]",
    ),
    "two probes of one name": (
        one("probes: [{name: a, path: /}, {name: a, path: /b}]"),
        "5:41 probe-duplicate probes[1].name",
    ),
    "analysis in two places": (
        one(CHECK + "metric: memory, max: 1}]}", "strategy: {canary: {analysis: {interval: 5s}}}"),
        "6:25 conflicting-keys strategy.canary.analysis",
    ),
    "checks that never get a sample": (
        one("strategy: rolling", CHECK + "metric: memory, max: 1}]}"),
        "6:24 analysis-unseen analysis.checks",
    ),
    "a Prometheus without a scheme": (one("analysis: {source: 'prom:9090'}"), "5:24 bad-url analysis.source"),
    "a strategy longer than the deadline": (
        one("deadline: 20m", "strategy: canary"),
        "5:15 deadline-too-short deadline",
    ),
    "a deadline nobody wrote": (
        one("strategy: {blue-green: {keep_old: 2h}}"),
        "5:15 deadline-too-short strategy",
    ),
    "a freeze without a length": (one("freeze: {cron: '0 18 * * 5'}"), "5:13 missing-key freeze"),
    "a window on Mars": (
        one("windows: {cron: '0 9 * * *', duration: 1h, timezone: Mars}"),
        "5:58 bad-timezone windows.timezone",
    ),
    "a variable of ours": (
        one(target="target: {process: {command: x, env: {PORT: 1}}}"),
        "4:42 reserved-variable target.process.env.PORT",
    ),
    "a process without a command": (one(target="target: {process: {replicas: 2}}"), "4:23 missing-key target.process"),
    "no replicas": (
        one(target="target: {docker: {replicas: 0}}"),
        "4:33 out-of-bounds target.docker.replicas",
    ),
    "a path without its slash": (one("probes: {name: a, path: home}"), "5:29 bad-path probes.path"),
    "an expression": (one("pre_deploy: 'echo ${{ branch }}'"), "5:17 expression-not-allowed pre_deploy"),
    "an approval of nobody": (one("approval: {count: 0}"), "5:23 out-of-bounds approval.count"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistake_is_found_where_it_is(case: str) -> None:
    source, expected = WRONG[case]
    assert found(source) == [expected]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (one("stragety: canary"), "did you mean 'strategy'?"),
        (one("strategy: canari"), "did you mean 'canary'?"),
        (one(CHECK + "metric: eror-rate, max: 1}]}"), "did you mean 'error-rate'?"),
        (one(STEPS + "{weight: 50}, {weight: 100}]}}"), "for: manual"),
        (one(STEPS + "{weight: 50, for: 1m}]}}"), "weight: 100"),
        (one("waves: [[us]]"), "add a wave"),
        (one("smoke_tests: []"), "did you mean 'probes'?"),
        (one(target="target: {k8s: {}}"), "did you mean 'kubernetes'?"),
        ("", "environments:"),
    ],
)
def test_mistake_comes_with_a_way_out(source: str, words: str) -> None:
    assert words in the_problem(source).suggestion


@pytest.mark.parametrize("target", ["kubernetes: {context: a}", "gitops: {repository: a, branch: b, path: c}"])
def test_target_to_come_is_refused_with_what_to_use_until_then(target: str) -> None:
    problem = the_problem(one(target=f"target: {{{target}}}"))
    assert problem.code == "not-available-yet"
    assert "'process'" in problem.suggestion


def test_all_mistakes_are_told_at_once() -> None:
    source = one(
        "strategy: {canary: {steps: [{weight: 50, for: soon}, {weight: 20, for: 1m}]}}",
        "waves: [[us], [ap]]",
        CHECK + "metric: memory}, {metric: speed, max: 1}]}",
        "colour: red",
    )
    assert found(source) == [
        "5:51 bad-duration strategy.canary.steps[0].for",
        "6:12 region-without-wave waves",
        "6:20 region-unknown waves[1][0]",
        "7:52 unknown-metric analysis.checks[1].metric",
        "8:5 unknown-key colour",
    ]


def test_what_follows_from_a_mistake_is_not_a_second_one() -> None:
    assert found(one("strategy: canari", CHECK + "metric: memory, compare: true}]}")) == [
        "5:15 unknown-strategy strategy"
    ]


def test_file_of_another_app_is_refused() -> None:
    source = b"app: shop\nenvironments: {dev: {regions: us}}\n"
    assert read_delivery(source, app="shop").problems == ()
    (problem,) = read_delivery(source, app="cart").problems
    assert (problem.code, problem.line, problem.column) == ("wrong-app", 1, 6)
    assert "app: cart" in problem.suggestion


def test_wrong_file_still_names_its_environments() -> None:
    delivery = read_delivery(b"environments: {dev: {regions: us}, prod: {region: eu}, test: x}\n")
    assert len(delivery.problems) == 3
    assert delivery.environments == ()
    assert delivery.regions == {"dev": ("us",), "prod": (), "test": ()}


def test_file_that_is_none_does_not_say_what_may_be_deployed_to() -> None:
    assert read_delivery(b"environments: [dev]\n").regions is None
    assert read_delivery(b"[\n").regions is None


def test_settings_that_no_event_could_hold_are_refused() -> None:
    body = "x" * 9_999
    probes = ", ".join(f"{{name: p{n}, path: /, body: {body}}}" for n in range(7))
    (problem,) = problems_of(one(f"probes: [{probes}]"))
    assert problem.code == "environments-too-large"
    assert f"{MAX_SETTINGS_BYTES:,}" in problem.message
