"""The rows of the benchmark table, by their number."""

from collections.abc import Callable

from tests.benchmarks import builds, decisions
from tests.benchmarks.measure import Bench, Row

ROWS: dict[int, Callable[[Bench], Row]] = {
    1: decisions.measure,
    7: builds.measure,
}
