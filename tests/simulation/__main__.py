"""`make simulate`: one seed, twice, its traces compared; or many seeds on all cores; or a mutant until it is found."""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from tests.simulation.many import simulate_many, simulate_with
from tests.simulation.mutants import MUTANTS, mutant
from tests.simulation.report import explain, summary
from tests.simulation.simulation import simulate

SEEDS, SEEDS_FOR_A_MUTANT = 100, 200


def main(arguments: list[str]) -> int:
    """0: all is well (a mutant: found); 1: a seed failed (a mutant: not found), or a trace differed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="simulate this seed twice")
    parser.add_argument("--seeds", type=int, help="simulate so many seeds (of a mutant: at most)")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="", help="plant this bug")
    parser.add_argument("--trace", type=Path, help="write every line of the trace to this file (with --seed)")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _one(given.seed, given.mutant, given.trace)
    if given.mutant:
        return _hunt(given.mutant, given.first, given.seeds or SEEDS_FOR_A_MUTANT)
    total = simulate_many(range(given.first, given.first + (given.seeds or SEEDS)))
    print(
        f"{total.seeds} seeds, {total.runs} runs, {total.events} events in {total.seconds:.0f} s "
        f"({total.runs / total.seconds:.0f} runs/s): "
        + (f"{len(total.failed)} failed: {', '.join(map(str, total.failed))}" if total.failed else "all well")
    )
    return 1 if total.failed else 0


def _one(seed: int, name: str, trace: Path | None) -> int:
    with mutant(name), trace.open("w") if trace else nullcontext() as file:
        first = simulate(seed, file)
    second = simulate_with((seed, name))
    print(explain(first, name) if first.violations else summary(first))
    if first.digest != second.digest:
        print(f"the second time the trace was another one: {second.digest}")
        return 1
    print("the second time gave the same trace")
    return 1 if first.violations else 0


def _hunt(name: str, first: int, most: int) -> int:
    for number in range(1, most + 1):
        result = simulate_with((first + number - 1, name))
        if result.violations:
            print(explain(result, name))
            print(f"mutant {name} is found by seed {result.seed}, after {number} seeds")
            return 0
    print(f"mutant {name} was not found by {most} seeds")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
