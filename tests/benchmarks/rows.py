"""The rows of the benchmark table, by their number."""

from collections.abc import Callable

from tests.benchmarks import (
    builds,
    decisions,
    first_line,
    growth,
    ingress,
    logs,
    projection,
    restart,
    restore,
    rollback,
)
from tests.benchmarks.measure import Bench, Row

ROWS: dict[int, Callable[[Bench], Row]] = {
    1: decisions.measure,
    2: restore.measure,
    3: projection.measure,
    4: ingress.measure,
    5: first_line.measure,
    6: logs.measure,
    7: builds.measure,
    8: restart.measure,
    9: rollback.measure,
    10: growth.measure,
}
