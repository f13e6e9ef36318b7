"""The deployer and the sampler, played by the test over the log alone: every wish comes true at once."""

import threading
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from core.deployments.commands import COMMANDS, Measurement, RecordSample, ReportTarget
from core.deployments.events import ActionRequested, SampleRequested
from core.deployments.target_state import SetStatus, TargetState, TargetStatus
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Message
from core.ids import region_of_run
from tests.support.gateway_house import GatewayHouse

Json = dict[str, Any]


class DeployerHand:
    """Use as a context manager. `error_rate` is what every sample measures; `obeys` False lets wishes wait."""

    def __init__(self, house: GatewayHouse) -> None:
        self.error_rate = 0.0
        self.obeys = True
        self._house = house
        self._done: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "DeployerHand":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        with self._house.client(self._house.admin_token) as api:
            while not self._stop.wait(0.05):
                for kind in (ActionRequested.TYPE, SampleRequested.TYPE):
                    events = api.get("/api/v1/events", params={"type": kind, "limit": 100}).json()["items"]
                    for event in reversed(events):
                        self._answer(event)

    def _answer(self, event: Json) -> None:
        if event["event_id"] in self._done or not self.obeys:
            return
        self._done.add(event["event_id"])
        deployment = event["stream"].partition("/")[2]
        answer = self._report(event) if event["type"] == ActionRequested.TYPE else self._sample(event)
        self._house.send(Stream("deployment", deployment), region_of_run(deployment), answer, COMMANDS)

    def _report(self, event: Json) -> Message:
        data = event["data"]
        wish = msgspec.convert(data["wish"], TargetState)
        sets = tuple(_as_wished(each) for each in wish.sets)
        status = TargetStatus(epoch=data["epoch"], sets=sets, address="http://127.0.0.1:9")
        return ReportTarget(epoch=data["epoch"], action=data["action"], ok=True, status=status, at=datetime.now(UTC))

    def _sample(self, event: Json) -> Message:
        data = event["data"]
        measured = tuple(
            Measurement(check=check["name"], outcome="value", value=self.error_rate, requests=100)
            for check in data.get("checks", [])
        )
        number = data["number"]
        return RecordSample(
            epoch=data["epoch"],
            number=number,
            measurements=measured,
            total_requests=100 * number,
            at=datetime.now(UTC),
        )


def _as_wished(each: Any) -> SetStatus:
    return SetStatus(
        name=each.name,
        release_id=each.release.id,
        running=each.replicas,
        ready=each.replicas,
        weight=each.weight,
        requests=int(time.monotonic()),
    )
