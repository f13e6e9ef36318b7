"""The sample application of `make up`, started as a target starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from infra.embedded.ports import choose_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello"
START_SECONDS = 30.0


def copy_example(folder: Path, fault: dict[str, Any] | None = None) -> Path:
    """The application's files in `folder`, broken like this."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    if fault is not None:
        (folder / "fault.json").write_text(json.dumps(fault))
    return folder


class Hello:
    """A running instance. Use as a context manager."""

    def __init__(self, folder: Path, version: str = "7-abc") -> None:
        self.port = choose_port(0, "hello")
        self.url = f"http://127.0.0.1:{self.port}"
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.process = subprocess.Popen(
            (sys.executable, "hello.py"),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PORT": str(self.port), "VERSION": version, "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "Hello":
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                self.get("/version")
                return self
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the service did not start: {self.said()}")

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def statuses(self, count: int) -> list[int]:
        return [self.get("/hello/x").status_code for _ in range(count)]

    def tell_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def await_end(self) -> int:
        """Its exit code. Where it does not end, the failure shows what its threads do."""
        try:
            return self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"the service did not end: {self.said()}") from None

    def said(self) -> str:
        """All of its output; it must have ended or be about to."""
        return self.process.communicate(timeout=START_SECONDS)[0]
