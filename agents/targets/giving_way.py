"""Work that may take long, such as fetching a release: who wants something newer of the target doesn't wait for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from agents.targets.base import Interrupted, Order, Superseded

_LOOK_SECONDS = 0.05


def _nothing() -> None:
    """Whatever the work leaves is found when something is deployed again."""


def giving_way(
    order: Order, interrupted: Interrupted, work: Callable[[], None], tidy: Callable[[], None] = _nothing
) -> None:
    """Returns when it is done, or raises what it raises. Raises Superseded when it is no longer wanted: the work then
    ends by itself, so it must be harmless beside other work, and whole or not there at all; `tidy` comes after it."""
    done: Future[None] = Future()
    threading.Thread(target=_run, args=(work, done), name="giving-way", daemon=True).start()
    while not wait((done,), _LOOK_SECONDS).done:
        if interrupted():
            done.add_done_callback(lambda _: tidy())
            raise Superseded(f"{order.where}: action {order.action} is no longer wanted")
    done.result()


def _run(work: Callable[[], None], done: "Future[None]") -> None:
    try:
        work()
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
