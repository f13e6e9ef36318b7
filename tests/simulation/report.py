"""What is said of a simulated seed that failed: what went wrong, the options, the last events, and how to repeat it."""

from dataclasses import asdict

from tests.simulation.simulation import Result

SHOWN = 10


def explain(result: Result, mutant: str = "") -> str:
    options = "\n".join(f"  {name} = {value}" for name, value in asdict(result.options).items())
    wrong = "\n".join(f"  {what[:1500]}" for what in result.violations[:SHOWN])
    more = len(result.violations) - SHOWN
    again = f"make simulate SEED={result.seed}" + (f" MUTANT={mutant}" if mutant else "")
    return "\n".join(
        (
            f"seed {result.seed} failed after {result.seconds:.3f} simulated seconds:",
            wrong + (f"\n  ... and {more} more" if more > 0 else ""),
            "options:",
            options,
            f"last events (of {result.lines}):",
            "".join(f"  {line}" for line in result.last),
            f"trace {result.digest}; repeat it with: {again}",
        )
    )


def summary(result: Result) -> str:
    return (
        f"seed {result.seed}: {result.runs} runs, {result.events} events, {result.steps} steps in "
        f"{result.seconds:.0f} simulated seconds; trace {result.digest}"
    )
