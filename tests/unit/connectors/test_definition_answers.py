"""From `run.requested` to the command that answers it, over real git repositories."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from agents.connectors.base import Later
from agents.connectors.definition import Definition
from agents.connectors.mirror import Mirrors
from core.eventlog.routing import decode_command
from core.eventlog.serialization import Message
from core.eventlog.topics import events_topic
from core.ports import Record
from core.runs.commands import FailRun, IgnoreRun, InvalidateRun, PlanRun
from core.trigger import ZERO_COMMIT
from tests.support.definition_world import TOPOLOGY, World, command_of

PIPELINE = "stages:\n  - name: build\n    steps:\n      - name: hello\n        run: echo hello\n"
FILTERED = "trigger:\n  branches: ['*']\n  paths: ['shop/**']\n" + PIPELINE


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_pushed_commit_is_read_and_planned(world: World) -> None:
    commit = world.tree.commit("Add a pipeline\n\nLong text", **{".pipeline.yml": PIPELINE})
    world.tree.commit("Break it", **{".pipeline.yml": "stages: 5"})
    plan = world.answer(world.requested(commit=commit))
    assert isinstance(plan, PlanRun)
    assert (plan.commit, plan.title, plan.author) == (commit, "Add a pipeline", "Mona")
    assert [stage.name for stage in plan.plan.stages] == ["build"]


def test_repeating_a_request_gives_the_same_command_id(world: World) -> None:
    event = world.requested(commit=world.tree.commit(**{".pipeline.yml": PIPELINE}))
    first, second = world.work(event).run(1), world.work(event).run(2)
    assert not isinstance(first, Later)
    assert not isinstance(second, Later)
    assert decode_command(first[0].value or b"").command_id == decode_command(second[0].value or b"").command_id


def test_manual_run_takes_the_head_of_its_branch_as_it_is_now(world: World) -> None:
    world.tree.commit(**{".pipeline.yml": PIPELINE})
    manual = world.requested(source="manual")
    first = world.answer(manual)
    newest = world.tree.commit("Newer")
    second = world.answer(manual)
    assert isinstance(first, PlanRun)
    assert isinstance(second, PlanRun)
    assert second.commit == newest != first.commit


def test_commit_of_a_branch_that_is_gone_is_still_found_by_its_id(world: World) -> None:
    world.tree.commit(**{".pipeline.yml": PIPELINE})
    world.tree.git("checkout", "--quiet", "-b", "short-lived")
    commit = world.tree.commit("Gone soon")
    world.tree.git("checkout", "--quiet", "main")
    world.tree.git("branch", "--quiet", "-D", "short-lived")
    answer = world.answer(world.requested(ref="refs/heads/short-lived", branch="short-lived", commit=commit))
    assert isinstance(answer, PlanRun)


def test_shortened_commit_is_found_over_its_branch(world: World) -> None:
    commit = world.tree.commit(**{".pipeline.yml": PIPELINE})
    answer = world.answer(world.requested(commit=commit[:12]))
    assert isinstance(answer, PlanRun)
    assert answer.commit == commit


def test_annotated_tag_is_read_at_its_commit(world: World) -> None:
    commit = world.tree.commit(**{".pipeline.yml": "trigger: {tags: ['v*']}\n" + PIPELINE})
    world.tree.git("tag", "--annotate", "--message", "Release", "v1")
    tag = world.tree.git("rev-parse", "v1")
    answer = world.answer(world.requested(source="tag", ref="refs/tags/v1", branch="", tag="v1", commit=tag))
    assert isinstance(answer, PlanRun)
    assert answer.commit == commit != tag


def test_commit_that_is_not_there_fails_the_run(world: World) -> None:
    world.tree.commit()
    answer = world.answer(world.requested(commit="1" * 40))
    assert isinstance(answer, FailRun)
    assert answer.code == "commit-not-found"
    assert world.url in answer.detail


def test_branch_that_is_not_there_fails_a_manual_run(world: World) -> None:
    world.tree.commit()
    answer = world.answer(world.requested(source="manual", ref="refs/heads/nope", branch="nope"))
    assert isinstance(answer, FailRun)
    assert answer.code == "branch-not-found"


@pytest.mark.parametrize(
    "ref", ["--upload-pack=touch pwned", "refs/heads/../../x", "refs/heads/a\nb", "refs/heads/a:b"]
)
def test_ref_that_git_could_take_for_something_else_is_not_given_to_it(world: World, ref: str) -> None:
    world.tree.commit()
    answer = world.answer(world.requested(source="manual", ref=ref))
    assert isinstance(answer, FailRun)
    assert answer.code == "branch-not-found"


def test_branch_that_looks_like_a_command_is_just_a_name(world: World, tmp_path: Path) -> None:
    world.tree.commit(**{".pipeline.yml": PIPELINE})
    name = "$(touch${IFS}pwned)"
    world.tree.git("branch", name)
    answer = world.answer(world.requested(source="manual", ref=f"refs/heads/{name}", branch=name))
    assert isinstance(answer, PlanRun)
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("url", ["ext::sh -c touch% pwned", "-u", "/etc", "gopher://x/y", "https://x/\ny"])
def test_repository_is_not_fetched_by_anything_but_the_allowed_protocols(world: World, url: str) -> None:
    answer = world.answer(world.requested(url=url, commit="1" * 40))
    assert isinstance(answer, FailRun)
    assert answer.code == "repository-unavailable"


def test_repository_that_does_not_exist_fails_the_run_at_once_with_gits_words(world: World, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/nowhere"
    answer = world.answer(world.requested(url=url, commit="1" * 40))
    assert isinstance(answer, FailRun)
    assert answer.code == "repository-unavailable"
    assert url in answer.detail
    assert "does not" in answer.detail


def test_host_that_does_not_answer_is_tried_again_until_the_run_would_give_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.mirrors = Mirrors(tmp_path / "mirrors", tmp_path, protocols=("http",))
    world.definition = Definition(TOPOLOGY, world.clock, world.mirrors)
    # Port 9 of this machine: refused at once, which might pass.
    work = world.work(world.requested(url="http://127.0.0.1:9/x.git", commit="1" * 40))
    pauses = [work.run(attempt) for attempt in (1, 2, 3)]
    assert pauses == [Later(1.0), Later(2.0), Later(4.0)]
    world.clock.advance(600)
    result = work.run(4)
    assert not isinstance(result, Later)
    answer = command_of(result[0])
    assert isinstance(answer, FailRun)
    assert "http://127.0.0.1:9/x.git" in answer.detail


def only_problem(answer: Message) -> tuple[str, str, str]:
    assert isinstance(answer, InvalidateRun)
    (found,) = answer.problems
    return found.code, found.message, found.suggestion


def test_missing_file_is_a_problem_and_a_near_name_is_suggested(world: World) -> None:
    commit = world.tree.commit(**{".Pipeline.yaml": PIPELINE})
    code, message, suggestion = only_problem(world.answer(world.requested(commit=commit)))
    assert code == "pipeline-missing"
    assert commit[:12] in message
    assert "'.Pipeline.yaml'" in suggestion


def test_file_in_a_folder_is_read(world: World) -> None:
    commit = world.tree.commit(ci__build_yml=PIPELINE)
    assert isinstance(world.answer(world.requested(pipeline_path="ci/build_yml", commit=commit)), PlanRun)
    code, _, _ = only_problem(world.answer(world.requested(pipeline_path="ci", commit=commit)))
    assert code == "pipeline-is-folder"


def test_symlink_is_not_followed(world: World) -> None:
    (world.tree.path / ".pipeline.yml").symlink_to("/etc/passwd")
    commit = world.tree.commit("Link")
    assert only_problem(world.answer(world.requested(commit=commit)))[0] == "pipeline-is-symlink"


def test_huge_file_is_refused_unread_and_the_next_request_works(world: World) -> None:
    huge = world.tree.commit(**{".pipeline.yml": "#" * (2 << 20)})
    good = world.tree.commit(**{".pipeline.yml": PIPELINE})
    assert only_problem(world.answer(world.requested(commit=huge)))[0] == "file-too-large"
    assert isinstance(world.answer(world.requested(commit=good)), PlanRun)


def test_broken_file_makes_an_invalid_run_with_its_problems(world: World) -> None:
    commit = world.tree.commit(**{".pipeline.yml": "stages:\n  - name: build\n    stepz: []\n"})
    answer = world.answer(world.requested(commit=commit))
    assert isinstance(answer, InvalidateRun)
    assert any("stepz" in problem.message for problem in answer.problems)


def test_branch_that_the_trigger_does_not_list_is_ignored(world: World) -> None:
    commit = world.tree.commit(**{".pipeline.yml": "trigger: {branches: [release]}\n" + PIPELINE})
    answer = world.answer(world.requested(commit=commit))
    assert isinstance(answer, IgnoreRun)
    assert answer.code == "branch-not-listed"


def test_path_filter_asks_git_where_the_forge_does_not_tell(world: World) -> None:
    before = world.tree.commit(**{".pipeline.yml": FILTERED})
    docs = world.tree.commit(docs__a="a")
    shop = world.tree.commit(shop__a="a")
    assert isinstance(world.answer(world.requested(before=before, commit=docs)), IgnoreRun)
    assert isinstance(world.answer(world.requested(before=before, commit=shop)), PlanRun)
    told = world.requested(before=before, commit=shop, changed_paths=("docs/a",))
    assert isinstance(world.answer(told), IgnoreRun)


def test_new_branch_is_compared_with_where_it_left_the_default_branch(world: World) -> None:
    world.tree.commit(**{".pipeline.yml": FILTERED, "shop__a": "a"})
    world.tree.git("checkout", "--quiet", "-b", "docs")
    docs = world.tree.commit(docs__a="a")
    world.tree.git("checkout", "--quiet", "main")
    world.tree.commit(shop__b="b")
    new = world.requested(ref="refs/heads/docs", branch="docs", before=ZERO_COMMIT, commit=docs)
    assert isinstance(world.answer(new), IgnoreRun)
    first = world.requested(before=ZERO_COMMIT, commit=world.tree.head())
    assert isinstance(world.answer(first), PlanRun)


def test_pull_request_is_compared_with_where_it_left_its_base(world: World) -> None:
    filtered = FILTERED.replace("branches: ['*']", "pull_requests: true")
    base = world.tree.commit(**{".pipeline.yml": filtered})
    world.tree.git("checkout", "--quiet", "-b", "cart")
    commit = world.tree.commit(docs__a="a")
    world.tree.git("update-ref", "refs/pull/7/head", commit)
    request = world.requested(
        source="pull_request",
        ref="refs/pull/7/head",
        branch="cart",
        base_branch="main",
        pull_request=7,
        before=base,
        commit=commit,
    )
    assert isinstance(world.answer(request), IgnoreRun)


def test_builtin_repository_is_read_where_it_is(world: World) -> None:
    commit = world.tree.commit(**{".pipeline.yml": PIPELINE})
    world.builtin.mkdir()
    subprocess.run(
        ("git", "clone", "--quiet", "--bare", str(world.tree.path), str(world.builtin / "shop.git")), check=True
    )
    assert isinstance(world.answer(world.requested(url="builtin:shop", commit=commit)), PlanRun)
    missing = world.answer(world.requested(url="builtin:other", commit=commit))
    assert isinstance(missing, FailRun)
    assert "push to it first" in missing.detail
    escaping = world.answer(world.requested(url="builtin:../origin/x", commit=commit))
    assert isinstance(escaping, FailRun)


def test_other_events_are_none_of_its_business(world: World) -> None:
    record = Record(events_topic("runs"), 0, 0, None, msgspec.json.encode({"type": "job.queued"}))
    assert world.definition.work(record) is None
