"""/metrics of a process without a web server of its own: off unless a port is given.

Until somebody asks it is a socket and a thread that sleeps: what makes the answer is imported with the first request,
because an idle platform must stay small. The address is written down where Prometheus finds it (file_sd_configs).
"""

import json
import logging
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

TARGETS_FOLDER = "metrics"
BACKLOG = 16
log = logging.getLogger("sealane.metrics")


class MetricsPortTaken(Exception):
    """The port that was asked for can't be had."""

    code = "port-taken"


@contextmanager
def metrics_endpoint(
    data: Path, role: str, host: str, port: int | None, registry: Callable[[], "CollectorRegistry"]
) -> Iterator[None]:
    """Serves while the context is open. `port` None: not at all; 0: any free one.

    `registry` is called with the first request. Raises MetricsPortTaken.
    """
    if port is None:
        yield
        return
    listener = _listen(host, port, role)
    threading.Thread(target=_serve, args=(listener, registry), name="metrics", daemon=True).start()
    with advertised(data, role, "{}:{}".format(*listener.getsockname()[:2])):
        yield


@contextmanager
def advertised(data: Path, role: str, address: str) -> Iterator[None]:
    """The address in `<data>/metrics/<role>.json`, as Prometheus reads it, while the context is open."""
    path = data / TARGETS_FOLDER / f"{role}.json"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps([{"targets": [address], "labels": {"role": role}}]))
        draft.replace(path)
    except OSError as error:
        log.warning("%s can't be written, so Prometheus has to be told %s itself: %s", path, address, error)
    log.info("metrics of %s at http://%s/metrics", role, address)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def known_targets(data: Path) -> dict[str, str]:
    """Address by role, of the processes that write down theirs in this data directory."""
    found = {}
    for path in sorted((data / TARGETS_FOLDER).glob("*.json")):
        try:
            found[path.stem] = str(json.loads(path.read_text())[0]["targets"][0])
        except (OSError, ValueError, LookupError):
            continue  # It has just ended.
    return found


def _listen(host: str, port: int, role: str) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise MetricsPortTaken(
            f"{host}:{port}, wanted for the metrics of {role}, can't be used ({error.strerror}): "
            "choose another --metrics-port (0: any free one)"
        ) from error


def _serve(listener: socket.socket, registry: Callable[[], "CollectorRegistry"]) -> None:
    waiting = select.poll()  # Unlike select() it takes descriptors of any number.
    waiting.register(listener, select.POLLIN)
    waiting.poll()
    from infra.metrics.server import serve

    serve(listener, registry())
