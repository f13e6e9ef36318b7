"""What a rollback by hand goes back to."""

import pytest

from core.environments.events import ReleaseChanged
from core.environments.evolve import evolve
from core.environments.release import Artifact, Release
from core.environments.state import EnvironmentState
from gateway.errors import ApiError
from gateway.rollbacks import RollbackPlan, plan_rollback


def release(number: int, contract: bool = False) -> Release:
    artifact = Artifact(kind="tree", digest=f"git:{number}", location="https://forge/shop.git")
    return Release(id=f"v{number}", app="shop", artifact=artifact, incompatible_before=contract)


def place(*releases: Release, quarantined: str = "") -> EnvironmentState:
    """Where these came, one after the other."""
    state = EnvironmentState(id="shop/production/us-east")
    for each in releases:
        evolve(state, ReleaseChanged(release=each, deployment_id=f"d-{each.id}", rollout_id=f"r-{each.id}"))
    if quarantined:
        state.quarantine = {quarantined: "it was slow"}
    return state


ONE, TWO, THREE = release(1), release(2), release(3)


def plan(
    places: dict[str, EnvironmentState], *regions: str, to: str | None = None, named: bool = False
) -> RollbackPlan:
    return plan_rollback("shop/production", places, regions or tuple(places), to, named)


def refused(places: dict[str, EnvironmentState], *regions: str, to: str | None = None) -> tuple[str, str]:
    with pytest.raises(ApiError) as caught:
        plan(places, *regions, to=to)
    return caught.value.code, caught.value.detail


def test_each_region_goes_to_the_release_before() -> None:
    found = plan({"us-east": place(ONE, TWO), "eu-west": place(THREE, TWO)})
    assert found.releases == {"us-east": ONE, "eu-west": THREE}
    assert found.leaving == TWO


def test_quarantined_release_is_passed_over() -> None:
    assert plan({"us-east": place(ONE, TWO, THREE, quarantined="v2")}).releases == {"us-east": ONE}


def test_first_release_has_nothing_before_it() -> None:
    code, detail = refused({"us-east": place(ONE)})
    assert code == "nothing-to-roll-back-to"
    assert "shop/production had no healthy release in us-east before v1" in detail
    assert refused({})[0] == "nothing-to-roll-back-to"


def test_regions_that_differ_must_be_named() -> None:
    places = {"us-east": place(ONE, TWO), "eu-west": place(ONE)}
    code, detail = refused(places)
    assert code == "regions-differ"
    assert "us-east has v2, eu-west has v1" in detail
    assert plan(places, "us-east", named=True).releases == {"us-east": ONE}
    assert plan(places, to="v1").releases == {"us-east": ONE}


def test_any_kept_release_can_be_named_and_no_other() -> None:
    places = {"us-east": place(ONE, TWO, THREE)}
    assert plan(places, to="v1").releases == {"us-east": ONE}
    code, detail = refused(places, to="v9")
    assert code == "release-unknown"
    assert "it keeps v3, v2, v1" in detail


def test_release_that_is_there_already_is_refused() -> None:
    assert refused({"us-east": place(ONE, TWO)}, to="v2") == (
        "nothing-to-roll-back-to",
        "shop/production is on release v2 already.",
    )


def test_region_without_anything_is_left_out() -> None:
    places = {"us-east": place(ONE, TWO)}
    assert plan(places, "us-east", "eu-west").releases == {"us-east": ONE}


def test_contract_migration_on_the_way_is_what_is_left() -> None:
    contract = release(2, contract=True)
    assert plan({"us-east": place(ONE, contract, THREE)}, to="v1").leaving == contract
    assert plan({"us-east": place(ONE, contract, THREE)}).leaving == THREE
