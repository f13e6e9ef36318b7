"""How wishes and ready instances become what the proxy does."""

import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.targets.base import TargetFailed
from agents.targets.haproxy.config import SLOTS, fixed_parts, header_pattern, rendered_parts, tables
from agents.targets.haproxy.plan import BUCKETS, Backend, Plan, Server, buckets
from agents.targets.instances import Instance
from agents.targets.routing import as_wished, restricted, with_draining, with_ready, without_empty
from core.deployments.target_state import InstanceSet, Role, TargetState
from core.environments.release import Artifact, Release
from core.environments.settings import HeaderRoute, Health, ProcessTarget

HOST = "127.0.0.1"


def release(name: str) -> Release:
    return Release(id=name, app="shop", artifact=Artifact("tree", f"git:{name}", "file:///work"))


def wished(name: str, weight: int, role: Role = "stable", replicas: int = 1) -> InstanceSet:
    return InstanceSet(name, role, release(name), replicas, weight)


def instance(name: str, number: int = 1) -> Instance:
    return Instance(f"{name}-{number}", name, release(name), ProcessTarget(command="x"), "spec", {}, port=4000 + number)


def planned(*names: str) -> Plan:
    plan = Plan(port=80)
    for name in names:
        plan = with_ready(plan, instance(name))
    return plan


def share(plan: Plan, name: str) -> list[int]:
    return [bucket for bucket, slot in buckets(plan).items() if slot == plan.slot(name)]


@given(st.integers(0, 100))
def test_every_percent_is_one_bucket(weight: int) -> None:
    wish = TargetState(sets=(wished("v1", 100 - weight), wished("v2", weight, "canary")))

    plan = as_wished(planned("v1", "v2"), wish)

    assert len(buckets(plan)) == BUCKETS
    assert (len(share(plan, "v1")), len(share(plan, "v2"))) == (100 - weight, weight)


def test_numbers_in_a_row_meet_every_bucket_once() -> None:
    assert {number * 61 % BUCKETS for number in range(7, 107)} == set(range(BUCKETS))


@pytest.mark.parametrize("weight", [5, 25, 50])
def test_requests_of_the_canary_are_spread_evenly(weight: int) -> None:
    hits = [number for number in range(300) if number * 61 % BUCKETS < weight]
    gaps = [later - earlier for earlier, later in pairwise(hits)]

    assert max(gaps) <= 2 * BUCKETS / weight


@given(st.lists(st.integers(1, 100), min_size=2, max_size=6, unique=True).map(sorted))
def test_bucket_that_met_the_canary_stays_with_it_as_it_grows(weights: list[int]) -> None:
    plan = planned("v1", "v2")
    met: set[int] = set()
    for weight in weights:
        wish = TargetState(sets=(wished("v1", 100 - weight), wished("v2", weight, "canary")))
        now = set(share(as_wished(plan, wish), "v2"))
        assert met <= now
        met = now


def test_set_that_is_not_wished_gets_nothing_and_keeps_its_place_while_it_drains() -> None:
    plan = as_wished(planned("v1", "v2"), TargetState(sets=(wished("v2", 100),)))
    assert share(plan, "v1") == []

    draining = with_draining(plan, {"v1-1:4001"})
    assert without_empty(draining, TargetState(sets=(wished("v2", 100),))) == draining
    assert draining.backends[0].servers[0].draining


def test_set_without_servers_gives_its_place_back() -> None:
    plan = planned("v1", "v2")
    emptied = msgspec.structs.replace(
        plan, backends=(msgspec.structs.replace(plan.backends[0], servers=()), plan.backends[1])
    )

    left = without_empty(emptied, TargetState(sets=(wished("v2", 100),)))

    assert [each.set_name for each in left.backends] == ["v2"]
    assert with_ready(left, instance("v3")).slot("v3") == 0


def test_more_sets_than_places_are_refused_by_name() -> None:
    plan = planned(*(f"v{number}" for number in range(SLOTS)))

    with pytest.raises(TargetFailed, match=rf"room for {SLOTS} sets, and has v0, v1, ") as refused:
        with_ready(plan, instance("last"))

    assert refused.value.code == "bad-target"


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        ({"v1", "v2"}, {"v1": 75, "v2": 25}),
        ({"v1"}, {"v1": 100}),
        ({"v2", "v9"}, {"v2": 100}),
        ({"v9"}, None),
        (set(), None),
    ],
)
def test_weights_of_what_is_not_ready_go_to_the_rest(ready: set[str], expected: dict[str, int] | None) -> None:
    wish = TargetState(sets=(wished("v1", 75), wished("v2", 25), wished("v3", 0)))

    found = restricted(wish, ready)

    assert (found and {each.name: each.weight for each in found.sets}) == expected


@given(st.lists(st.integers(1, 98), min_size=1, max_size=3), st.sets(st.integers(0, 3)))
def test_restricted_weights_sum_to_a_hundred(weights: list[int], ready: set[int]) -> None:
    weights = [min(weight, 30) for weight in weights]
    sets = [wished(f"v{number}", weight) for number, weight in enumerate([*weights, 100 - sum(weights)])]

    found = restricted(TargetState(sets=tuple(sets)), {f"v{number}" for number in ready})

    if found is not None:
        assert sum(each.weight for each in found.sets) == 100


def test_requests_of_a_set_without_instances_go_to_the_largest() -> None:
    plan = as_wished(
        planned("v1", "v2", "v3"), TargetState(sets=(wished("v1", 20), wished("v2", 50), wished("v3", 30)))
    )

    assert tables(plan)["choices.map"] == ["fallback0 set1", "fallback1 set2", "fallback2 set0"]


def test_routes_lead_only_to_a_set_that_is_there() -> None:
    route = HeaderRoute("X-Beta", "yes")
    wish = TargetState(sets=(wished("v1", 100), wished("v2", 0, "canary")), headers=(route,), headers_to="v2")

    assert tables(as_wished(planned("v1"), wish))["headers.map"] == []
    assert tables(as_wished(planned("v1", "v2"), wish))["headers.map"] == [f"{header_pattern(route)} set1"]


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30))
def test_header_pattern_matches_its_value_and_stays_on_its_line(value: str) -> None:
    pattern = header_pattern(HeaderRoute("X-Group", value))
    block = f"host: a\r\nx-group: {value}\r\naccept: */*\r\n"

    assert " " not in pattern
    assert re.search(pattern.encode(), block.encode())
    assert not re.search(pattern.encode(), f"x-group: {value}x\r\n".encode())


def test_only_what_a_running_proxy_cannot_change_asks_for_another_one() -> None:
    plan = as_wished(planned("v1", "v2"), TargetState(sets=(wished("v1", 100), wished("v2", 0))))
    made = rendered_parts(plan, HOST, lua=True)

    def serves(other: Plan) -> bool:
        return fixed_parts(other, HOST, lua=True).items() <= made.items()

    shifted = as_wished(plan, TargetState(sets=(wished("v1", 5), wished("v2", 95)), affinity=True))
    other_health = Health(path="/ready")
    assert serves(shifted)
    assert serves(with_ready(plan, instance("v3")))
    assert serves(msgspec.structs.replace(plan, health=other_health))
    assert not serves(msgspec.structs.replace(plan, port=81))
    checked = Backend("v3", slot=2, health=other_health, servers=(Server("v3-1:1", "127.0.0.1:1"),))
    assert not serves(msgspec.structs.replace(plan, backends=(*plan.backends, checked)))
