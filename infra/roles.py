"""The processes of the platform: `python -m infra.roles gateway | processor N | worker | deployer REGION | ...`.

Each role imports only what it needs, so that an agent stays small. SIGTERM ends a role cleanly.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from gateway.structured_logs import configure_logging
from infra.lean_imports import leave_out_command_line_of_cel
from infra.metrics.endpoint import MetricsPortTaken, advertised, metrics_endpoint
from infra.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def setup(settings: Settings) -> None:
    """Topics and tables as this version needs them; safe to repeat and to run twice at once."""
    from infra.kafka.topics import apply
    from infra.wiring.parts import migrate_database, topic_admin

    done = apply(topic_admin(settings), settings.topology.topic_specs())
    migrate_database(settings)
    print(f"topics: {len(done.steps)} changes; database: up to date")


def gateway(settings: Settings) -> None:
    from infra.wiring.gateway import serve_gateway

    with advertised(settings.data_path, "gateway", f"{settings.host}:{settings.port}"):
        serve_gateway(settings)


def processor(settings: Settings, instance: str = "1") -> None:
    from infra.wiring.parts import make_processor

    work = make_processor(settings, instance)

    def loop(stop: threading.Event) -> None:
        work.run(stop)
        work.close()

    def registry() -> "CollectorRegistry":
        from infra.metrics.processor import processor_registry

        return processor_registry(work)

    name = f"processor-{instance}"
    with _metrics(settings, name, registry):
        ok = _run_until_told({name: loop})
    sys.exit(0 if ok else 1)


def worker(settings: Settings) -> None:
    from infra.wiring.parts import worker_parts

    parts = worker_parts(settings)
    with _metrics(settings, "worker", parts.registry):
        ok = _run_until_told(parts.loops)
    sys.exit(0 if ok else 1)


def deployer(settings: Settings, region: str) -> None:
    from infra.wiring.deployers import deployer_role

    parts = deployer_role(settings, region)
    with _metrics(settings, f"deployer-{region}", lambda: parts.registry):
        ok = _run_until_told(parts.loops)
    sys.exit(0 if ok else 1)


def agent(settings: Settings, region: str) -> None:
    from infra.agent_role import run_local_agent

    run_local_agent(settings, region)


def _metrics(
    settings: Settings, role: str, registry: Callable[[], "CollectorRegistry"]
) -> AbstractContextManager[None]:
    return metrics_endpoint(settings.data_path, role, settings.metrics_host, settings.metrics_port, registry)


def _run_until_told(loops: dict[str, Callable[[threading.Event], None]]) -> bool:
    """Each loop in a thread of its own, until SIGTERM or SIGINT. One that fails ends all; answers whether none did."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def guard(name: str, loop: Callable[[threading.Event], None]) -> None:
        try:
            loop(stop)
        except BaseException as error:
            logging.getLogger("sealane.roles").exception("%s failed", name)
            failed.append(error)
        finally:
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threads = [threading.Thread(target=guard, args=item, name=item[0]) for item in loops.items()]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    return not failed


ROLES: dict[str, Callable[..., None]] = {
    "gateway": gateway,
    "processor": processor,
    "worker": worker,
    "deployer": deployer,
    "agent": agent,
    "setup": setup,
}


def main(arguments: list[str]) -> None:
    """Exits with 2 for a bad call or a bad setting."""
    if not arguments or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m infra.roles {' | '.join(ROLES)} [ARGUMENT]")
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"error: {error} [{error.code}]", file=sys.stderr)
        sys.exit(2)
    configure_logging(settings.log_level, "-".join(arguments))
    leave_out_command_line_of_cel()
    try:
        ROLES[arguments[0]](settings, *arguments[1:])
    except MetricsPortTaken as error:
        print(f"error: {error} [{error.code}]", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
