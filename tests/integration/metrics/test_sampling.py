"""The sampler: every request has its answer, with all checks in it, whatever the servers it asks do."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from agents.connectors.base import Later, Work
from agents.metrics.base import RunProbes
from agents.metrics.prometheus import Prometheus
from agents.metrics.sampler import Sampler
from agents.metrics.sampling import Sampling, Sources
from agents.metrics.scraper import Scraper
from agents.targets.probes import run_probes
from core.deployments.commands import COMMANDS, ProbeResult, RecordSample
from core.deployments.events import EVENTS, ActionRequested, SampleRequested, WatchStarted
from core.deployments.target_state import TargetState
from core.environments.settings import Check, Probe, ProcessTarget
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_command, encode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, events_topic
from core.ports import Record
from tests.support.metrics import PLACE, KnownInstances, Reply, Speaker

TOPOLOGY = Topology(("us-east", "eu-west"))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEPLOYMENT = "us-east-0123456789abcdef"
TARGET = ProcessTarget(command="serve")
ERRORS = Check("errors", metric="error-rate", max=0.01)
HEALTHY = Probe("healthy", "/healthz", when=("during",), attempts=1)


class StandingClock:
    def now(self) -> datetime:
        return NOW


class House:
    """A sampler of us-east over instances that the test runs."""

    def __init__(self) -> None:
        self.instances = KnownInstances()
        self.scraper = Scraper(self.instances)
        self.speakers: list[Speaker] = []

    def sampler(self, run: RunProbes = run_probes) -> Sampler:
        sampling = Sampling(self.instances, Sources(self.scraper, Prometheus), run)
        return Sampler(TOPOLOGY, "us-east", StandingClock(), sampling, self.scraper)

    def speaker(self, reply: Callable[[str, str], Reply]) -> Speaker:
        self.speakers.append(Speaker(reply))
        return self.speakers[-1]

    def close(self) -> None:
        for each in self.speakers:
            each.close()
        self.scraper.close()
        self.instances.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


def asked(*checks: Check, **more: object) -> SampleRequested:
    request = SampleRequested(
        app=PLACE.app,
        environment=PLACE.environment,
        region=PLACE.region,
        epoch=3,
        number=7,
        canary="v2",
        checks=checks or (ERRORS,),
        window_seconds=30,
        timeout_seconds=5,
        target=TARGET,
        answer_by=NOW + timedelta(seconds=20),
    )
    return msgspec.structs.replace(request, **more)


def work(sampler: Sampler, message: Message, region: str = "us-east", event_id: str = "e1") -> Work | None:
    envelope = EventEnvelope(
        event_id=event_id,
        type=message.TYPE,
        schema_version=message.VERSION,
        stream=f"deployment/{DEPLOYMENT}",
        stream_version=5,
        recorded_at=NOW,
        region=region,
        actor="x",
        correlation_id="c",
        causation_id="x",
        chain="",
        data=EVENTS.encode(message),
    )
    partition = TOPOLOGY.partition(region, envelope.stream)
    return sampler.work(Record(events_topic("deployments"), partition, 0, None, encode_event(envelope)))


def done(sampler: Sampler, message: Message) -> list[RecordSample]:
    found = work(sampler, message)
    assert found is not None
    result = found.run(1)
    assert not isinstance(result, Later)
    commands = [decode_command(record.value or b"") for record in result]
    decoded = [COMMANDS.decode(each.type, each.schema_version, each.data) for each in commands]
    assert all(each.stream == f"deployment/{DEPLOYMENT}" for each in commands)
    return [each for each in decoded if isinstance(each, RecordSample)]


def sample(sampler: Sampler, request: SampleRequested) -> RecordSample:
    (found,) = done(sampler, request)
    return found


def action() -> ActionRequested:
    return ActionRequested(
        app=PLACE.app,
        environment=PLACE.environment,
        region=PLACE.region,
        epoch=3,
        action=1,
        step=0,
        wish=TargetState(),
        target=TARGET,
        answer_by=NOW,
    )


def test_sample_has_values_requests_and_probes(house: House) -> None:
    house.instances.add("v2", house.speaker(lambda path, form: Reply(body="ok")).url)
    exposed = house.instances.run("v2")
    exposed.started = time.time() - 1
    exposed.serve(ok=98, failed=2, fast=100)
    house.instances.requests = {"v1": 1000}
    sampler = house.sampler()
    assert done(sampler, action()) == []
    house.instances.requests["v2"] = 110
    house.instances.listed[1] = house.instances.listed[1]._replace(ready=False)
    found = sample(sampler, asked(ERRORS, Check("requests", metric="requests"), probes=(HEALTHY,)))
    assert (found.epoch, found.number, found.at, found.total_requests) == (3, 7, NOW, 110)
    errors, requests = found.measurements
    assert (errors.check, errors.outcome, errors.value, errors.requests) == ("errors", "value", 0.02, 110)
    assert requests.value == 100
    assert [(each.name, each.ok) for each in found.probes] == [("healthy", True)]


def test_same_request_twice_has_answers_of_one_id(house: House) -> None:
    sampler = house.sampler()
    ids = set()
    for _ in range(2):
        found = work(sampler, asked())
        assert found is not None
        result = found.run(1)
        assert not isinstance(result, Later)
        ids.add(decode_command(result[0].value or b"").command_id)
    assert len(ids) == 1


def test_other_regions_and_other_events_are_none_of_its_business(house: House) -> None:
    sampler = house.sampler()
    assert work(sampler, asked(), region="eu-west") is None
    assert work(sampler, WatchStarted(until=NOW)) is None
    assert sampler.work(Record(events_topic("deployments"), 0, 0, None, None)) is None


def test_requests_come_from_the_instances_where_the_proxy_counts_none(house: House) -> None:
    exposed = house.instances.run("v2")
    exposed.started = time.time() - 1
    exposed.serve(ok=40)
    found = sample(house.sampler(), asked())
    assert (found.total_requests, found.measurements[0].requests) == (40, 40)


@pytest.mark.parametrize(
    ("counted", "needed", "outcome"), [(19, 20, "too-few"), (20, 20, "value"), (0, 0, "value"), (5, 1, "value")]
)
def test_value_of_too_few_requests_is_none_to_judge_by(house: House, counted: int, needed: int, outcome: str) -> None:
    exposed = house.instances.run("v2")
    exposed.started = time.time() - 1
    exposed.serve(ok=40)
    sampler = house.sampler()
    done(sampler, action())
    house.instances.requests = {"v2": counted}
    (found,) = sample(sampler, asked(Check("errors", metric="error-rate", min_samples=needed))).measurements
    assert (found.outcome, found.requests, found.value) == (outcome, counted, 0.0)
    assert found.detail == ("19 requests in the window, 20 are needed" if outcome == "too-few" else "")


def test_value_of_requests_that_nobody_counted_is_too_few(house: House) -> None:
    house.instances.run("v2").statuses = {}
    (found,) = sample(house.sampler(), asked(Check("m", metric="memory", min_samples=1))).measurements
    assert (found.outcome, found.requests, found.value) == ("too-few", None, 50_000_000)
    assert found.detail == "the number of requests is not known, 1 are needed"


def test_instances_that_are_not_there_are_empty_and_their_probes_fail(house: House) -> None:
    found = sample(house.sampler(), asked(probes=(HEALTHY,)))
    (measured,) = found.measurements
    assert (measured.outcome, measured.detail) == ("empty", "there is no instance of v2")
    assert found.probes == (ProbeResult("healthy", False, detail="no instance of v2 is ready"),)


def test_instance_that_can_not_be_read_is_an_error_with_its_reason(house: House) -> None:
    house.instances.add("v2", house.speaker(lambda path, form: Reply(503, "busy")).url)
    (found,) = sample(house.sampler(), asked()).measurements
    assert found.outcome == "error"
    assert found.detail.endswith("/metrics: it answered 503")


def test_page_that_is_no_metrics_is_an_error(house: House) -> None:
    house.instances.add("v2", house.speaker(lambda path, form: Reply(body="<html>hello</html>")).url)
    (found,) = sample(house.sampler(), asked()).measurements
    assert found.outcome == "error"
    assert found.detail.endswith("it is not in the text format of Prometheus")


def test_target_that_can_not_say_what_is_there_is_an_error_of_everything(house: House) -> None:
    house.instances.broken = "wish.json can't be read"
    found = sample(house.sampler(), asked(probes=(HEALTHY,)))
    assert found.measurements[0].outcome == "error"
    assert "wish.json can't be read" in found.measurements[0].detail
    assert (found.probes[0].ok, found.probes[0].detail) == (False, "wish.json can't be read")
    assert found.total_requests is None


def test_instance_that_hangs_does_not_keep_the_others_back(house: House) -> None:
    release = threading.Event()

    def hang(path: str, form: str) -> Reply:
        release.wait(30)
        return Reply()

    try:
        house.instances.add("v2", house.speaker(hang).url)
        exposed = house.instances.run("v2")
        exposed.started = time.time() - 1
        exposed.serve(ok=9, failed=1)
        (found,) = sample(house.sampler(), asked(timeout_seconds=2)).measurements
        assert (found.outcome, found.value) == ("value", 0.1)
        assert not release.is_set()
    finally:
        release.set()


def test_prometheus_that_answers_late_is_an_error_and_all_else_is_there(house: House) -> None:
    release = threading.Event()

    def hang(path: str, form: str) -> Reply:
        release.wait(30)
        return Reply()

    try:
        house.instances.add("v2", house.speaker(lambda path, form: Reply(body="ok")).url)
        house.instances.requests = {"v2": 5}
        sampler = house.sampler()
        done(sampler, action())
        source = house.speaker(hang).url
        found = sample(sampler, asked(source=source, timeout_seconds=0.5, probes=(HEALTHY,)))
        assert not release.is_set()
    finally:
        release.set()
    assert found.measurements[0].outcome == "error"
    assert found.measurements[0].detail == f"{source} did not answer within 0.5 s"
    assert found.probes[0].ok


def test_probes_that_take_too_long_fail_and_the_measurements_are_there(house: House) -> None:
    release = threading.Event()

    def endless(probes: Sequence[Probe], urls: Sequence[str]) -> tuple[ProbeResult, ...]:
        release.wait(30)
        return ()

    exposed = house.instances.run("v2")
    exposed.started = time.time() - 1
    exposed.serve(ok=10)
    try:
        found = sample(house.sampler(endless), asked(timeout_seconds=0.5, probes=(HEALTHY,)))
        assert not release.is_set()
    finally:
        release.set()
    assert found.measurements[0].outcome == "value"
    assert found.probes == (ProbeResult("healthy", False, detail="no answer within 0.5 s"),)


def test_part_that_breaks_down_is_an_error_and_not_a_missing_answer(house: House) -> None:
    def broken(probes: Sequence[Probe], urls: Sequence[str]) -> tuple[ProbeResult, ...]:
        raise RuntimeError("out of order")

    house.instances.run("v2")
    found = sample(house.sampler(broken), asked(probes=(HEALTHY,)))
    assert found.probes == (ProbeResult("healthy", False, detail="RuntimeError: out of order"),)


def test_request_that_is_read_too_late_is_answered_without_measuring(house: House) -> None:
    exposed = house.instances.run("v2")
    found = sample(house.sampler(), asked(answer_by=NOW - timedelta(seconds=90)))
    assert found.measurements[0].outcome == "error"
    assert found.measurements[0].detail == "the sampler came to it 90 s too late"
    assert exposed.times_read == 0


def test_sampler_that_gives_up_says_so_of_every_check(house: House) -> None:
    found = work(house.sampler(), asked(ERRORS, Check("memory", metric="memory")))
    assert found is not None
    (record,) = found.give_up(RuntimeError("no threads"))
    command = decode_command(record.value or b"")
    answer = COMMANDS.decode(command.type, command.schema_version, command.data)
    assert isinstance(answer, RecordSample)
    assert [(each.outcome, each.detail) for each in answer.measurements] == [("error", "no threads")] * 2


def test_instances_are_read_from_the_first_action_on(house: House) -> None:
    exposed = house.instances.run("v2")
    done(house.sampler(), action())
    ends = time.monotonic() + 20
    while exposed.times_read < 1 and time.monotonic() < ends:
        time.sleep(0.01)
    assert exposed.times_read >= 1
