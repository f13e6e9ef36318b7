"""Whether a cause makes a run: branches, tags, pull requests, changed files."""

from typing import Any

import pytest

from core.pipeline.document import read_pipeline
from core.pipeline.trigger import Match, NoMatch, matches, needs_paths
from core.trigger import Trigger
from tests.support.pipeline_files import STAGES


def answer(section: str, changed: list[str] | None = None, **trigger: Any) -> str:
    """`run`, or the code of the refusal."""
    spec = read_pipeline((section + STAGES).encode()).trigger
    cause = Trigger(**{"trigger_id": "t", "source": "push", "ref": "refs/heads/main", "branch": "main"} | trigger)
    found = matches(spec, cause, changed)
    assert isinstance(found, Match) or found.reason
    return found.code if isinstance(found, NoMatch) else "run"


def tag(name: str) -> dict[str, Any]:
    return {"source": "tag", "ref": f"refs/tags/{name}", "branch": "", "tag": name}


PULL: dict[str, Any] = {"source": "pull_request", "branch": "feature", "pull_request": 7, "base_branch": "main"}


@pytest.mark.parametrize(
    ("section", "branch", "expected"),
    [
        ("", "anything", "run"),
        ("trigger: {branches: [main, develop]}\n", "develop", "run"),
        ("trigger: {branches: [main, develop]}\n", "mainly", "branch-not-listed"),
        ("trigger: {branches: main}\n", "main", "run"),
        ("trigger: {branches: ['*']}\n", "a/b", "branch-not-listed"),
        ("trigger: {branches: ['**']}\n", "a/b", "run"),
        ("trigger: {branches: ['release/*', '!release/old']}\n", "release/1", "run"),
        ("trigger: {branches: ['release/*', '!release/old']}\n", "release/old", "branch-not-listed"),
        ("trigger: {branches: ['!x', '**']}\n", "x", "run"),
        ("trigger: {branches: ['v[0-9]']}\n", "v7", "run"),
        ("trigger: {branches: ['$(*)']}\n", "$(touch pwned)", "run"),
        ("trigger: {tags: ['v*']}\n", "main", "no-branches"),
        ("trigger: {}\n", "main", "no-branches"),
    ],
)
def test_push_of_a_branch(section: str, branch: str, expected: str) -> None:
    assert answer(section, branch=branch) == expected


def test_tags_need_to_be_asked_for() -> None:
    assert answer("", **tag("v1")) == "no-tags"
    assert answer("trigger: {branches: ['**']}\n", **tag("v1")) == "no-tags"
    assert answer("trigger: {tags: ['v*', '!v*-rc*']}\n", **tag("v1")) == "run"
    assert answer("trigger: {tags: ['v*', '!v*-rc*']}\n", **tag("v1-rc2")) == "tag-not-listed"


def test_pull_requests_need_to_be_asked_for_and_are_matched_by_their_base() -> None:
    assert answer("trigger: {branches: [main]}\n", **PULL) == "no-pull-requests"
    assert answer("trigger: {pull_requests: true}\n", **PULL) == "run"
    assert answer("trigger: {pull_requests: true, branches: [main]}\n", **PULL) == "run"
    assert answer("trigger: {pull_requests: true, branches: [feature]}\n", **PULL) == "branch-not-listed"


@pytest.mark.parametrize(
    ("section", "changed", "expected"),
    [
        ("paths: ['src/**']", ["src/a/b.py", "README.md"], "run"),
        ("paths: ['src/**']", ["README.md"], "paths-not-matched"),
        ("paths: ['src/**', '!**/*.md']", ["src/README.md"], "paths-not-matched"),
        ("paths: ['**/*.py']", ["setup.py"], "run"),
        ("paths: ['src/**']", [], "paths-not-matched"),
        ("paths: ['src/**']", None, "run"),
        ("paths_ignore: ['**/*.md', 'docs/**']", ["README.md", "docs/x.png"], "paths-ignored"),
        ("paths_ignore: ['**/*.md']", ["README.md", "src/a.py"], "run"),
        ("paths_ignore: ['**/*.md']", [], "run"),
    ],
)
def test_changed_files_decide_for_pushes_and_pull_requests(
    section: str, changed: list[str] | None, expected: str
) -> None:
    assert answer(f"trigger: {{branches: ['**'], {section}}}\n", changed) == expected
    assert answer(f"trigger: {{pull_requests: true, {section}}}\n", changed, **PULL) == expected
    assert answer(f"trigger: {{tags: ['**'], {section}}}\n", changed, **tag("v1")) == "run"


def test_people_and_clocks_are_never_refused() -> None:
    for source in ("manual", "schedule"):
        assert answer("trigger: {branches: [other], paths: [x]}\n", ["y"], source=source) == "run"


def test_files_are_only_asked_for_where_they_matter() -> None:
    plain, filtered = (read_pipeline((text + STAGES).encode()).trigger for text in ("", "trigger: {paths: [a]}\n"))
    push = Trigger(trigger_id="t", source="push", ref="refs/heads/main", branch="main")
    manual = Trigger(trigger_id="t", source="manual", ref="refs/heads/main", branch="main")
    assert [needs_paths(plain, push), needs_paths(filtered, push), needs_paths(filtered, manual)] == [
        False,
        True,
        False,
    ]


def test_schedules_are_read_with_their_time_zones() -> None:
    source = "trigger: {schedule: [{cron: '0 3 * * 1-5', timezone: Europe/Berlin}, {cron: '@daily'}]}\n" + STAGES
    assert [problem.code for problem in read_pipeline(source.encode()).problems] == ["bad-cron"]
    spec = read_pipeline(source.replace("'@daily'", "0 0 1 1 *").encode()).trigger
    assert [(each.cron, each.timezone) for each in spec.schedules] == [
        ("0 3 * * 1-5", "Europe/Berlin"),
        ("0 0 1 1 *", "UTC"),
    ]
