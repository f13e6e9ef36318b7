"""An app's environments, and which rollouts into them are accepted."""

from typing import Any

import msgspec
import pytest

from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.aggregates import APP
from core.environments.release import Artifact, Release
from core.environments.settings import (
    Canary,
    CanaryStep,
    EnvironmentSettings,
    Hook,
    ProcessTarget,
    Protection,
    Recreate,
    Window,
)
from core.ids import rollout_id
from core.pipeline.plan import Approval
from core.rollouts.commands import Origin
from tests.support.given import Scene, given
from tests.unit.catalog.test_app import create

STAGE = Origin(by="ann", automatic=True, run_id="eu-west-0123456789abcdef", stage="ship", round=1)
PERSON = Origin(by="bob")


def environment(name: str = "production", **more: Any) -> EnvironmentSettings:
    plain: dict[str, Any] = {"regions": ("us-east", "eu-west"), "target": ProcessTarget(command="serve")}
    return EnvironmentSettings(name=name, **(plain | more))


def from_file(number: int, *environments: EnvironmentSettings, **more: Any) -> c.SetEnvironments:
    return c.SetEnvironments(environments=environments, source="file", number=number, commit=f"c{number}", **more)


def by_api(*environments: EnvironmentSettings) -> c.SetEnvironments:
    return c.SetEnvironments(environments=environments, source="api", by="bob")


def release(name: str = "r1", **more: Any) -> Release:
    plain: dict[str, Any] = {"app": "shop", "artifact": Artifact("tree", "git:c1", "https://forge/shop.git")}
    return Release(id=name, **(plain | more))


def ask(name: str = "production", **more: Any) -> c.RequestRollout:
    plain: dict[str, Any] = {"environment": name, "release": release(), "origin": PERSON}
    return c.RequestRollout(**(plain | more))


@pytest.fixture
def app() -> Scene:
    return given(APP, "shop").when(create())


@pytest.fixture
def ready(app: Scene) -> Scene:
    return app.when(from_file(1, environment(), environment("staging", critical=True)))


def names(scene: Scene) -> list[str]:
    return [each.name for each in scene.state.environments]


def test_file_says_what_environments_there_are(app: Scene) -> None:
    told = app.when(from_file(3, environment())).one(e.EnvironmentsSet)
    assert (told.source, told.number, told.commit) == ("file", 3, "c3")
    app.when(from_file(4, environment())).then()
    app.when(from_file(5, environment("dev"))).then_types(e.EnvironmentsSet)
    assert names(app) == ["dev"]


def test_file_of_an_earlier_run_comes_too_late(app: Scene) -> None:
    app.when(from_file(5, environment("dev"))).when(from_file(4, environment())).then()
    assert names(app) == ["dev"]


def test_who_sets_them_by_the_api_is_not_overruled_by_files(app: Scene) -> None:
    app.when(from_file(1, environment())).when(by_api(environment("dev"))).then_types(e.EnvironmentsSet)
    app.when(from_file(2, environment())).then()
    app.when(by_api(environment("test"))).then_types(e.EnvironmentsSet)
    assert names(app) == ["test"]


def test_word_is_given_back_to_the_files(app: Scene) -> None:
    app.when(by_api(environment("dev"))).when(from_file(0, release_control=True)).then_types(e.EnvironmentsSet)
    assert names(app) == ["dev"]
    app.when(from_file(3, environment())).then_types(e.EnvironmentsSet)
    assert names(app) == ["production"]
    app.check_restored()


def test_invalid_environments_are_refused_with_all_that_is_wrong(app: Scene) -> None:
    bad = environment(waves=(("us-east",), ("mars",)))
    detail = app.rejects(by_api(bad, bad), "environments-invalid")
    for words in ("is there 2 times", "production.waves[1][0]: 'mars'", "no wave has region 'eu-west'"):
        assert words in detail


def test_archived_app_has_no_more_environments(ready: Scene) -> None:
    ready.when(c.ArchiveApp()).when(from_file(9, environment("dev"))).then()
    ready.rejects(by_api(environment("dev")), "app-archived")


def test_rollout_is_numbered_and_gets_a_copy_of_the_settings(ready: Scene) -> None:
    first = ready.when(ask(regions=("eu-west",), override_reason=" fire ")).one(e.RolloutAccepted)
    assert (first.number, first.region, first.rollout_id) == (1, "eu-west", rollout_id("eu-west", "shop", 1))
    assert (first.settings, first.regions, first.override_reason) == (environment(), ("eu-west",), "fire")
    second = ready.when(ask("staging", kind="rollback", releases={"us-east": release("r0")})).one(e.RolloutAccepted)
    assert (second.number, second.kind, second.regions) == (2, "rollback", ("us-east", "eu-west"))
    assert second.releases == {"us-east": release("r0")}
    ready.check_restored()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"environment": "prodution"}, "environment-unknown", "did you mean 'production'?"),
        ({"environment": "mars"}, "environment-unknown", "there are: production, staging"),
        ({"regions": ("mars",)}, "region-unknown", "it is in us-east, eu-west"),
        ({"kind": "rollback", "releases": {"mars": release()}}, "region-unknown", "'mars'"),
        ({"strategy_override": "canery"}, "strategy-unknown", "did you mean 'canary'?"),
        ({"environment": "staging", "strategy_override": "recreate"}, "environments-invalid", "is critical"),
        ({"release": release("../x")}, "release-invalid", "'../x' is no id"),
        ({"release": release("r1.baseline")}, "release-invalid", "'.baseline'"),
        ({"release": release(app="other")}, "release-invalid", "app 'other'"),
        ({"release": release(config={"A B": "x"})}, "release-invalid", "'A B'"),
        ({"release": release(artifact=Artifact("tree", "", "x"))}, "release-invalid", "digest"),
    ],
)
def test_rollouts_that_cannot_be_are_refused(ready: Scene, changes: Any, code: str, words: str) -> None:
    assert words in ready.rejects(ask(**changes), code)
    stage = msgspec.structs.replace(ask(**changes), origin=STAGE)
    refused = ready.when(stage).one(e.RolloutRefused)
    assert (refused.code, refused.origin) == (code, STAGE)


def test_stage_of_an_archived_app_is_told(ready: Scene) -> None:
    ready.when(c.ArchiveApp()).rejects(ask(), "app-archived")
    assert ready.when(ask(origin=STAGE)).one(e.RolloutRefused).code == "app-archived"


def test_stage_of_an_app_that_never_was_is_told() -> None:
    ghost = given(APP, "ghost")
    ghost.rejects(ask(), "app-unknown")
    assert ghost.when(ask(origin=STAGE)).one(e.RolloutRefused).code == "app-unknown"


def protect(name: str = "production", *regions: str) -> c.FindProtection:
    return c.FindProtection(environment=name, origin=STAGE, regions=regions)


def test_stage_is_told_what_protects_an_environment(app: Scene) -> None:
    friday = Window("0 18 * * FRI", 3600)
    rules: dict[str, Any] = {"approval": Approval(2), "freezes": (friday,), "windows": (friday,)}
    app.when(from_file(1, environment(regions=("us-east", "eu-west"), **rules)))
    found = app.when(protect()).one(e.ProtectionFound)
    assert (found.origin, found.environment) == (STAGE, "production")
    assert found.protection == Protection(("eu-west", "us-east"), **rules)
    some = app.when(protect("production", "us-east")).one(e.ProtectionFound)
    assert some.protection is not None
    assert some.protection.regions == ("us-east",)
    app.check_restored()


def test_stage_is_told_when_nothing_protects_it_or_it_cannot_go_there(ready: Scene) -> None:
    assert ready.when(protect("elsewhere")).one(e.ProtectionFound) == e.ProtectionFound(
        origin=STAGE, environment="elsewhere"
    )
    assert ready.when(protect("production", "ap-south")).one(e.ProtectionFound).code == "region-unknown"
    assert given(APP, "ghost").when(protect()).one(e.ProtectionFound).protection is None


def test_strategy_is_replaced_for_one_rollout(ready: Scene) -> None:
    accepted = ready.when(ask(strategy_override="recreate")).one(e.RolloutAccepted)
    assert accepted.settings.strategy == Recreate()
    assert ready.state.environment("production").strategy is None


def test_release_cannot_change_its_content(ready: Scene) -> None:
    ready.when(ask())
    changed = release(artifact=Artifact("tree", "git:c2", "https://forge/shop.git"))
    assert "r1" in ready.rejects(ask(release=changed), "release-exists")
    ready.when(ask("staging")).then_types(e.RolloutAccepted)


def test_release_that_brings_a_contract_migration_is_marked(app: Scene) -> None:
    contract = Hook(run="migrate", phase="contract", down="unmigrate")
    app.when(by_api(environment(pre_deploy=contract), environment("dev")))
    assert app.when(ask()).one(e.RolloutAccepted).release.incompatible_before
    assert not app.when(ask("dev")).one(e.RolloutAccepted).release.incompatible_before


def test_rollback_past_a_contract_migration_needs_a_way_down_or_a_reason(app: Scene) -> None:
    app.when(by_api(environment(pre_deploy=Hook(run="m", phase="contract")), environment("dev")))
    leaving = release("r2", incompatible_before=True)
    back = ask(kind="rollback", leaving=leaving)
    assert "contract migration of release r2" in app.rejects(back, "rollback-past-migration")
    app.when(msgspec.structs.replace(back, override_reason="data is lost anyway")).then_types(e.RolloutAccepted)
    app.when(by_api(environment(pre_deploy=Hook(run="m", phase="contract", down="d"))))
    assert app.when(back).one(e.RolloutAccepted).leaving == leaving


def test_rollout_that_cannot_live_where_it_should_is_on_record(ready: Scene) -> None:
    refuse = c.RefuseRollout(origin=STAGE, code="region-unknown", detail="mars is gone")
    ready.when(refuse).then(e.RolloutRefused(origin=STAGE, code="region-unknown", detail="mars is gone"))


def test_canary_whose_weights_fall_is_no_environment(app: Scene) -> None:
    canary = Canary(steps=(CanaryStep(50, 1), CanaryStep(5, 1), CanaryStep(120)))
    detail = app.rejects(by_api(environment(strategy=canary)), "environments-invalid")
    assert "strategy.steps[1].weight" in detail
    assert "strategy.steps[2].weight" in detail
