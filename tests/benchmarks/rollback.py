"""Row 9: from the sample that breaches to the last answer of the broken release, seen by users of a real proxy."""

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.local.load import Load, LoadGenerator
from infra.local.load_tally import Tally
from infra.wiring.deployers import stop_targets
from tests.benchmarks.hops import Hops
from tests.benchmarks.house import House, house
from tests.benchmarks.measure import Bench, Line, Row, expect, quantile
from tests.support.git_repository import WorkTree

GOAL_MS = 2000.0
PLAIN_HOPS, TRANSACTIONS = 2, 3
REQUESTS_PER_SECOND = 200
SERVICE = Path(__file__).parents[2] / "examples" / "hello"
APP = "shop"
BROKEN = '{"fail_percent": 5}\n'

_PIPELINE = """stages:
  - {name: build, steps: [{uses: git-checkout}]}
  - {name: production, needs: [build], deploy: production}
"""
_DELIVERY = """app: shop
environments:
  production:
    regions: [us-east]
    target: {process: {command: exec python3 hello.py, replicas: 2, drain: 1s}}
    strategy: {canary: {steps: [{weight: 20, for: 5m}, {weight: 100}]}}
    analysis:
      interval: 1s
      window: 5s
      timeout: 5s
      checks: [{metric: error-rate, max: 1%, min_samples: 10, initial_delay: 1s, inconclusive_limit: 30}]
"""


def measure(bench: Bench) -> Row:
    tries = bench.size(20, 2)
    with house(agents=True) as place:
        hops = Hops(place.settings.kafka_bootstrap_servers, PLAIN_HOPS, TRANSACTIONS)
        try:
            with LoadGenerator() as users:
                work = Rollbacks(place, users)
                with bench.step("row 9: a good release, and users"):
                    work.begin()
                limits = [hops.measure(bench.size(50, 3)) for _ in range(bench.repetitions)]
                with bench.step(f"row 9: {tries} broken releases"):
                    waits = [work.break_it(number) for number in range(tries)]
                check = work.check(tries)
        finally:
            # The processes of a service outlive their deployer.
            place.stop_gently("worker")
            stop_targets(place.settings)
    p99 = quantile(waits, 0.99)
    return Row(
        9,
        "Rollback: from the breaching sample (when it was asked for) to the last answer of the broken release, at 200 "
        "requests/s through a canary of 20% whose requests fail in 5%",
        f"the raw hops on this way, p50 each: {PLAIN_HOPS} produce -> consume, {TRANSACTIONS} transactions of one "
        "record; measuring and the proxy not counted",
        [
            Line("p50", "ms", [quantile(waits, 0.5)], limits, lower=True),
            Line(f"p99 of {tries} tries", "ms", [p99], limits, GOAL_MS, True, True),
            Line("longest", "ms", [max(waits)], limits, lower=True),
        ],
        [check],
        [f"all tries in ms: {', '.join(f'{wait:.0f}' for wait in waits)}"],
    )


class Rollbacks:
    """An app in production with one good release, and users whose answers say which release they came from."""

    def __init__(self, place: House, users: LoadGenerator) -> None:
        self._place = place
        self._users = users
        self._tree = WorkTree(place.folder / APP)
        self._broken: list[str] = []

    def begin(self) -> None:
        for name in ("hello.py", "faults.py", "measured.py"):
            shutil.copy(SERVICE / name, self._tree.path / name)
        self._tree.commit("Good", **{".pipeline.yml": _PIPELINE, "delivery.yml": _DELIVERY})
        deployment = self._deployed(1)
        self._good = deployment["release"]["id"]
        self._tally = self._users.start(APP, Load(deployment["address"], REQUESTS_PER_SECOND))

    def break_it(self, number: int) -> float:
        """Milliseconds of one rollback."""
        self._tree.commit(f"Broken {number}", **{"fault.json": BROKEN, "number.txt": f"{number}\n"})
        deployment = self._deployed(number + 2)
        broken = deployment["release"]["id"]
        self._broken.append(broken)
        cause = deployment["rollback"]
        expect(cause is not None and cause["code"] == "analysis-failed", f"{broken} went back for {cause}")
        samples = self._get(f"/deployments/{deployment['id']}/samples")["items"]
        (breach,) = (each for each in samples if each["number"] == cause["sample"])
        asked = datetime.fromisoformat(breach["requested_at"]).timestamp()
        last = _wall_clock(self._tally.last_at[broken])
        expect(last > asked, f"{broken} answered no user after the breaching sample was asked for")
        return (last - asked) * 1000

    def check(self, tries: int) -> str:
        tally: Tally = self._users.stop(APP)
        expect(tally.platform_failures == 0, f"{tally.platform_failures} failures of the platform's: {tally.problems}")
        expect(len(set(self._broken)) == tries, f"{self._broken} are not {tries} releases")
        served = sum(tally.by_version[release] for release in self._broken)
        expect(tally.app_failures < served, "releases that serve nothing can't go back")
        (environment,) = self._get("/environments", app=APP)["items"]
        now = environment["places"][0]["release"]["id"]
        expect(now == self._good, f"production is on {now} instead of {self._good}")
        return (
            f"{tally.sent} requests, none failed for the platform's sake; {served} were served by the {tries} broken "
            f"releases, {tally.app_failures} of them failed; each release was taken back for its error rate"
        )

    def _deployed(self, number: int) -> dict[str, Any]:
        """The deployment that the app's next push, and its run of this number, led to; once it is over."""
        self._place.push(self._tree, APP)
        over = b"SELECT id FROM deployments WHERE app = %s AND state = 'finished' ORDER BY requested_at DESC OFFSET %s"
        ended = b"SELECT 1 FROM runs WHERE app = %s AND number = %s AND state = 'finished'"
        self._place.wait_until(
            lambda database: (
                database.execute(ended, (APP, number)).fetchone() is not None
                and database.execute(over, (APP, number - 1)).fetchone() is not None
            ),
            120,
        )
        return self._get("/deployments/" + self._get("/deployments", app=APP)["items"][0]["id"])

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._place.api.get(f"/api/v1{path}", params=params)
        expect(answer.status_code == 200, answer.text)
        found: dict[str, Any] = answer.json()
        return found


def _wall_clock(monotonic: float) -> float:
    return time.time() - time.monotonic() + monotonic
