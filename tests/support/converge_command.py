"""`python -m tests.support.converge_command ROOT ORDER.json N`: a convergence that is killed before its Nth effect.

An effect is whatever another process could see of it: a file that appears or goes, a process, a word to the proxy.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from agents.targets.base import Order
from tests.support.target_world import ProcessWorld, never

_EFFECTS = {"os.rename", "os.remove", "os.mkdir", "os.killpg", "os.kill", "subprocess.Popen", "socket.connect"}


def main() -> None:
    root, file = map(Path, sys.argv[1:3])
    last, numbers = int(sys.argv[3]), count(1)
    order = msgspec.json.decode(file.read_bytes(), type=Order)
    target = ProcessWorld(root).target()

    def count_effects(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EFFECTS and next(numbers) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_effects)
    target.converge(order, never)


if __name__ == "__main__":
    main()
