"""A release is fixed for ever."""

from typing import Any

import pytest

from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.aggregates import RELEASE
from core.environments.release import Artifact, Release
from tests.support.given import Scene, given


def create(name: str = "12-0123abcd", digest: str = "git:0123abcd", **more: Any) -> c.CreateRelease:
    plain: dict[str, Any] = {
        "id": name,
        "app": "shop",
        "artifact": Artifact("tree", digest, "https://forge/shop.git"),
    }
    return c.CreateRelease(release=Release(**(plain | more)))


def empty(name: str = "12-0123abcd") -> Scene:
    return given(RELEASE, f"shop/{name}")


def test_release_is_created_once() -> None:
    scene = empty().when(create(config={"A": "1"})).then(e.ReleaseCreated(release=create(config={"A": "1"}).release))
    scene.when(create(config={"A": "1"})).then()
    scene.check_restored()


@pytest.mark.parametrize("other", [create(digest="git:ffff"), create(config={"A": "2"}), create(title="x")])
def test_another_content_under_its_id_is_refused(other: c.CreateRelease) -> None:
    empty().when(create()).rejects(other, "release-exists")


def test_contract_migration_that_goes_out_with_it_is_not_its_content() -> None:
    empty().when(create()).when(create(incompatible_before=True)).then()


def test_release_is_remembered_for_ever() -> None:
    scene = empty().when(create())
    assert scene.aggregate.recurs
    assert scene.aggregate.finished(scene.state)
    scene.later(days=1000)
    scene.rejects(create(digest="git:ffff"), "release-exists")


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 64, "1.baseline", "a..b"])
def test_bad_ids_are_refused(name: str) -> None:
    empty(name).rejects(create(name), "release-invalid")


def test_command_for_another_release_is_refused() -> None:
    empty("1").rejects(create("2"), "release-invalid")
    empty("1").rejects(create("1", app="other"), "release-invalid")
