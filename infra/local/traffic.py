"""The users of the sample application: while a rollout is under way, each place of it is asked for greetings.

Nobody asks when nothing is rolled out, so that an idle platform is idle.
"""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any

from rich.text import Text

from gateway.cli.bars import share_bar
from gateway.cli.client import Client
from gateway.cli.errors import CliError
from infra.local.load import Load, LoadGenerator
from infra.local.load_tally import Recent

Json = dict[str, Any]
REQUESTS_PER_SECOND = 60.0
POLL_SECONDS = 0.5


class SampleTraffic:
    """Requests to every place of `app`'s environments that a rollout is about, counted by place."""

    def __init__(self, client: Client, app: str) -> None:
        self._client = client
        self._app = app
        self._load = LoadGenerator()
        self._addresses: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sample-traffic", daemon=True)

    def __enter__(self) -> "SampleTraffic":
        self._load.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._load.__exit__(kind, error, trace)

    def lines(self) -> list[Text]:
        """What users get, place by place, in the last seconds."""
        now = time.monotonic()
        seen = [(name, self._load.tally(name).recent(now)) for name in sorted(self._addresses)]
        return [_line(name, recent) for name, recent in seen if recent.rate]

    def summary(self) -> Text:
        """All that was ever sent."""
        tallies = [self._load.tally(name) for name in sorted(self._names)]
        answered, own = sum(each.answered for each in tallies), sum(each.app_failures for each in tallies)
        failed = sum(each.platform_failures for each in tallies)
        text = Text(f"{answered + own + failed} requests of users: {own} failed in the application, ")
        text.append(f"{failed} for the platform's sake", "green" if not failed else "bold red")
        problems = Counter(problem for each in tallies for problem in each.problems)
        return text.append("".join(f"\n  {count} x {problem}" for problem, count in problems.most_common(3)))

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(self._addresses)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self._send_to(self._places())
            except CliError:
                continue  # The platform says so itself where it is away.

    def _places(self) -> dict[str, str]:
        """Addresses by `<environment> <region>`. Nobody knows of a place before its first release is there."""
        found: dict[str, str] = {}
        for environment in self._client.get("/api/v1/environments", app=self._app)["items"]:
            if environment["rollouts"]:
                found |= {
                    f"{environment['name']} {place['region']}": place["address"]
                    for place in environment["places"]
                    if place["address"] and place["release"]
                }
        return found

    def _send_to(self, wanted: dict[str, str]) -> None:
        running = set(self._load.names)
        for name in running - set(wanted):
            self._load.stop(name)
        for name, address in wanted.items():
            if name not in running or self._addresses.get(name) != address:
                self._load.start(name, Load(address, REQUESTS_PER_SECOND))
                self._addresses[name] = address


def _line(name: str, recent: Recent) -> Text:
    """The bar is the newest version's share."""
    shares = sorted(recent.shares.items())
    said = ", ".join(f"{share:.0%} {version}" for version, share in shares)
    newest = 100 * shares[-1][1] if shares else 0.0
    text = Text.assemble("  ", (f"{name:<20} ", "bold"), share_bar(newest), f" {said}")
    text.append(f"  {recent.rate:.0f}/s  p99 {recent.p99 * 1000:.0f} ms  ", "dim")
    return text.append(f"{recent.failed:.1%} failed", "red" if recent.failed else "green")
