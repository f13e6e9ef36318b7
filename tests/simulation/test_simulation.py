"""A fixed set of simulated histories: each holds, each is the same every time, and planted bugs are found."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.simulation.many import simulate_with
from tests.simulation.mutants import MUTANTS
from tests.simulation.report import explain
from tests.simulation.simulation import Result, simulate

ROOT = Path(__file__).parents[2]
SEEDS = range(1, 17)
# Where to start, so that the search is short, and how many seeds it may take from there.
FOUND_WITHIN = {
    "reply-before-commit": (7, 8),
    "epoch-check-left-out": (2, 8),
    "command-dropped-at-a-rebalance": (8, 8),
    "snapshot-before-its-events": (1, 8),
    "projection-offset-kept-elsewhere": (8, 8),
    "snapshots-in-use-passed-over": (4, 8),
    "projection-offset-outside-its-transaction": (9, 8),
    "lock-given-to-whoever-asks": (2, 8),
    "quarantine-forgotten": (12, 8),
    "wave-before-the-last-has-baked": (1, 8),
    "breach-without-consequence": (4, 8),
    "deployment-hears-everybody": (20, 8),
    "overtaken-deployer-goes-on": (101, 8),
    "stage-keeps-its-lock": (2, 8),
}


@cache
def clean(seed: int) -> Result:
    return simulate(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_history_of_the_seed_holds(seed: int) -> None:
    result = clean(seed)
    assert not result.violations, explain(result)
    assert result.runs > 0


def test_every_mutant_has_its_search() -> None:
    assert sorted(FOUND_WITHIN) == sorted(MUTANTS)


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_planted_bug_is_found_and_the_code_as_it_is_passes_the_same_seeds(name: str) -> None:
    first, most = FOUND_WITHIN[name]
    for seed in range(first, first + most):
        assert not clean(seed).violations, explain(clean(seed))
        if simulate_with((seed, name)).violations:
            return
    pytest.fail(f"{name} was not found by {most} seeds from {first} on")


def test_seed_gives_the_same_trace_in_every_process() -> None:
    """Sets and dicts of texts are in another order there."""
    program = "from tests.simulation.simulation import simulate; r = simulate(7); print(r.lines, r.digest)"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    here = clean(7)
    assert answers == {f"{here.lines} {here.digest}\n"}


def test_other_seed_gives_another_trace() -> None:
    assert clean(4).digest != clean(8).digest


def test_nothing_of_a_simulation_is_left_behind() -> None:
    pool = import_module("agents.connectors.keyed_pool")
    before = (time.monotonic, time.sleep, pool.threading)
    simulate(4)
    assert (time.monotonic, time.sleep, pool.threading) == before
    assert pool.threading is threading


def test_event_loop_of_another_thread_keeps_the_real_time() -> None:
    """Servers of other tests run in this process too: one that asked the simulation's clock slept for hours."""
    ticks: list[float] = []

    async def tick(until: threading.Event) -> None:
        while not until.is_set():
            ticks.append(time.monotonic())
            await asyncio.sleep(0.001)

    done = threading.Event()
    began = time.monotonic()
    ticking = threading.Thread(target=lambda: asyncio.run(tick(done)), daemon=True)
    ticking.start()
    simulate(4)
    done.set()
    ticking.join(30)
    assert not ticking.is_alive()
    assert began <= min(ticks)
    assert max(ticks) <= time.monotonic()
