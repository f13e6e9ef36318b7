"""What users of a target see while its releases change: their share of each release, and no failed request."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import httpx
import msgspec
import pytest

from agents.targets.base import Target, TargetFailed
from agents.targets.fleet import Fleet
from agents.targets.folders import ReleaseFolders
from agents.targets.haproxy.proxy import Haproxy
from agents.targets.process import Processes
from agents.targets.service import ServiceFleet
from core.environments.settings import HeaderRoute, ProcessTarget
from infra.embedded.haproxy import find_haproxy
from tests.support.target_world import PROCESS, ProcessWorld, by_set, instance_set, never
from tests.support.traffic import Traffic


@pytest.fixture
def world() -> Iterator[ProcessWorld]:
    with ProcessWorld.scratch() as made:
        yield made


@pytest.mark.parametrize(("stable", "canary"), [(1, 1), (3, 1), (2, 3)])
def test_share_of_the_canary_is_counted_at_its_instances(world: ProcessWorld, stable: int, canary: int) -> None:
    counts = world.root / "counts"
    v1, v2 = (world.release(name, COUNT_FILE=str(counts)) for name in ("v1", "v2"))
    target = world.target()
    target.converge(world.order(instance_set(v1, stable)), never)
    for weight in (5, 25, 50):
        wish = (instance_set(v1, stable, 100 - weight), instance_set(v2, canary, weight, "canary"))
        target.converge(world.order(*wish), never)
        counts.unlink(missing_ok=True)

        visit(target, 2000, "/count")

        seen = Counter(line.split()[0] for line in counts.read_text().splitlines())
        assert sum(seen.values()) == 2000
        assert abs(seen["v2"] / 20 - weight) < 1


def test_requests_are_shared_evenly_within_a_set(world: ProcessWorld) -> None:
    target = world.target()
    target.converge(world.order(instance_set(world.release("v1"), 3)), never)

    seen = Counter(answer["pid"] for answer in visit(target, 300))

    assert sorted(seen.values()) == [100, 100, 100]


def test_no_request_fails_through_rolling_canary_blue_green_and_back(world: ProcessWorld) -> None:
    v1, v2, v3 = (world.release(name) for name in ("v1", "v2", "v3"))
    target = world.target()
    address = target.converge(world.order(instance_set(v1, 3)), never).address
    wishes = [
        # Rolling, one at a time.
        *((instance_set(v1, 3 - n, 100 - 33 * n), instance_set(v2, n, 33 * n, "canary")) for n in (1, 2)),
        (instance_set(v2, 3),),
        # Canary.
        *((instance_set(v2, 3, 100 - weight), instance_set(v3, 1, weight, "canary")) for weight in (5, 25, 50)),
        (instance_set(v3, 3),),
        # Blue-green.
        (instance_set(v3, 3), instance_set(v1, 3, 0, "canary")),
        (instance_set(v3, 3, 0), instance_set(v1, 3, 100, "canary")),
        (instance_set(v1, 3),),
        # A canary that is taken back.
        (instance_set(v1, 3, 75), instance_set(v2, 2, 25, "canary")),
    ]
    with Traffic(address) as traffic:
        for wish in wishes:
            target.converge(world.order(*wish), never)
            traffic.wait_for(100)
        target.converge(world.order(instance_set(v1, 3), at_once=True), never)
        traffic.wait_for(100)

    assert traffic.failures == []
    assert set(traffic.answers) == {"v1", "v2", "v3"}


def test_no_request_fails_while_weights_change_all_the_time(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1"), world.release("v2"), world.target()
    address = target.converge(world.order(instance_set(v1)), never).address
    with Traffic(address) as traffic:
        for weight in range(1, 61):
            wish = (instance_set(v1, weight=100 - weight), instance_set(v2, 1, weight, "canary"))
            target.converge(world.order(*wish), never)

    assert traffic.failures == []
    assert target.status().sets[0].requests == traffic.answers["v1"]
    assert target.status().sets[1].requests == traffic.answers["v2"]


def test_requests_in_flight_end_before_their_instance_does(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1"), world.release("v2"), world.target()
    address = target.converge(world.order(instance_set(v1, 2)), never).address
    with Traffic(address, rate=20, path="/slow?0.7") as traffic:
        traffic.wait_for(10)
        target.converge(world.order(instance_set(v2, 2)), never)

    assert traffic.failures == []


def test_no_request_fails_when_the_proxy_is_replaced(world: ProcessWorld) -> None:
    """Another way of checking instances can't be told to a running proxy."""
    v1, v2, target = world.release("v1"), world.release("v2"), world.target()
    address = target.converge(world.order(instance_set(v1, 2)), never).address
    other = msgspec.structs.replace(PROCESS, health=msgspec.structs.replace(PROCESS.health, path="/healthz?new"))
    with Traffic(address) as traffic:
        traffic.wait_for(100)
        target.converge(world.order(instance_set(v2, 2), settings=other), never)
        traffic.wait_for(100)

    assert traffic.failures == []
    assert target.status().address == address
    assert len(list((world.root / "target" / "proxy").glob("process-*"))) == 2
    assert target.status().sets[0].requests == traffic.answers["v2"]


def test_header_brings_a_user_to_the_new_release(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1"), world.release("v2"), world.target()
    headers = (HeaderRoute("X-Group", "beta testers"), HeaderRoute("X-Path", r"a.*\b$"))
    target.converge(world.order(instance_set(v1)), never)
    wish = (instance_set(v1), instance_set(v2, weight=0, role="canary"))
    target.converge(world.order(*wish, headers=headers, headers_to="v2"), never)

    def release(**headers: str) -> str:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return str(httpx.get(target.status().address, headers=names, trust_env=False).json()["RELEASE"])

    assert release(x_group="beta testers") == "v2"
    assert release(X_PATH=r"a.*\b$") == "v2"
    assert release(x_group="beta") == release(x_group="Beta testers") == release(x_other="beta testers") == "v1"
    assert release(x_path="aaa") == release(a_x_group="beta testers") == release() == "v1"


def test_user_who_met_the_new_release_stays_with_it(world: ProcessWorld) -> None:
    target = world.target()
    target.converge(world.order(instance_set(world.release("v1"))), never)
    with_weight(world, target, 25)
    address = target.status().address
    with httpx.Client(trust_env=False) as client:

        def release(cookie: str = "") -> httpx.Response:
            client.cookies.clear()
            return client.get(address, headers={"Cookie": cookie} if cookie else None)

        def releases() -> list[str]:
            return [release(user).json()["RELEASE"] for user in users]

        users = [release().headers["set-cookie"].partition(";")[0] for _ in range(100)]
        first = releases()
        assert first.count("v2") == 25
        assert releases() == first

        with_weight(world, target, 50)
        then = releases()
        assert then.count("v2") == 50
        assert all(later == "v2" for before, later in zip(first, then, strict=True) if before == "v2")


def test_shadow_requests_reach_the_new_release_and_no_user(world: ProcessWorld) -> None:
    counts = world.root / "counts"
    v1, v2 = (world.release(name, COUNT_FILE=str(counts)) for name in ("v1", "v2"))
    target = world.target()
    target.converge(world.order(instance_set(v1)), never)
    wish = (instance_set(v1), instance_set(v2, weight=0, role="canary"))
    target.converge(world.order(*wish, mirror=20, mirror_to="v2"), never)

    with httpx.Client(base_url=target.status().address, trust_env=False) as client:
        for number in range(200):
            headers = {"X-Number": str(number)}
            answer = (
                client.get("/count?a=1", headers=headers)
                if number % 2
                else client.post("/count", headers=headers, content=b"x" * 2000)
            )
            assert answer.json()["RELEASE"] == "v1"

    def seen(release: str) -> list[str]:
        lines = [line.split() for line in counts.read_text().splitlines()]
        return [number for name, number in lines if name == release]

    deadline = time.monotonic() + 20
    while len(seen("v2")) < 40:
        assert time.monotonic() < deadline, len(seen("v2"))
        time.sleep(0.05)
    assert len(seen("v1")) == 200
    assert len(set(seen("v2"))) == len(seen("v2")) == 40


def test_proxy_that_cannot_mirror_says_so(world: ProcessWorld) -> None:
    plain = world.root / "haproxy"
    plain.write_text(f'#!/bin/sh\n[ "$1" = -vv ] && exit 0\nexec {find_haproxy()} "$@"\n')
    plain.chmod(0o755)
    place = world.place()
    processes = Processes(place.root, ReleaseFolders(place.root / "releases", world.artifacts))
    target = ServiceFleet(Fleet(place, {ProcessTarget: processes}, Haproxy(place.root / "proxy", lambda: plain)))
    v1 = world.release("v1")
    target.converge(world.order(instance_set(v1)), never)

    with pytest.raises(TargetFailed, match="built without Lua") as refused:
        target.converge(world.order(instance_set(v1), mirror=5, mirror_to="v1"), never)

    assert refused.value.code == "mirror-unsupported"
    assert world.visit(target) == "v1"


def with_weight(world: ProcessWorld, target: Target, weight: int) -> None:
    kept = world.place().kept()
    assert kept is not None
    v1 = kept.order.wish.sets[0].release
    v2 = msgspec.structs.replace(v1, id="v2")
    wish = (instance_set(v1, 1, 100 - weight), instance_set(v2, 1, weight, "canary"))
    assert by_set(target.converge(world.order(*wish, affinity=True), never))["v2"] == (1, weight)


def visit(target: Target, times: int, path: str = "/") -> list[dict[str, object]]:
    """Over one connection, with a client that costs next to nothing: there are thousands of requests."""
    with closing(HTTPConnection(target.status().address.removeprefix("http://"), timeout=20)) as connection:
        return [_visited(connection, path) for _ in range(times)]


def _visited(connection: HTTPConnection, path: str) -> dict[str, object]:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    found: dict[str, object] = json.loads(body)
    return found
