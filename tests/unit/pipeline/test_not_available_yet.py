"""Keys of the language that are to come: read as strictly as all others, then refused with what to do until then."""

import pytest

from tests.support.pipeline_files import STAGES, found, problems_of, stage

TO_COME = {
    "stages[0].cache": stage("cache: {key: k, paths: [a], restore_keys: [b], max_age: 7d}"),
    "stages[0].artifacts": stage("artifacts: {paths: dist, retention: 30d, type: file}"),
    "stages[0].reports": stage("reports: {junit: '*.xml', coverage: c.xml}"),
    "stages[0].shards": stage("shards: 4"),
    "stages[0].services": stage("services: {db: postgres, q: {image: redis, ports: [6379]}}"),
    "stages[0].secrets": stage("secrets: [A, {name: b, as: B}]"),
    "include": "include: [{template: a.yml, app: b, ref: v1, inputs: {c: d}}]\n" + STAGES,
    "trigger.events": "trigger: {events: [released]}\n" + STAGES,
}
ACTIONS = ("cache", "upload-artifact", "download-artifact", "docker-build", "notify", "./actions/own")


@pytest.mark.parametrize("path", TO_COME)
def test_key_to_come_is_refused_with_what_to_do_until_then(path: str) -> None:
    (problem,) = problems_of(TO_COME[path])
    assert (problem.code, problem.path) == ("not-available-yet", path)
    assert "part of the language" in problem.message
    assert len(problem.suggestion) > 10


@pytest.mark.parametrize("action", ACTIONS)
def test_action_to_come_is_refused_with_what_to_do_until_then(action: str) -> None:
    (problem,) = problems_of(f"stages: [{{name: a, steps: [{{uses: {action}}}]}}]\n")
    assert (problem.code, problem.line, problem.column) == ("not-available-yet", 1, 29)
    assert "run" in problem.suggestion or "outputs" in problem.suggestion or "remove" in problem.suggestion


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cache: {paths: [a]}", "missing-key stages[0].cache"),
        ("cache: {key: k, path: a}", "unknown-key stages[0].cache.path"),
        ("artifacts: {type: jar}", "unknown-word stages[0].artifacts.type"),
        ("reports: {junit: [a]}", "wrong-type stages[0].reports.junit"),
        ("shards: 0", "out-of-bounds stages[0].shards"),
        ("services: [postgres]", "wrong-type stages[0].services"),
        ("secrets: {a: b}", "wrong-type stages[0].secrets"),
    ],
)
def test_key_to_come_is_validated_too(line: str, expected: str) -> None:
    assert expected in [entry.partition(" ")[2] for entry in found(stage(line))]


def test_hash_files_comes_with_caches() -> None:
    assert found(stage("env: {A: \"${{ hash_files('x') }}\"}"))[0].split()[1] == "not-available-yet"


def test_environment_names_where_a_stage_deploys_to_and_hinders_nothing() -> None:
    assert found(stage("environment: production")) == []
