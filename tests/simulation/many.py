"""Many seeds on all cores, with the progress shown."""

import gc
import os
import sys
import time
from collections.abc import Iterable
from multiprocessing import get_context
from multiprocessing.pool import Pool
from typing import NamedTuple

from tests.simulation.mutants import mutant
from tests.simulation.report import explain
from tests.simulation.simulation import Result, simulate

PROGRESS_SECONDS = 2.0
# A process ends after so many, and what they left goes with it: to collect it takes as long as one seed in thirty.
SEEDS_OF_A_PROCESS = 50


class Total(NamedTuple):
    """`failed` are the seeds; `seconds` real time."""

    seeds: int
    runs: int
    events: int
    failed: tuple[int, ...]
    seconds: float


def simulate_with(job: tuple[int, str]) -> Result:
    seed, name = job
    with mutant(name):
        return simulate(seed)


def simulate_many(seeds: Iterable[int], name: str = "", stop_at_first: bool = False) -> Total:
    """Prints each failure when it comes."""
    started = shown = time.monotonic()
    wanted = list(seeds)
    done = runs = events = 0
    failed: list[int] = []
    with _processes() as pool:
        for result in pool.imap_unordered(simulate_with, [(seed, name) for seed in wanted]):
            done, runs, events = done + 1, runs + result.runs, events + result.events
            if result.violations:
                failed.append(result.seed)
                print(explain(result, name), flush=True)
            if time.monotonic() - shown >= PROGRESS_SECONDS or done == len(wanted):
                shown = time.monotonic()
                _show(done, len(wanted), runs, len(failed), shown - started)
            if failed and stop_at_first:
                break
    return Total(done, runs, events, tuple(sorted(failed)), time.monotonic() - started)


def _processes() -> Pool:
    """Forked from one that has all modules and no threads."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context.Pool(os.cpu_count(), initializer=gc.disable, maxtasksperchild=SEEDS_OF_A_PROCESS)


def _show(done: int, total: int, runs: int, failed: int, seconds: float) -> None:
    text = f"{done}/{total} seeds, {runs} runs, {runs / seconds:.0f} runs/s, {failed} failed, {seconds:.0f} s"
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    print(text, end=end, file=sys.stderr, flush=True)
