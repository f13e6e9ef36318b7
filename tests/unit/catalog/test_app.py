"""An app: its settings, and which triggers become runs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.aggregate import Rejected
from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.aggregates import APP
from core.ids import run_id
from core.pipeline.plan import Schedule
from core.trigger import ZERO_COMMIT, Trigger
from tests.support.given import Scene, given

MAIN = "refs/heads/main"


def create(**changes: Any) -> c.CreateApp:
    settings: dict[str, Any] = {"name": "shop", "repository_url": "https://forge/shop.git", "region": "eu-west"}
    return c.CreateApp(**(settings | changes))


@pytest.fixture
def app() -> Scene:
    return given(APP, "shop").when(create())


def push(name: str, before: str, commit: str, ref: str = MAIN) -> c.SubmitTrigger:
    trigger = Trigger(trigger_id=name, source="push", ref=ref, branch="main", before=before, commit=commit)
    return c.SubmitTrigger(trigger=trigger)


def pull(name: str, number: int, commit: str) -> c.SubmitTrigger:
    ref = f"refs/pull/{number}/head"
    return c.SubmitTrigger(
        trigger=Trigger(trigger_id=name, source="pull_request", ref=ref, pull_request=number, commit=commit)
    )


def manual(name: str = "m1") -> c.SubmitTrigger:
    return c.SubmitTrigger(trigger=Trigger(trigger_id=name, source="manual", ref=MAIN, branch="main"))


def test_app_is_created_once(app: Scene) -> None:
    app.then_types(e.AppCreated)
    app.rejects(create(), "app-exists")


@pytest.mark.parametrize("name", ["", "Shop", "a b", "-a", "a/b", "../x", "$(touch pwned)", "x" * 64, "a.git"])
def test_bad_names_are_refused(name: str) -> None:
    given(APP, name).rejects(create(name=name), "name-invalid")


@pytest.mark.parametrize(
    "url",
    [
        "https://forge/x.git",
        "http://127.0.0.1:3000/x.git",
        "ssh://git@forge:22/x.git",
        "git@forge.example:team/x.git",
    ],
)
def test_usual_urls_are_taken(url: str) -> None:
    given(APP, "shop").when(create(repository_url=url)).then_types(e.AppCreated)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "--upload-pack=touch pwned",
        "-oProxyCommand=x@host:path",
        "-x@host:path",
        "ext::sh -c id",
        "ssh://-oProxyCommand=id/x",
        "ssh://-l@host/x",
        "https:///x.git",
        "https://u:secret@forge/x.git",
        "file:///srv/git/x.git",
        "file://host/x.git",
        "ftp://forge/x.git",
        "https://forge/x .git",
    ],
)
def test_urls_that_git_could_misread_are_refused(url: str) -> None:
    given(APP, "shop").rejects(create(repository_url=url), "repository-url-invalid")


def test_trigger_becomes_a_numbered_run_of_the_apps_region(app: Scene) -> None:
    event = app.when(push("t1", "b0", "c1")).one(e.TriggerAccepted)
    assert (event.run_id, event.number, event.region) == (run_id("eu-west", "shop", "t1"), 1, "eu-west")
    assert app.when(push("t2", "c1", "c2")).one(e.TriggerAccepted).number == 2


def test_unknown_app_refuses_triggers() -> None:
    given(APP, "ghost").rejects(push("t1", "b0", "c1"), "app-unknown")


def test_same_cause_under_any_id_makes_one_run(app: Scene) -> None:
    first = app.when(push("t1", "b0", "c1")).one(e.TriggerAccepted)
    for name in ("t1", "t2"):
        ignored = app.when(push(name, "b0", "c1")).one(e.DeliveryIgnored)
        assert (ignored.code, ignored.run_id) == ("duplicate", first.run_id)


def test_force_push_there_and_back_is_new(app: Scene) -> None:
    app.when(push("1", "a", "b")).when(push("2", "b", "a")).when(push("3", "a", "b"))
    app.then_types(e.TriggerAccepted)


def test_return_to_a_commit_is_new_where_the_forge_says_nothing_of_before(app: Scene) -> None:
    app.when(push("1", "", "a")).when(push("2", "", "a")).then_types(e.DeliveryIgnored)
    app.when(push("3", "", "b")).when(push("4", "", "a")).then_types(e.TriggerAccepted)


def test_branch_that_was_deleted_and_pushed_again_is_new(app: Scene) -> None:
    app.when(push("1", ZERO_COMMIT, "a"))
    app.when(c.IgnoreDelivery(delivery_id="d", code="branch-deleted", detail="main is gone", ref=MAIN))
    app.when(push("2", ZERO_COMMIT, "a")).then_types(e.TriggerAccepted)


def test_pull_request_is_built_once_per_commit(app: Scene) -> None:
    app.when(pull("1", 7, "a")).when(pull("2", 7, "a")).then_types(e.DeliveryIgnored)
    app.when(pull("3", 7, "b")).then_types(e.TriggerAccepted)
    app.when(pull("4", 8, "a")).then_types(e.TriggerAccepted)


def test_repeated_manual_request_changes_nothing(app: Scene) -> None:
    app.when(manual()).then_types(e.TriggerAccepted)
    app.when(manual()).then()


def test_memory_of_triggers_is_bounded(app: Scene) -> None:
    for number in range(1500):
        app.when(push(f"t{number}", f"c{number}", f"c{number + 1}", ref=f"refs/heads/b{number}"))
    assert len(app.state.seen) == len(app.state.heads) == 1000


def test_archived_app_makes_no_runs(app: Scene) -> None:
    app.when(c.ArchiveApp()).then_types(e.AppArchived)
    app.when(c.ArchiveApp()).then()
    assert app.when(push("t1", "a", "b")).one(e.DeliveryIgnored).code == "app-archived"
    app.rejects(manual(), "app-archived")


def test_update_changes_only_what_it_names(app: Scene) -> None:
    event = app.when(c.UpdateApp(default_branch="trunk")).one(e.AppUpdated)
    assert (event.default_branch, event.repository_url) == ("trunk", "https://forge/shop.git")
    app.when(c.UpdateApp(default_branch="trunk")).then()
    app.rejects(c.UpdateApp(pipeline_path="../../etc/passwd"), "pipeline-path-invalid")


NIGHTLY = Schedule("0 3 * * *", "Europe/Berlin")


def schedules(*wanted: Schedule, number: int = 1) -> c.SetSchedules:
    return c.SetSchedules(schedules=wanted, commit="c1", number=number)


def test_schedule_fires_at_its_local_time(app: Scene) -> None:
    app.when(schedules(NIGHTLY))
    assert APP.deadline(app.state) == datetime(2026, 1, 6, 2, 0, tzinfo=UTC)
    app.later(hours=17)
    app.then_types(e.ScheduleFired, e.TriggerAccepted)
    trigger = app.one(e.TriggerAccepted).trigger
    assert (trigger.source, trigger.ref, trigger.branch) == ("schedule", MAIN, "main")


def test_missed_times_fire_once(app: Scene) -> None:
    app.when(schedules(NIGHTLY)).later(days=10)
    app.then_types(e.ScheduleFired, e.TriggerAccepted)
    assert APP.deadline(app.state) == datetime(2026, 1, 16, 2, 0, tzinfo=UTC)
    app.later(seconds=1).then()


def test_equal_and_older_schedules_change_nothing(app: Scene) -> None:
    app.when(schedules(NIGHTLY, number=5)).then_types(e.SchedulesSet)
    app.when(schedules(NIGHTLY, number=6)).then()
    app.when(schedules(number=4)).then()
    app.when(schedules(number=7)).then_types(e.SchedulesSet)
    assert APP.deadline(app.state) is None


COMMITS = some.sampled_from(("", ZERO_COMMIT, "a", "b"))
NAMES = some.integers(0, 9).map(str)
COMMANDS: some.SearchStrategy[Any] = some.one_of(
    some.builds(push, NAMES, COMMITS, COMMITS),
    some.builds(pull, NAMES, some.integers(1, 2), COMMITS),
    some.builds(manual, NAMES),
    some.builds(create, name=some.just("shop"), repository_url=some.text(max_size=20)),
    some.builds(c.UpdateApp, default_branch=some.text(max_size=10), pipeline_path=some.text(max_size=10)),
    some.builds(
        schedules, some.builds(Schedule, some.sampled_from(("0 3 * * *", "x")), some.sampled_from(("UTC", "?")))
    ),
    some.builds(
        c.IgnoreDelivery, delivery_id=NAMES, code=some.just("branch-deleted"), detail=NAMES, ref=some.just(MAIN)
    ),
    some.just(c.ArchiveApp()),
)


@settings(max_examples=100, deadline=None)
@randomly(some.lists(COMMANDS, max_size=25))
def test_app_refuses_or_decides_and_run_numbers_have_no_gaps(commands: list[Any]) -> None:
    scene = Scene(APP, "shop").when(create())
    for command in commands:
        try:
            scene.when(command)
        except Rejected:
            continue
        scene.later(hours=5)
    accepted = [event for event in scene.events if isinstance(event, e.TriggerAccepted)]
    assert [event.number for event in accepted] == list(range(1, len(accepted) + 1))
    assert len({event.run_id for event in accepted}) == len(accepted)
    scene.check_restored()
