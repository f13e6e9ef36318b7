"""The steps of each strategy, and what holds for all of them."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given as randomly
from hypothesis import settings as examples
from hypothesis import strategies as some

from core.deployments.events import Step
from core.deployments.rolling import limits
from core.deployments.strategies import chosen, rollback_step, steps
from core.deployments.target_state import TargetState
from core.deployments.validation import problems
from core.deployments.wishes import replicas_of, weight_of
from core.environments.release import Release
from core.environments.settings import (
    Amount,
    BlueGreen,
    Canary,
    CanaryStep,
    EnvironmentSettings,
    HeaderRoute,
    Probe,
    ProcessTarget,
    Recreate,
    Rolling,
    Strategy,
)
from tests.unit.deployments.scenes import CANARY, NEW, OLD, REGION, STATIC, TARGET, settings

SMOKE = (Probe("smoke", "/"),)


def planned(strategy: Strategy | None, old: Release | None = OLD, new: Release = NEW, **more: Any) -> tuple[Step, ...]:
    return steps(settings(strategy=strategy, **more), REGION, old, new)


def shown(step: Step) -> list[tuple[str, str, int, int]]:
    return [(each.role, each.name, each.replicas, each.weight) for each in step.wish.sets]


def replicas(count: int) -> ProcessTarget:
    return ProcessTarget(command="serve", replicas=count)


def test_rolling_starts_as_many_as_surge_allows_before_it_stops_any() -> None:
    rolled = planned(Rolling(max_surge=Amount(count=1)))
    assert [shown(step) for step in rolled] == [
        [("stable", OLD.id, 3, 75), ("canary", NEW.id, 1, 25)],
        [("stable", OLD.id, 2, 50), ("canary", NEW.id, 2, 50)],
        [("stable", OLD.id, 1, 25), ("canary", NEW.id, 3, 75)],
        [("stable", NEW.id, 4, 100)],
    ]
    assert rolled[0].name == "batch 1 of 4"


def test_rolling_without_surge_stops_first() -> None:
    rolled = planned(Rolling(max_surge=Amount(), max_unavailable=Amount(count=2)))
    assert [shown(step) for step in rolled] == [
        [("stable", OLD.id, 2, 100)],
        [("canary", NEW.id, 2, 100)],
        [("stable", NEW.id, 4, 100)],
    ]


def test_rolling_that_could_never_move_is_refused() -> None:
    with pytest.raises(ValueError, match="both 0"):
        planned(Rolling(max_surge=Amount()))


def test_rolling_probes_its_first_instances_before_they_get_requests() -> None:
    rolled = planned(Rolling(max_surge=Amount(count=2)), probes=SMOKE)
    assert shown(rolled[0]) == [("stable", OLD.id, 4, 100), ("canary", NEW.id, 2, 0)]
    assert [step.probe for step in rolled] == ["before", "", "after"]


def test_blue_green_switches_once_and_keeps_the_old_for_a_time() -> None:
    start, switch, remove = planned(BlueGreen(keep_old_seconds=60))
    assert shown(start) == [("stable", OLD.id, 4, 100), ("canary", NEW.id, 4, 0)]
    assert (start.probe, start.hold_seconds) == ("before", 0)
    assert shown(switch) == [("stable", OLD.id, 4, 0), ("canary", NEW.id, 4, 100)]
    assert (switch.probe, switch.hold_seconds, switch.analyse) == ("after", 60, True)
    assert shown(remove) == [("stable", NEW.id, 4, 100)]


def test_canary_is_as_large_as_its_weight_and_never_empty() -> None:
    strategy = Canary(steps=(CanaryStep(5, 300), CanaryStep(60), CanaryStep(100)))
    five, sixty, full, remove = planned(strategy, target=replicas(10))
    assert shown(five) == [("stable", OLD.id, 10, 95), ("canary", NEW.id, 1, 5)]
    assert shown(sixty) == [("stable", OLD.id, 10, 40), ("canary", NEW.id, 6, 60)]
    assert shown(full) == [("stable", OLD.id, 10, 0), ("canary", NEW.id, 10, 100)]
    assert shown(remove) == [("stable", NEW.id, 10, 100)]
    assert [step.hold_seconds for step in (five, sixty, full, remove)] == [300, None, 0, 0]


def test_baseline_is_the_old_release_started_anew_with_the_canarys_size_and_weight() -> None:
    strategy = Canary(steps=(CanaryStep(25, 9), CanaryStep(50, 9), CanaryStep(75, 9), CanaryStep(100)), baseline=True)
    quarter, half, most, *_ = planned(strategy)
    name = f"{OLD.id}.baseline"
    assert shown(quarter) == [("stable", OLD.id, 4, 50), ("baseline", name, 1, 25), ("canary", NEW.id, 1, 25)]
    assert shown(half) == [("stable", OLD.id, 4, 0), ("baseline", name, 2, 50), ("canary", NEW.id, 2, 50)]
    assert shown(most) == [("stable", OLD.id, 4, 25), ("canary", NEW.id, 3, 75)]
    assert quarter.wish.sets[1].release == OLD


def test_requests_are_mirrored_first_and_users_routed_until_everything_is_new() -> None:
    route = HeaderRoute("X-Beta", "yes")
    strategy = Canary(steps=(CanaryStep(5, 60), CanaryStep(100)), mirror=20, headers=(route,), affinity=True)
    smoke, mirror, five, full, remove = planned(strategy, probes=SMOKE)
    assert (smoke.probe, smoke.wish.mirror, weight_of(smoke.wish, NEW.id)) == ("before", 0, 0)
    assert (mirror.wish.mirror, mirror.wish.mirror_to, mirror.hold_seconds, mirror.analyse) == (20, NEW.id, 60, True)
    assert (five.wish.headers, five.wish.headers_to, five.wish.affinity) == ((route,), NEW.id, True)
    assert (full.wish.headers, full.wish.affinity, remove.wish.headers) == ((), False, ())


def test_recreate_has_nothing_running_in_between() -> None:
    assert [step.wish.sets == () for step in planned(Recreate())] == [True, False]
    assert [step.name for step in planned(Recreate(), probes=SMOKE)] == ["stop old", "smoke test", "start"]


@pytest.mark.parametrize("strategy", [Recreate(), Rolling(), BlueGreen(manual=True), CANARY, None])
def test_first_release_goes_straight_and_is_probed(strategy: Strategy | None) -> None:
    smoke, start = planned(strategy, old=None, probes=SMOKE)
    assert (smoke.probe, start.probe) == ("before", "after")
    assert (shown(smoke), shown(start)) == ([("canary", NEW.id, 4, 0)], [("stable", NEW.id, 4, 100)])
    assert [step.name for step in planned(strategy, old=None)] == ["start"]


@pytest.mark.parametrize("strategy", [Recreate(), Rolling(), BlueGreen(manual=True), CANARY, None])
def test_same_release_is_put_right_in_one_step(strategy: Strategy | None) -> None:
    (only,) = planned(strategy, old=NEW)
    assert shown(only) == [("stable", NEW.id, 4, 100)]


@pytest.mark.parametrize(
    ("risk", "expected", "names"),
    [
        ("low", Rolling, ["batch 1 of 1"]),
        ("medium", Rolling, ["batch 1 of 4", "batch 2 of 4", "batch 3 of 4", "batch 4 of 4"]),
        ("high", Canary, ["canary 5%", "canary 25%", "canary 100%", "remove old"]),
        ("critical", BlueGreen, ["start green", "switch", "remove old"]),
    ],
)
def test_risk_chooses_where_no_strategy_is_given(risk: Any, expected: type[Any], names: list[str]) -> None:
    assert isinstance(chosen(settings(risk=risk), TARGET), expected)
    assert [step.name for step in planned(None, risk=risk)] == names


def test_critical_risk_waits_for_a_person_before_the_switch() -> None:
    assert planned(None, risk="critical")[0].hold_seconds is None


@pytest.mark.parametrize("risk", ["low", "medium", "high", "critical"])
def test_static_target_is_switched_as_a_whole(risk: Any) -> None:
    given = settings(risk=risk, target=STATIC)
    assert isinstance(chosen(given, STATIC), Recreate | BlueGreen)
    assert problems(given) == ()
    for step in steps(given, REGION, OLD, NEW):
        assert {each.replicas for each in step.wish.sets} == {1}
        assert {each.weight for each in step.wish.sets} <= {0, 100}


def test_way_back_is_one_whole_wish() -> None:
    back = rollback_step(settings(strategy=CANARY), REGION, OLD).wish
    assert (back.at_once, [each.name for each in back.sets]) == (True, [OLD.id])
    assert rollback_step(settings(), REGION, None).wish.sets == ()


@some.composite
def any_strategy(draw: Any) -> Strategy:
    kind = draw(some.sampled_from(("recreate", "rolling", "blue-green", "canary")))
    if kind == "rolling":
        amounts = some.builds(Amount, some.integers(0, 12)) | some.builds(Amount, percent=some.integers(0, 150))
        return Rolling(draw(amounts), draw(amounts))
    if kind == "blue-green":
        return BlueGreen(draw(some.floats(0, 600)), draw(some.booleans()))
    if kind == "recreate":
        return Recreate()
    weights = sorted({*draw(some.lists(some.integers(1, 99), max_size=6)), 100})
    holds = some.none() | some.floats(0, 600)
    return Canary(
        steps=tuple(CanaryStep(weight, draw(holds)) for weight in weights),
        mirror=draw(some.sampled_from((0, 10))),
        baseline=draw(some.booleans()),
        headers=draw(some.sampled_from(((), (HeaderRoute("X", "y"),)))),
        affinity=draw(some.booleans()),
    )


PROBES = some.sampled_from(((), SMOKE, (Probe("end", "/", when=("after",)),)))
COUNTS = some.integers(1, 20)


@examples(max_examples=300, deadline=None)
@randomly(any_strategy(), COUNTS, PROBES, some.sampled_from((OLD, NEW, None)))
def test_every_plan_ends_wholly_on_the_new_release(
    strategy: Strategy, count: int, probes: tuple[Probe, ...], old: Release | None
) -> None:
    given = settings(strategy=strategy, target=replicas(count), probes=probes)
    if problems(given):
        return
    made = steps(given, REGION, old, NEW)
    wishes = [step.wish for step in made]
    weights = [weight_of(wish, NEW.id) for wish in wishes]
    assert [each.name for each in wishes[-1].sets] == [NEW.id]
    assert (wishes[-1].sets[0].replicas, weights[-1]) == (count, 100)
    assert weights == sorted(weights), "the new release's weight never falls"
    assert all(sum(each.weight for each in wish.sets) in (0, 100) for wish in wishes)
    sizes = [sum(each.replicas for each in wish.sets if each.name == NEW.id) for wish in wishes]
    assert sizes == sorted(sizes), "nor does its size"
    check_sound(given, made, wishes)


def check_sound(given: EnvironmentSettings, made: tuple[Step, ...], wishes: list[TargetState]) -> None:
    for wish in wishes:
        names = [each.name for each in wish.sets]
        assert len(set(names)) == len(names)
        assert all(each.replicas > 0 for each in wish.sets)
        assert wish.headers_to in ("", *names)
        assert wish.mirror_to in ("", *names)
    if any("before" in probe.when for probe in given.probes):
        probed = [weight_of(step.wish, NEW.id) for step in made if step.probe == "before"]
        assert probed in ([0], []), "smoke tests come before the first request"
    if isinstance(given.strategy, Canary):
        allowed = {0, *(step.weight for step in given.strategy.steps)}
        assert {weight_of(wish, NEW.id) for wish in wishes} <= allowed
    full = [step for step in made if weight_of(step.wish, NEW.id) == 100]
    assert [step.probe for step in full].count("after") == 1, "all traffic is probed once it is there"


@examples(max_examples=300, deadline=None)
@randomly(
    COUNTS,
    some.builds(Amount, some.integers(0, 12)) | some.builds(Amount, percent=some.integers(0, 150)),
    some.builds(Amount, some.integers(0, 12)) | some.builds(Amount, percent=some.integers(0, 150)),
    some.booleans(),
)
def test_rolling_stays_within_surge_and_unavailable(count: int, less: Amount, more: Amount, smoke: bool) -> None:
    rolling = Rolling(less, more)
    surge, unavailable = limits(rolling, count)
    given = settings(strategy=rolling, target=replicas(count), probes=SMOKE if smoke else ())
    assert replicas_of(given.target) == count
    if surge == unavailable == 0:
        assert [each.code for each in problems(given)] == ["rolling-stuck"]
        return
    sizes = [(count, 0)]
    for step in steps(given, REGION, OLD, NEW):
        by_name = {each.name: each.replicas for each in step.wish.sets}
        sizes.append((by_name.get(OLD.id, 0), by_name.get(NEW.id, 0)))
    for (old, _), (old_after, new_after) in pairwise(sizes):
        assert old + new_after <= count + surge, "what is missing starts before what is too much stops"
        assert old_after + new_after >= count - unavailable
