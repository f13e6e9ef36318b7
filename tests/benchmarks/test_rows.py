"""Rows of the benchmarks work and their outputs are right, at sizes that say nothing of speed.

One row for the bare shell, one for the gateway, one for the whole; `make bench QUICK=1` tries the others, for minutes.
"""

import pytest

from tests.benchmarks import report
from tests.benchmarks.measure import Bench
from tests.benchmarks.rows import ROWS


@pytest.mark.parametrize("number", [1, 4, 7])
def test_row_runs_checks_its_outputs_and_has_a_limit(number: int) -> None:
    row = ROWS[number](Bench(quick=True))

    assert row.number == number
    assert row.checks
    assert row.limit
    assert all(line.figure > 0 for line in row.lines)
    assert report.text(row)
