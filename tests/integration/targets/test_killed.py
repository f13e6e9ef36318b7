"""Deployers and proxies that are killed: somebody else goes on, to the same end, and users notice little."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.executors.processes import stat_fields
from agents.targets.base import Order, StaleEpoch, Superseded, TargetFailed
from agents.targets.detached import Detached
from core.deployments.target_state import InstanceSet
from tests.support.sources import ROOT
from tests.support.target_world import PROCESS, ProcessWorld, by_set, instance_pids, instance_set, never
from tests.support.traffic import Traffic


@pytest.fixture
def world() -> Iterator[ProcessWorld]:
    with ProcessWorld.scratch() as made:
        yield made


def test_deployer_killed_anywhere_and_another_one_ends_in_the_same_state(world: ProcessWorld) -> None:
    v1, v2 = world.release("v1"), world.release("v2")
    address = world.target().converge(world.order(instance_set(v1, 2)), never).address
    wishes = [
        (instance_set(v1, 2, 75), instance_set(v2, 1, 25, "canary")),
        (instance_set(v2, 2),),
        (instance_set(v2, 2, 50), instance_set(v1, 2, 50, "canary")),
        (instance_set(v1, 2),),
    ]
    effects = random.Random(5)
    killed = 0
    with Traffic(address, rate=60) as traffic:
        for round_number in range(16):
            order = world.order(*wishes[round_number % len(wishes)])
            killed += converge_killed(world, order, effects.randint(2, 60))

            status = world.target().converge(order, never)

            assert by_set(status) == expected(order.wish.sets)
            assert sorted(alive(world)) == sorted(instance_pids(world.place().root))
            assert len(alive(world)) == sum(each.replicas for each in order.wish.sets)
            assert len(living_proxies(world)) == 1
    assert killed > 8
    assert traffic.failures == []


def test_slow_deployer_stops_when_another_one_has_taken_over(world: ProcessWorld) -> None:
    v1, slow = world.release("v1"), world.release("v2", READY_AFTER="2")
    world.target().converge(world.order(instance_set(v1)), never)
    old = world.order(instance_set(slow))
    new = msgspec.structs.replace(world.order(instance_set(v1)), epoch=2)
    taken_over = False

    def look() -> bool:
        nonlocal taken_over
        if not taken_over and len(alive(world)) == 2:
            taken_over = True
            world.target().converge(new, never)
        return False

    with pytest.raises(StaleEpoch):
        world.target().converge(old, look)

    assert by_set(world.target().status()) == {"v1": (1, 100)}


def test_killed_proxy_comes_back_with_its_weights_address_and_counts(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1"), world.release("v2"), world.target()
    wish = (instance_set(v1, 2, 75), instance_set(v2, 1, 25, "canary"))
    before = target.converge(world.order(*wish), never)
    with Traffic(before.address) as traffic:
        traffic.wait_for(200)
    target.keep()

    living_proxies(world)[0].kill()
    assert target.status().sets[0].ready == 0
    world.target().keep()

    after = target.status()
    assert after == msgspec.structs.replace(before, sets=after.sets)
    assert by_set(after) == {"v1": (2, 75), "v2": (1, 25)}
    counts = {each.name: each.requests for each in after.sets}
    assert counts == dict(traffic.answers)
    with Traffic(after.address) as more:
        more.wait_for(200)
    assert more.failures == []
    assert {each.name: each.requests for each in target.status().sets} == dict(traffic.answers + more.answers)


def test_proxy_that_hangs_is_replaced(world: ProcessWorld) -> None:
    target = world.target()
    before = target.converge(world.order(instance_set(world.release("v1"))), never)
    living_proxies(world)[0].signal(signal.SIGSTOP)

    target.keep()

    assert by_set(target.status()) == {"v1": (1, 100)}
    assert world.visit(target) == "v1"
    assert target.status().address == before.address


def test_instance_that_is_killed_costs_at_most_the_requests_it_was_working_on(world: ProcessWorld) -> None:
    v1, target = world.release("v1"), world.target()
    address = target.converge(world.order(instance_set(v1, 3)), never).address
    with Traffic(address) as traffic:
        traffic.wait_for(100)
        os.killpg(instance_pids(world.place().root)[0], signal.SIGKILL)
        traffic.wait_for(100)
        deadline = time.monotonic() + 20
        while by_set(target.status()) != {"v1": (3, 100)}:
            assert time.monotonic() < deadline
            target.keep()
            time.sleep(0.05)
        traffic.wait_for(100)

    # A POST that had been sent is not sent again.
    assert all(each.startswith("POST") for each in traffic.failures)
    assert len(traffic.failures) <= 8
    assert target.status().sets[0].restarts == 1


def test_instance_that_keeps_ending_is_started_ever_more_rarely(world: ProcessWorld) -> None:
    v1, target = world.release("v1", BEHAVIOUR="crash-after:0.7"), world.target()
    target.converge(world.order(instance_set(v1)), never)
    pauses: list[float] = []
    deadline = time.monotonic() + 30
    while len(pauses) < 3:
        assert time.monotonic() < deadline
        before = target.status().sets[0].restarts
        target.keep()
        found = world.target().status().sets[0]
        if found.restarts > before:
            record = next(world.place().root.glob("instances/*/instance.json")).read_bytes()
            pauses.append(round(msgspec.json.decode(record)["again_at"] - time.time(), 1))
        time.sleep(0.02)

    assert pauses == sorted(pauses)
    assert pauses[-1] > 1.5 * pauses[0]


def test_deaf_instance_is_killed_after_its_time(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1", BEHAVIOUR="deaf"), world.release("v2"), world.target()
    short = msgspec.structs.replace(PROCESS, stop_seconds=0.5)
    target.converge(world.order(instance_set(v1), settings=short), never)
    pid = instance_pids(world.place().root)[0]

    target.converge(world.order(instance_set(v2), settings=short), never)

    assert not lives(pid)


def test_interrupted_stop_is_finished_by_the_keeper(world: ProcessWorld) -> None:
    v1, v2, target = world.release("v1", BEHAVIOUR="deaf"), world.release("v2"), world.target()
    target.converge(world.order(instance_set(v1)), never)
    order = world.order(instance_set(v2))
    ended = world.place().root / "instances" / "v1-1" / "instance.json"

    with pytest.raises(Superseded):
        target.converge(order, lambda: b'"ended":true' in ended.read_bytes())
    deadline = time.monotonic() + 20
    while ended.exists():
        assert time.monotonic() < deadline
        target.keep()
        time.sleep(0.05)

    assert by_set(target.status()) == {"v2": (1, 100)}


def test_taken_port_is_named(world: ProcessWorld) -> None:
    v1 = world.release("v1")
    first = world.target().converge(world.order(instance_set(v1)), never)
    port = int(first.address.rpartition(":")[2])
    other = world.target("other")
    settings = msgspec.structs.replace(PROCESS, port=port)

    with pytest.raises(TargetFailed, match=rf"cannot bind.*127\.0\.0\.1:{port}") as refused:
        other.converge(world.order(instance_set(v1), settings=settings), never)

    assert refused.value.code == "target-unavailable"


def converge_killed(world: ProcessWorld, order: Order, effect: int) -> bool:
    """A deployer of its own process that is killed before that effect; answers whether it came so far."""
    file = world.root / "order.json"
    file.write_bytes(msgspec.json.encode(order))
    command = (sys.executable, "-m", "tests.support.converge_command", str(world.root), str(file), str(effect))
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def expected(sets: tuple[InstanceSet, ...]) -> dict[str, tuple[int, int]]:
    return {each.name: (each.replicas, each.weight) for each in sets}


def lives(pid: int) -> bool:
    fields = stat_fields(pid)
    return bool(fields) and fields[0] != "Z"


def alive(world: ProcessWorld) -> list[int]:
    """All processes on this machine that work in one of the target's releases."""
    releases = world.place().root / "releases"
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(path / "cwd")).is_relative_to(releases):
                found.append(int(path.name))
        except OSError:
            continue
    return found


def living_proxies(world: ProcessWorld) -> list[Detached]:
    processes = [Detached(path) for path in world.place().root.glob("proxy/process-*")]
    return [each for each in processes if each.pid is not None]
