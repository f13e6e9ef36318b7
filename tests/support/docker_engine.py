"""A Docker engine for tests: the one that answers, else one of our own, installed and started here where we are root.

Test processes share ours: the last one that leaves stops it. Its containers need no way out, so the machine's firewall
rules stay as they are.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import docker.errors
import requests.exceptions

PLACE = Path(tempfile.gettempdir()) / f"sealane-test-engine-{os.geteuid()}"
BRIDGE = "172.31.250.1/24"
START_SECONDS = 60.0
PACKAGES = {"dockerd": "docker.io", "docker-compose": "docker-compose", "busybox": "busybox-static"}
PATH = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ.get('PATH', '')}"


class NoEngine(Exception):
    """There is none, and none can be started here; the text says why."""


@contextmanager
def docker_engine() -> Iterator[str]:
    """The engine's address, as DOCKER_HOST has it. Raises NoEngine."""
    install_missing()
    named = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if answers(named):
        yield named
        return
    PLACE.mkdir(mode=0o700, exist_ok=True)
    with (PLACE / "users").open("a") as users:
        with _alone():
            _start()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield address()
        finally:
            with _alone():
                _stop_if_last(users.fileno())


def address() -> str:
    return f"unix://{PLACE}/docker.sock"


def answers(host: str) -> bool:
    try:
        client = docker.DockerClient(base_url=host, timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return False


def install_missing() -> None:
    """The engine, compose and a static busybox, by the system's package manager."""
    missing = [package for program, package in PACKAGES.items() if shutil.which(program, path=PATH) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoEngine(f"{', '.join(missing)} can't be installed here: neither root nor apt-get")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": PATH}
    PLACE.mkdir(mode=0o700, exist_ok=True)
    with _alone():
        for command in (("update", "-qq"), ("install", "-qq", "-y", "--no-install-recommends", *missing)):
            done = subprocess.run(("apt-get", *command), env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NoEngine(f"apt-get {command[0]} failed: {done.stderr.strip()[-500:]}")


@contextmanager
def _alone() -> Iterator[None]:
    with (PLACE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start() -> None:
    if answers(address()):
        return
    options = {
        "--host": address(),
        "--data-root": str(PLACE / "data"),
        "--exec-root": str(PLACE / "exec"),
        "--pidfile": str(PLACE / "pid"),
        "--bip": BRIDGE,
        "--iptables": "false",
        "--ip-masq": "false",
    }
    command = [shutil.which("dockerd", path=PATH) or "dockerd", *(f"{name}={value}" for name, value in options.items())]
    with (PLACE / "log").open("wb") as log:
        daemon = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"PATH": PATH}, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while not answers(address()):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise NoEngine(f"dockerd did not start: {(PLACE / 'log').read_text()[-1500:]}")
        time.sleep(0.1)


def _stop_if_last(users: int) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    pid = int((PLACE / "pid").read_text())
    os.kill(pid, 15)
    deadline = time.monotonic() + START_SECONDS
    while (PLACE / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    shutil.rmtree(PLACE / "data", ignore_errors=True)
