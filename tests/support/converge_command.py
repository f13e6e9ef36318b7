"""`python -m tests.support.converge_command ROOT ORDER.json`: one convergence in a process that can be killed."""

import sys
from pathlib import Path

import msgspec

from agents.targets.base import Order
from tests.support.target_world import ProcessWorld, never


def main() -> None:
    root, file = map(Path, sys.argv[1:])
    order = msgspec.json.decode(file.read_bytes(), type=Order)
    ProcessWorld(root).target().converge(order, never)


if __name__ == "__main__":
    main()
