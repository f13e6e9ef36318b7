"""Production code sees virtual time and simulated threads, sockets and disks while a simulation runs.

What can be passed in is passed in; this is for the modules that name `time`, `threading` and their like themselves.
Real waiting is an error: a simulation in which something slept would not be one.
"""

import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import get_ident
from typing import Any

from tests.simulation.engine import threads
from tests.simulation.engine.loop import MONOTONIC_START, no_loop_runs
from tests.simulation.engine.process import process_turn
from tests.simulation.engine.scheduler import START, Scheduler

THREADED = (
    "infra.kafka.tail",
    "agents.connectors.keyed_pool",
    "agents.connectors.base",
    "agents.connectors.offsets",
    "agents.deployer.connector",
    "agents.deployer.unreached",
)


@contextmanager
def patched(scheduler: Scheduler, more: dict[str, Any]) -> Iterator[None]:
    """`more` names attributes by module: `package.module:attribute`."""
    wanted: dict[tuple[Any, str], Any] = {(import_module(name), "threading"): threads for name in THREADED}
    for place, value in more.items():
        module, _, attribute = place.partition(":")
        wanted[import_module(module), attribute] = value
    wanted |= {
        (time, "monotonic"): _here(time.monotonic, lambda: MONOTONIC_START + scheduler.now),
        (time, "time"): _here(time.time, lambda: _wall_clock(scheduler)),
        (time, "time_ns"): _here(time.time_ns, lambda: int(_wall_clock(scheduler) * 1e9)),
        (time, "clock_gettime"): _here(time.clock_gettime, lambda _: MONOTONIC_START + scheduler.now),
        (time, "sleep"): _here(time.sleep, threads.sleep),
    }
    before = {(module, name): getattr(module, name) for module, name in wanted}
    logged = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    for (module, name), value in wanted.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)
        logging.disable(logged)
        no_loop_runs()


@contextmanager
def collected_afterwards() -> Iterator[None]:
    """What a killed process held must not come to its end (and run its `finally`) in the middle of the simulation.

    Whatever is made meanwhile is looked through at the end: nobody may hold the world any more then, or it stays.
    Where nothing is collected anyway, it is left to the end of the process.
    """
    collects = gc.isenabled()
    gc.disable()
    gc.freeze()
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        yield
    finally:
        if collects:
            gc.collect()
        gc.unfreeze()
        sys.unraisablehook = unraisable
        if collects:
            gc.enable()


def _here(real: Callable[..., Any], simulated: Callable[..., Any]) -> Callable[..., Any]:
    """Only the simulation's own thread lives in its time: in the others, servers of other tests may be running."""
    own = get_ident()
    return lambda *arguments: simulated(*arguments) if get_ident() == own else real(*arguments)


def _wall_clock(scheduler: Scheduler) -> float:
    skew = process_turn.whose.skew_seconds if process_turn.whose is not None else 0.0
    return START.timestamp() + scheduler.now + skew
