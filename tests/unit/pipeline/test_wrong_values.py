"""Values of the wrong type, out of bounds or misspelled: each with its place, key path and a way out."""

import pytest

from tests.support.pipeline_files import STAGES, compiled, found, planned, problems_of, stage, the_problem

WRONG = {
    "a stage list that is missing": ("name: x\n", "1:1 missing-key"),
    "a stage list without a value": ("stages:\n", "1:8 empty-value stages"),
    "an empty stage list": ("stages: []\n", "1:9 empty-list stages"),
    "stages as a mapping": ("stages: {a: b}\n", "1:9 wrong-type stages"),
    "stages as a text": ("stages: a\n", "1:9 wrong-type stages"),
    "a stage that is a text": ("stages: [a]\n", "1:10 wrong-type stages[0]"),
    "a stage that is nothing": ("stages: [~]\n", "1:10 empty-value stages[0]"),
    "a stage without a name": ("stages: [{steps: [{run: x}]}]\n", "1:10 missing-key stages[0]"),
    "a stage that does nothing": ("stages: [{name: a}]\n", "1:10 missing-key stages[0]"),
    "a name with an umlaut": ("stages: [{name: bäu, steps: [{run: x}]}]\n", "1:17 bad-name stages[0].name"),
    "a name of 65 characters": (
        f"stages: [{{name: {'a' * 65}, steps: [{{run: x}}]}}]\n",
        "1:17 bad-name stages[0].name",
    ),
    "steps as a text": ("stages: [{name: a, steps: x}]\n", "1:27 wrong-type stages[0].steps"),
    "no steps at all": ("stages: [{name: a, steps: []}]\n", "1:27 empty-list stages[0].steps"),
    "a step that does nothing": ("stages: [{name: a, steps: [{name: x}]}]\n", "1:28 missing-key stages[0].steps[0]"),
    "an empty script": ("stages: [{name: a, steps: [{run: ''}]}]\n", "1:34 empty-script stages[0].steps[0].run"),
    "a script that is a list": ("stages: [{name: a, steps: [{run: [x]}]}]\n", "1:34 wrong-type stages[0].steps[0].run"),
    "run beside uses": (
        "stages: [{name: a, steps: [{run: x, uses: git-checkout}]}]\n",
        "1:37 conflicting-keys stages[0].steps[0].uses",
    ),
    "with beside run": (
        "stages: [{name: a, steps: [{run: x, with: {a: b}}]}]\n",
        "1:37 conflicting-keys stages[0].steps[0].with",
    ),
    "another shell": (
        "stages: [{name: a, steps: [{run: x, shell: fish}]}]\n",
        "1:44 unknown-shell stages[0].steps[0].shell",
    ),
    "another action": ("stages: [{name: a, steps: [{uses: magic}]}]\n", "1:29 unknown-action stages[0].steps[0].uses"),
    "a directory outside": (
        "stages: [{name: a, steps: [{run: x, working_directory: a/../../b}]}]\n",
        "1:56 outside-workspace stages[0].steps[0].working_directory",
    ),
    "yes as a truth": ("trigger: {pull_requests: yes}\n" + STAGES, "1:26 wrong-type trigger.pull_requests"),
    "a truth in quotes": ("trigger: {pull_requests: 'true'}\n" + STAGES, "1:26 wrong-type trigger.pull_requests"),
    "a glob without an end": ("trigger: {branches: ['a[b']}\n" + STAGES, "1:22 bad-glob trigger.branches[0]"),
    "a glob that ends with a backslash": ("trigger: {tags: 'a\\'}\n" + STAGES, "1:17 bad-glob trigger.tags"),
    "a range backwards": ("trigger: {paths: '[z-a]'}\n" + STAGES, "1:18 bad-glob trigger.paths"),
    "an empty glob": ("trigger: {branches: ['!']}\n" + STAGES, "1:22 bad-glob trigger.branches[0]"),
    "a cron line of three fields": (
        "trigger: {schedule: {cron: '* * *'}}\n" + STAGES,
        "1:28 bad-cron trigger.schedule.cron",
    ),
    "a minute 99": ("trigger: {schedule: {cron: '99 * * * *'}}\n" + STAGES, "1:28 bad-cron trigger.schedule.cron"),
    "the 31st of February": (
        "trigger: {schedule: {cron: '0 0 31 2 *'}}\n" + STAGES,
        "1:28 bad-cron trigger.schedule.cron",
    ),
    "a time zone on Mars": (
        "trigger: {schedule: {cron: '0 0 * * *', timezone: Mars/Olympus}}\n" + STAGES,
        "1:51 bad-timezone trigger.schedule.timezone",
    ),
    "a time zone that climbs": (
        "trigger: {schedule: {cron: '0 0 * * *', timezone: ../../etc/passwd}}\n" + STAGES,
        "1:51 bad-timezone trigger.schedule.timezone",
    ),
    "paths beside paths_ignore": (
        "trigger: {paths: a, paths_ignore: b}\n" + STAGES,
        "1:21 conflicting-keys trigger.paths_ignore",
    ),
    "an unknown policy": ("concurrency: {group: a, policy: fifo}\n" + STAGES, "1:33 unknown-policy concurrency.policy"),
    "a variable's name": ("env: {1A: x}\n" + STAGES, "1:7 bad-env-name env['1A']"),
    "a variable that is a list": ("env: {A: [x]}\n" + STAGES, "1:10 wrong-type env.A"),
    "a variable without a value": ("env: {A: }\n" + STAGES, "1:10 empty-value env.A"),
    "a variable of ours": ("env: {OUTPUT: x}\n" + STAGES, "1:7 reserved-variable env.OUTPUT"),
    "a variable with our prefix": ("env: {SEALANE_X: x}\n" + STAGES, "1:7 reserved-variable env.SEALANE_X"),
    "a NUL in a value": ('name: "a\\0b"\n' + STAGES, "1:7 bad-character name"),
    "an expression where none may be": ("name: ${{ branch }}\n" + STAGES, "1:7 expression-not-allowed name"),
    "a text that is too long": (f"name: {'x' * 201}\n" + STAGES, "1:7 bad-text name"),
}
IN_A_STAGE = {
    "timeout: -5": "bad-duration stages[0].timeout",
    "timeout: 5 minutes": "bad-duration stages[0].timeout",
    "timeout: 0": "bad-duration stages[0].timeout",
    "timeout: 8d": "bad-duration stages[0].timeout",
    "timeout: 99999999999d": "bad-duration stages[0].timeout",
    "timeout: ''": "bad-duration stages[0].timeout",
    "retry: -1": "out-of-bounds stages[0].retry",
    "retry: 11": "out-of-bounds stages[0].retry",
    "retry: 99999999999999999999999": "wrong-type stages[0].retry",
    "retry: 1.5": "wrong-type stages[0].retry",
    "retry: '1'": "wrong-type stages[0].retry",
    "retry: {max: -1}": "out-of-bounds stages[0].retry.max",
    "retry: {on: [failure]}": "missing-key stages[0].retry",
    "retry: {max: 1, on: [rain]}": "unknown-word stages[0].retry.on[0]",
    "retry: {max: 1, on: [failure, failure]}": "duplicate-item stages[0].retry.on[1]",
    "priority: 1e400": "wrong-type stages[0].priority",
    "priority: 101": "out-of-bounds stages[0].priority",
    "resources: {cpu: 0}": "bad-cpu stages[0].resources.cpu",
    "resources: {cpu: 1000}": "bad-cpu stages[0].resources.cpu",
    "resources: {cpu: two}": "bad-cpu stages[0].resources.cpu",
    "resources: {memory: 4Zi}": "bad-size stages[0].resources.memory",
    "resources: {memory: 1Ki}": "bad-size stages[0].resources.memory",
    "resources: {memory: 99999999999999999T}": "bad-size stages[0].resources.memory",
    "network: lan": "unknown-word stages[0].network",
    "pool: Big Iron": "bad-pool stages[0].pool",
    "pool: {labels: ['a b']}": "bad-name stages[0].pool.labels[0]",
    "image: '; rm -rf /'": "bad-image stages[0].image",
    "approval: {count: 0}": "out-of-bounds stages[0].approval.count",
    "approval: {timeout: 31d}": "bad-duration stages[0].approval.timeout",
    "environment: ''": "bad-text stages[0].environment",
    "environment: [a]": "wrong-type stages[0].environment",
    "needs: [a]": "self-need stages[0].needs[0]",
    "needs: [{stage: b}]": "unknown-stage stages[0].needs[0].stage",
    "needs: 5": "unknown-stage stages[0].needs",
    "needs: {a: b}": "unknown-key stages[0].needs.a",
    "matrix: {}": "empty-matrix stages[0].matrix",
    "matrix: {x: []}": "empty-list stages[0].matrix.x",
    "matrix: {x: [1, 1]}": "duplicate-item stages[0].matrix.x[1]",
    "matrix: {x: [1], exclude: [{x: 1}]}": "empty-matrix stages[0].matrix",
    "matrix: {x: [1], exclude: [{y: 1}]}": "unknown-axis stages[0].matrix.exclude[0].y",
    "matrix: {x: [1], exclude: [{x: 2}]}": "unknown-axis-value stages[0].matrix.exclude[0].x",
    "matrix: {x: [1], fail-fast: true}": "unknown-key stages[0].matrix.fail-fast",
    "matrix: {x: [{a: b}]}": "wrong-type stages[0].matrix.x[0]",
    "matrix: {x: [1], max_parallel: 0}": "out-of-bounds stages[0].matrix.max_parallel",
    "matrix: [1]": "wrong-type stages[0].matrix",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_value_is_named_with_its_place(case: str) -> None:
    source, expected = WRONG[case]
    assert expected in found(source)


@pytest.mark.parametrize("line", IN_A_STAGE)
def test_wrong_value_of_a_stage_is_named_with_its_key_path(line: str) -> None:
    codes = [entry.partition(" ")[2] for entry in found(stage(line))]
    assert IN_A_STAGE[line] in codes


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("on: x\n" + STAGES, "trigger"),
        ("jobs: []\n", "stages"),
        ("stage: []\n", "stages"),
        ("Name: x\n" + STAGES, "name"),
        (stage("depends_on: [b]"), "needs"),
        (stage("timeout-minutes: 5"), "timeout"),
        (stage("retires: 5"), "retry"),
        ("stages: [{name: a, steps: [{script: x}]}]\n", "run"),
        ("stages: [{name: a, steps: [{uses: actions/checkout@v4}]}]\n", "git-checkout"),
        ("stages: [{name: build, steps: [{run: x}]}, {name: b, needs: [biuld], steps: [{run: x}]}]\n", "build"),
        ("stages: [{name: a, steps: [{uses: git-checkout, with: {dept: 1}}]}]\n", "depth"),
    ],
)
def test_misspelled_or_foreign_word_is_answered_with_the_right_one(source: str, meant: str) -> None:
    assert any(problem.suggestion == f"did you mean '{meant}'?" for problem in problems_of(source))


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    source = (
        "nmae: x\ntrigger: {branches: ['[']}\nstages:\n  - name: a\n    needs: [zzz]\n    timeout: soon\n    steps:\n"
        "      - run: echo ${{ brnch }} ${{ nope(1) }}\n        shell: fish\n"
        "  - name: a\n    colour: red\n    steps: []\n"
    )
    assert [entry.split()[1] for entry in found(source)] == [
        "unknown-key",
        "bad-glob",
        "unknown-stage",
        "bad-duration",
        "unknown-value",
        "unknown-function",
        "unknown-shell",
        "duplicate-stage",
        "unknown-key",
        "empty-list",
    ]


def test_cycle_is_named_wholly_and_once() -> None:
    names = [f"s{number}" for number in range(50)]
    stages = ", ".join(
        f"{{name: {name}, needs: [{names[number - 1]}], steps: [{{run: x}}]}}" for number, name in enumerate(names)
    )
    problem = the_problem(f"stages: [{stages}]\n")
    assert problem.code == "cycle"
    assert problem.message.endswith(" -> ".join(["s0", *reversed(names)]))


def test_two_cycles_are_two_problems() -> None:
    pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "a")]
    source = "stages:\n" + "".join(f"  - {{name: {n}, needs: [{m}], steps: [{{run: x}}]}}\n" for n, m in pairs)
    assert [p.message.rpartition(": ")[2] for p in problems_of(source)] == ["a -> b -> a", "c -> d -> c"]


def test_jobs_are_counted_before_they_are_made() -> None:
    values = ", ".join(map(str, range(4000)))
    assert found(stage(f"matrix: {{x: [{values}], y: [1, 2]}}")) == ["1:1 too-many-jobs stages"]
    assert "8,000 jobs" in the_problem(stage(f"matrix: {{x: [{values}], y: [1, 2]}}")).message
    axes = ", ".join(f"x{number}: [{values}]" for number in range(20))
    assert found(stage(f"matrix: {{{axes}}}"))[-1].endswith("too-many-jobs stages")


def test_plan_that_no_event_can_hold_is_refused_where_it_becomes_too_large() -> None:
    values = ", ".join(map(str, range(2000)))
    source = (
        f"stages:\n  - name: a\n    matrix: {{x: [{values}]}}\n    env: {{A: {'x' * 1000}}}\n    steps: [{{run: x}}]\n"
    )
    assert found(source) == []
    answer = compiled(source)
    assert isinstance(answer, tuple)
    assert [(problem.code, problem.line, problem.path) for problem in answer] == [("plan-too-large", 2, "stages[0]")]


def test_words_of_any_script_may_stand_in_free_texts() -> None:
    plan = planned("name: Größe 日本\nstages: [{name: a, steps: [{run: echo ✓, name: 'schön 🚀'}]}]\n")
    assert (plan.name, plan.stages[0].jobs[0].steps[0].name) == ("Größe 日本", "schön 🚀")


def test_thousands_of_mistakes_are_not_all_compared_with_thousands_of_names() -> None:
    stages = "".join(f"- {{name: stage-{n}, needs: [stge-{n}], approval: {{}}}}\n" for n in range(4000))
    problems = problems_of(f"stages:\n{stages}")
    assert problems[0].suggestion.startswith("did you mean 'stage-")
    assert problems[-1].code == "too-many-problems"


def test_every_stage_of_a_long_chain_may_ask_for_the_first() -> None:
    stages = "- {name: s0, approval: {}}\n" + "".join(
        f"- {{name: s{n}, needs: [s{n - 1}], if: stages.s0.outcome == 'success', approval: {{}}}}\n"
        for n in range(1, 2000)
    )
    assert problems_of(f"stages:\n{stages}") == ()


def test_hundreds_of_exceptions_of_a_large_matrix_are_applied() -> None:
    values, left_out = list(range(3000)), [{"x": n} for n in range(500)]
    plan = planned(stage(f"matrix: {{x: {values}, exclude: {left_out}}}".replace("'", "")))
    assert [job.matrix["x"] for job in plan.stages[0].jobs[:2]] == ["500", "501"]
