"""What is wrong with a target."""

import re
from collections.abc import Iterator
from typing import Final

from core.environments.problems import SettingsProblem, at_least, within
from core.environments.settings import ComposeTarget, DockerTarget, Health, ProcessTarget, StaticTarget, Target

MOST_REPLICAS: Final = 500
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def target_problems(target: Target) -> Iterator[SettingsProblem]:
    """Paths begin at the target."""
    if isinstance(target, StaticTarget):
        yield from _static(target)
        return
    yield from within(1, MOST_REPLICAS, "replicas", target.replicas)
    yield from within(0, 65535, "port", target.port)
    yield from at_least(0, "drain_seconds", target.drain_seconds)
    yield from at_least(0, "stop_seconds", target.stop_seconds)
    yield from _http_path("metrics_path", target.metrics_path)
    yield from (each.under("health") for each in _health(target.health))
    for name in target.env:
        if not _VARIABLE.fullmatch(name):
            message = f"'{name[:80]}' is no name for an environment variable"
            yield SettingsProblem("env", "variable-invalid", message)
    if isinstance(target, ProcessTarget) and not target.command.strip():
        yield SettingsProblem("command", "command-missing", "there is no command that starts an instance")
    if isinstance(target, DockerTarget | ComposeTarget):
        yield from within(1, 65535, "container_port", target.container_port)
    if isinstance(target, DockerTarget):
        yield from at_least(6 << 20, "memory_bytes", target.memory_bytes)
        yield from at_least(0.01, "cpus", target.cpus)
    if isinstance(target, ComposeTarget):
        yield from _inside("file", target.file)
        if not target.service:
            yield SettingsProblem("service", "service-missing", "name the service that is behind the proxy")


def _static(target: StaticTarget) -> Iterator[SettingsProblem]:
    link = target.link
    if not link.startswith("/") or not link.strip("/") or _escapes(link):
        message = f"'{link[:200]}' must be an absolute path, without '..'"
        yield SettingsProblem("link", "path-invalid", message)
    yield from _inside("source", target.source)


def _inside(path: str, value: str) -> Iterator[SettingsProblem]:
    if not value or value.startswith("/") or _escapes(value):
        message = f"'{value[:200]}' must be a path inside the release, without '..'"
        yield SettingsProblem(path, "path-invalid", message)


def _escapes(path: str) -> bool:
    return ".." in path.split("/") or not path.isprintable()


def _http_path(path: str, value: str) -> Iterator[SettingsProblem]:
    if not value.startswith("/") or not value.isascii() or not value.isprintable() or " " in value:
        message = f"'{value[:200]}' must be the path of a URL, beginning with '/'"
        yield SettingsProblem(path, "path-invalid", message)


def _health(health: Health) -> Iterator[SettingsProblem]:
    yield from _http_path("path", health.path)
    yield from at_least(0.05, "interval_seconds", health.interval_seconds)
    yield from at_least(0.05, "timeout_seconds", health.timeout_seconds)
    yield from at_least(1, "successes", health.successes)
    yield from at_least(1, "failures", health.failures)
    yield from at_least(1, "start_timeout_seconds", health.start_timeout_seconds)
