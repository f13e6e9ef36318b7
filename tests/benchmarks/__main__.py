"""`python -m tests.benchmarks [--rows 1,3] [--quick] [--page docs/benchmarks.md]`: what `make bench` runs."""

import argparse
import logging
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.measure import Bench
from tests.benchmarks.rows import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rows", default="", help="numbers separated by commas; none: all")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that the rows work, not how fast")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that the table is written into")
    given = parser.parse_args()
    wanted = [int(part) for part in given.rows.split(",") if part] or list(ROWS)
    unknown = [str(row) for row in wanted if row not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(map(str, ROWS))}")
    # A broker that has just started says so of every client; that is no news here.
    logging.getLogger("sealane").setLevel(logging.ERROR)
    bench = Bench(quick=given.quick)
    for number in wanted:
        row = ROWS[number](bench)
        print(report.text(row), flush=True)
        if not given.quick:
            report.write(given.page, row)


if __name__ == "__main__":
    main()
