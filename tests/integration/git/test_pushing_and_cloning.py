"""A real git client against the built-in server on a real port."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from core.trigger import ZERO_COMMIT
from gateway.git.services import GitApp, GitUser
from tests.support.counter_log import wait_for
from tests.support.git_repository import WorkTree, environment
from tests.support.git_server import GitWorld


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitWorld]:
    monkeypatch.setattr("gateway.git.reconcile.RETRY_SECONDS", 0.05)
    made = GitWorld(tmp_path / "git")
    with made.serve():
        yield made


@pytest.fixture
def tree(world: GitWorld, tmp_path: Path) -> WorkTree:
    made = WorkTree(tmp_path / "tree")
    made.git("remote", "add", "sealane", world.url("shop"))
    return made


def nothing_pending(world: GitWorld) -> bool:
    """Wait until the server has ended a push whose client is gone already, and what it left was looked after."""
    deadline = time.monotonic() + 20
    while world.repositories.pending() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not world.repositories.pending()


def told(push: "subprocess.CompletedProcess[str]") -> list[str]:
    """What the server said, without git's padding."""
    return [line.removeprefix("remote:").strip() for line in push.stderr.splitlines() if line.startswith("remote:")]


def test_first_push_makes_the_app_and_shows_what_happens(world: GitWorld, tree: WorkTree) -> None:
    commit = tree.commit(file="1")
    push = tree.run("push", "sealane", "main")
    assert push.returncode == 0
    assert told(push) == ["first line", "last line"]
    (delivery,) = world.deliveries
    assert (delivery.app, delivery.ref, delivery.before, delivery.after) == (
        "shop",
        "refs/heads/main",
        ZERO_COMMIT,
        commit,
    )
    assert delivery.actor == "mona"
    assert "shop" in world.apps
    assert nothing_pending(world)


def test_second_push_says_where_the_branch_was(world: GitWorld, tree: WorkTree) -> None:
    first = tree.commit(file="1")
    tree.git("push", "sealane", "main")
    second = tree.commit(file="2")
    tree.git("push", "sealane", "main")
    assert (world.deliveries[1].before, world.deliveries[1].after) == (first, second)


def test_every_updated_ref_is_a_delivery_of_its_own(world: GitWorld, tree: WorkTree) -> None:
    tree.commit(file="1")
    tree.git("tag", "v1")
    tree.git("branch", "other")
    tree.git("push", "sealane", "main", "other", "v1")
    assert {each.ref for each in world.deliveries} == {"refs/heads/main", "refs/heads/other", "refs/tags/v1"}
    tree.git("push", "sealane", ":other")
    assert (world.deliveries[-1].ref, world.deliveries[-1].after) == ("refs/heads/other", ZERO_COMMIT)


def test_clone_and_fetch_bring_what_was_pushed(world: GitWorld, tree: WorkTree, tmp_path: Path) -> None:
    tree.commit(file="1")
    tree.git("push", "sealane", "main")
    tree.git("clone", "--quiet", world.url("shop"), str(tmp_path / "copy"))
    copy = WorkTree(tmp_path / "copy")
    assert copy.head() == tree.head()
    newer = tree.commit(file="2")
    tree.git("push", "sealane", "main")
    copy.git("fetch", "--quiet", "origin")
    assert copy.git("rev-parse", "origin/main") == newer


def test_commit_that_was_pushed_over_can_still_be_fetched_by_its_id(
    world: GitWorld, tree: WorkTree, tmp_path: Path
) -> None:
    tree.commit(file="1")
    lost = tree.commit(file="2")
    tree.git("push", "sealane", "main")
    tree.git("reset", "--quiet", "--hard", "HEAD~1")
    tree.git("push", "--force", "sealane", "main")
    copy = WorkTree(tmp_path / "copy")
    copy.git("fetch", "--quiet", "--depth=1", world.url("shop"), lost)
    assert copy.git("rev-parse", "FETCH_HEAD") == lost


def test_branch_that_looks_like_a_command_is_just_a_name(world: GitWorld, tree: WorkTree, tmp_path: Path) -> None:
    name = "$(touch${IFS}pwned)"
    tree.commit(file="1")
    tree.git("branch", name)
    assert tree.run("push", "sealane", name).returncode == 0
    assert world.deliveries[0].ref == f"refs/heads/{name}"
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("ref", ["refs/sealane/delivered/heads/main", "refs/pull/1/head", "refs/for/main"])
def test_refs_that_are_no_branches_or_tags_can_neither_be_pushed_nor_seen(
    world: GitWorld, tree: WorkTree, ref: str
) -> None:
    tree.commit(file="1")
    tree.git("push", "sealane", "main")
    push = tree.run("push", "sealane", f"main:{ref}")
    assert push.returncode != 0
    assert "hidden ref" in push.stderr
    assert "sealane/delivered" not in tree.git("ls-remote", "sealane")
    assert len(world.deliveries) == 1


def test_push_while_the_log_is_away_is_stored_and_delivered_later(world: GitWorld, tree: WorkTree) -> None:
    commit = tree.commit(file="1")
    world.log_is_away = True
    push = tree.run("push", "sealane", "main")
    assert push.returncode == 0
    assert "your commits are stored" in told(push)[0]
    assert world.repositories.pending() == ["shop"]
    world.log_is_away = False
    assert nothing_pending(world)
    assert [(each.ref, each.after) for each in world.deliveries] == [("refs/heads/main", commit)]


def test_push_that_succeeds_does_not_make_an_earlier_one_forgotten(world: GitWorld, tree: WorkTree) -> None:
    commit = tree.commit(file="1")
    world.log_is_away = True
    tree.git("push", "sealane", "main")
    # The push itself, and what looked after it when it had ended.
    wait_for(lambda: world.refusals >= 2, 20)
    world.log_is_away = False
    tree.git("push", "sealane", "main:other")
    assert nothing_pending(world)
    assert {(each.ref, each.after) for each in world.deliveries} == {
        ("refs/heads/main", commit),
        ("refs/heads/other", commit),
    }


def test_ref_that_moved_while_no_gateway_ran_is_delivered_once_it_runs_again(world: GitWorld, tree: WorkTree) -> None:
    first = tree.commit(file="1")
    tree.git("push", "sealane", "main")
    assert nothing_pending(world)
    second = tree.commit(file="2")
    # As a gateway that is killed leaves it: marked, the ref moved, nothing delivered.
    tree.git("push", "--quiet", str(world.repositories.path("shop")), "main")
    world.repositories.mark_pending("shop")
    assert nothing_pending(world)
    assert (world.deliveries[-1].before, world.deliveries[-1].after) == (first, second)


def test_interrupted_pusher_harms_nothing(world: GitWorld, tree: WorkTree) -> None:
    tree.commit(file="1")
    world.hold.clear()
    push = subprocess.Popen(
        ("git", "push", "sealane", "main"),
        cwd=tree.path,
        env=environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert world.followed.wait(20)
    os.killpg(push.pid, signal.SIGTERM)
    push.wait()
    assert len(world.deliveries) == 1
    world.hold.set()
    tree.commit(file="2")
    assert tree.run("push", "sealane", "main").returncode == 0
    assert len(world.deliveries) == 2
    assert nothing_pending(world)


def test_only_branch_of_a_first_push_becomes_the_default(world: GitWorld, tree: WorkTree, tmp_path: Path) -> None:
    tree.commit(file="1")
    tree.git("push", "sealane", "main:trunk")
    assert world.apps["shop"].default_branch == "trunk"
    tree.git("clone", "--quiet", world.url("shop"), str(tmp_path / "copy"))
    assert WorkTree(tmp_path / "copy").git("branch", "--show-current") == "trunk"


def test_password_is_asked_for_where_nobody_may_enter_without(world: GitWorld, tree: WorkTree) -> None:
    world.user = None
    tree.commit(file="1")
    assert tree.run("push", "sealane", "main").returncode != 0
    answer = httpx.get(world.url("shop") + "/info/refs?service=git-receive-pack")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_reader_may_clone_and_not_push(world: GitWorld, tree: WorkTree) -> None:
    tree.commit(file="1")
    tree.git("push", "sealane", "main")
    world.user = GitUser("viewer", False, False)
    assert tree.run("ls-remote", "sealane").returncode == 0
    tree.commit(file="2")
    push = tree.run("push", "sealane", "main")
    assert push.returncode != 0
    assert "403" in push.stderr


def test_app_that_nobody_made_is_not_found_by_readers_and_not_made_by_those_who_may_not(
    world: GitWorld, tree: WorkTree
) -> None:
    tree.commit(file="1")
    assert tree.run("ls-remote", "sealane").returncode != 0
    world.user = GitUser("developer", True, False)
    assert tree.run("push", "sealane", "main").returncode != 0
    assert world.apps == {}


def test_app_whose_repository_is_elsewhere_takes_no_push(world: GitWorld, tree: WorkTree) -> None:
    world.apps["shop"] = GitApp("https://github.com/acme/shop", "main")
    tree.commit(file="1")
    assert tree.run("push", "sealane", "main").returncode != 0
    answer = httpx.get(world.url("shop") + "/info/refs?service=git-receive-pack")
    assert (answer.status_code, answer.json()["code"]) == (409, "repository-elsewhere")


@pytest.mark.parametrize(
    "path",
    [
        "shop.git/config",
        "shop.git/HEAD",
        "shop.git/objects/info/packs",
        "shop.git/info/refs",
        "..%2Fshop.git/info/refs?service=git-upload-pack",
        ".empty.git/info/refs?service=git-upload-pack",
        "Shop.git/info/refs?service=git-upload-pack",
    ],
)
def test_nothing_but_the_smart_protocol_can_be_reached(world: GitWorld, tree: WorkTree, path: str) -> None:
    tree.commit(file="1")
    tree.git("push", "sealane", "main")
    answer = httpx.get(f"http://127.0.0.1:{world.port}/git/{path}")
    assert answer.status_code in (403, 404)


def test_large_pack_is_streamed_in_chunks(world: GitWorld, tree: WorkTree) -> None:
    (tree.path / "noise").write_bytes(os.urandom(8 << 20))
    commit = tree.commit("Large")
    push = tree.run("-c", "http.postBuffer=65536", "push", "sealane", "main")
    assert push.returncode == 0, push.stderr
    assert world.deliveries[0].after == commit


def test_push_over_the_limit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    world = GitWorld(tmp_path / "git", max_push_bytes=1 << 20)
    with world.serve():
        tree = WorkTree(tmp_path / "tree")
        (tree.path / "noise").write_bytes(os.urandom(4 << 20))
        tree.commit("Large")
        push = tree.run("-c", "http.postBuffer=65536", "push", world.url("shop"), "main")
    assert push.returncode != 0
    assert world.deliveries == []
    assert nothing_pending(world)


def test_text_of_others_can_not_steer_the_pushers_terminal(world: GitWorld, tree: WorkTree) -> None:
    world.lines = ["title \x1b[2J\x07 end"]
    tree.commit(file="1")
    push = tree.run("push", "sealane", "main")
    assert "\x1b[2J" not in push.stderr
    assert "end" in told(push)[0]
