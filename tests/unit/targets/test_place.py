"""The order of a target, its fence, and who still listens."""

from pathlib import Path

import pytest

from agents.targets.base import Order, StaleEpoch, TargetFailed
from agents.targets.place import Place
from core.deployments.target_state import TargetState
from core.environments.settings import StaticTarget

DEPLOYMENT = "us-east-0123456789abcdef"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "target")


def order(epoch: int, action: int, deployment_id: str = DEPLOYMENT) -> Order:
    return Order(
        "shop", "production", "us-east", deployment_id, epoch, action, TargetState(), StaticTarget(link="/www")
    )


@pytest.mark.parametrize("older", [(1, 5), (2, 2), (1, 99)])
def test_older_order_is_refused(place: Place, older: tuple[int, int]) -> None:
    place.claim(order(2, 3))

    with pytest.raises(StaleEpoch):
        place.claim(order(*older))

    kept = place.kept()
    assert kept is not None
    assert kept.order == order(2, 3)


def test_same_order_again_is_nothing_new(place: Place) -> None:
    assert place.claim(order(1, 1))
    place.reached((1, 1))

    assert not place.claim(order(1, 1))
    kept = place.kept()
    assert kept is not None
    assert kept.reached


def test_right_to_change_the_target_ends_with_a_newer_order(place: Place) -> None:
    place.claim(order(1, 1))
    with place.guarded((1, 1)):
        pass

    place.claim(order(1, 2))

    with pytest.raises(StaleEpoch), place.guarded((1, 1)):
        raise AssertionError("the right was given")
    with pytest.raises(StaleEpoch):
        place.reached((1, 1))


def test_file_that_is_no_order_is_named(place: Place) -> None:
    place.claim(order(1, 1))
    (place.root / "wish.json").write_text("{")

    with pytest.raises(TargetFailed, match=r"wish\.json can't be read") as refused:
        place.kept()

    assert refused.value.code == "target-unavailable"


@pytest.mark.parametrize("watch_first", [True, False])
def test_watched_deployment_is_over_when_its_watch_is(place: Place, watch_first: bool) -> None:
    place.claim(order(1, 1))
    if watch_first:
        place.watch(DEPLOYMENT)
    place.finish(DEPLOYMENT, watched=False)
    place.watch(DEPLOYMENT)
    assert not over(place)

    place.finish(DEPLOYMENT, watched=True)
    assert over(place)


def test_end_of_another_deployment_is_no_matter(place: Place) -> None:
    place.claim(order(1, 1))

    place.finish("us-east-aaaaaaaaaaaaaaaa", watched=False)

    assert not over(place)


def test_next_deployment_listens_again(place: Place) -> None:
    place.claim(order(1, 1))
    place.finish(DEPLOYMENT, watched=False)
    assert over(place)

    place.claim(order(2, 1, "us-east-aaaaaaaaaaaaaaaa"))

    assert not over(place)


def over(place: Place) -> bool:
    kept = place.kept()
    return kept is not None and kept.over
