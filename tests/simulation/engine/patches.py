"""Production code sees virtual time and simulated threads, sockets and disks while a simulation runs.

What can be passed in is passed in; this is for the modules that name `time`, `threading` and their like themselves.
Real waiting is an error: a simulation in which something slept would not be one.
"""

import gc
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from tests.simulation.engine import threads
from tests.simulation.engine.loop import MONOTONIC_START
from tests.simulation.engine.process import Process
from tests.simulation.engine.scheduler import START, Scheduler

THREADED = (
    "infra.kafka.tail",
    "agents.connectors.keyed_pool",
    "agents.connectors.base",
    "agents.connectors.offsets",
    "agents.deployer.connector",
)


@contextmanager
def patched(scheduler: Scheduler, more: dict[str, Any]) -> Iterator[None]:
    """`more` names attributes by module: `package.module:attribute`."""
    wanted: dict[tuple[Any, str], Any] = {(import_module(name), "threading"): threads for name in THREADED}
    for place, value in more.items():
        module, _, attribute = place.partition(":")
        wanted[import_module(module), attribute] = value
    wanted |= {
        (time, "monotonic"): lambda: MONOTONIC_START + scheduler.now,
        (time, "time"): lambda: _wall_clock(scheduler),
        (time, "time_ns"): lambda: int(_wall_clock(scheduler) * 1e9),
        (time, "clock_gettime"): lambda _: MONOTONIC_START + scheduler.now,
        (time, "sleep"): threads.sleep,
    }
    before = {(module, name): getattr(module, name) for module, name in wanted}
    logged, collects = logging.root.manager.disable, gc.isenabled()
    logging.disable(logging.CRITICAL)
    # What a killed process held must not come to its end (and run its `finally`) in the middle of the simulation.
    gc.disable()
    gc.freeze()
    unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None
    for (module, name), value in wanted.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)
        logging.disable(logged)
        gc.collect()
        gc.unfreeze()
        sys.unraisablehook = unraisable
        if collects:
            gc.enable()


def _wall_clock(scheduler: Scheduler) -> float:
    skew = Process.current.skew_seconds if Process.current is not None else 0.0
    return START.timestamp() + scheduler.now + skew
