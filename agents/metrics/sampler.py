"""Answers the samples that the deployments of one region ask for.

Every request gets its answer; the deployment decides what one means that comes too late.
"""

from collections.abc import Sequence

from agents.connectors.answers import to_deployment
from agents.connectors.base import Result, Work
from agents.metrics.base import Place, failed
from agents.metrics.sampling import Sample, Sampling, request_of
from agents.metrics.scraper import Scraper
from core.deployments.commands import RecordSample
from core.deployments.events import EVENTS, ActionRequested, DeploymentFinished, SampleRequested
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, events_topic
from core.ports import Clock, OutgoingRecord, Record

_TYPES = (ActionRequested.TYPE, SampleRequested.TYPE, DeploymentFinished.TYPE)
_NEEDLES = tuple(f'"{name}"'.encode() for name in _TYPES)


class Sampler:
    """A connector of `region`. `scraper` is told where to look from the first action of a deployment on."""

    topics: tuple[str, ...] = (events_topic("deployments"),)

    def __init__(self, topology: Topology, region: str, clock: Clock, sampling: Sampling, scraper: Scraper) -> None:
        self.name = f"sampler-{region}"
        self._topology = topology
        self._region = region
        self._clock = clock
        self._sampling = sampling
        self._scraper = scraper

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if self._topology.region_of(record.partition) != self._region or not any(word in value for word in _NEEDLES):
            return None
        event = decode_event(value)
        if event.type not in _TYPES:
            return None
        message = EVENTS.decode(event.type, event.schema_version, event.data)
        if isinstance(message, SampleRequested):
            return Work(
                event.stream,
                lambda attempt: self._sample(event, message),
                lambda error: self._answer(event, message, Sample(failed(request_of(message), str(error)), (), None)),
            )
        return Work(event.stream, lambda attempt: self._look(message), lambda error: ())

    def _look(self, message: Message) -> Result:
        if isinstance(message, ActionRequested):
            place = Place(message.app, message.environment, message.region)
            self._scraper.watch(place)
            self._sampling.note(place)
        elif isinstance(message, DeploymentFinished):
            self._scraper.done(Place(message.app, message.environment, message.region))
        return ()

    def _sample(self, event: EventEnvelope, asked: SampleRequested) -> Result:
        late = (self._clock.now() - asked.answer_by).total_seconds()
        if late > 0:
            # What is measured now says nothing about then, and others wait for their samples.
            reason = f"the sampler came to it {late:.0f} s too late"
            return self._answer(event, asked, Sample(failed(request_of(asked), reason), (), None))
        return self._answer(event, asked, self._sampling.sample(asked))

    def _answer(self, event: EventEnvelope, asked: SampleRequested, sample: Sample) -> Sequence[OutgoingRecord]:
        now = self._clock.now()
        command = RecordSample(
            epoch=asked.epoch,
            number=asked.number,
            measurements=sample.measurements,
            probes=sample.probes,
            total_requests=sample.total_requests,
            at=now,
        )
        return [to_deployment(self._topology, event, command, actor=self.name, now=now)]
