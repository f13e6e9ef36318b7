"""The gateway's producer in the simulation: acknowledgements take time, get lost, and records may come twice."""

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial

from core.eventlog.envelope import Position
from core.ports import LogUnavailable, OutgoingRecord
from infra.memory.producer import MemoryProducer
from tests.simulation.engine.process import Process
from tests.simulation.engine.scheduler import Action
from tests.simulation.world.log import SimulatedLog

SLOW_SHARE = 0.02
SLOW_SECONDS = 1.5


class RepeatingProducer:
    """See core.ports.Producer. Writes a record twice now and then, as was seen after a broker was killed."""

    def __init__(self, log: SimulatedLog, process: Process) -> None:
        self._log = log
        self._random = process.kernel.random.random
        self._producer = MemoryProducer(log.memory, process.name)

    def send_all(self, records: Iterable[OutgoingRecord]) -> list[Position]:
        wanted = list(records)
        if self._log.repeating and self._random() < self._log.repeating:
            self._producer.send_all(wanted)
        return self._producer.send_all(wanted)

    def close(self) -> None:
        """Nothing is kept."""


class OrderedProducer:
    """See core.ports.AsyncProducer. Records are written in the order of the calls, acknowledged when they are."""

    def __init__(self, log: SimulatedLog, process: Process) -> None:
        self._process = process
        self._producer = RepeatingProducer(log, process)
        self._queue: deque[tuple[OutgoingRecord, asyncio.Future[Position]]] = deque()

    async def send(self, record: OutgoingRecord) -> Position:
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._queue.append((record, future))
        if len(self._queue) == 1:
            self._after_a_while(self._write)
        return await future

    async def close(self) -> None:
        """Nothing is kept."""

    def _write(self) -> None:
        queue, self._queue = self._queue, deque()
        for record, future in queue:
            try:
                position = self._producer.send_all((record,))[0]
            except LogUnavailable as error:
                self._after_a_while(partial(self._process.enter, partial(_settle, future, None, error)))
            else:
                self._after_a_while(partial(self._process.enter, partial(_settle, future, position, None)))

    def _after_a_while(self, action: Action) -> None:
        random = self._process.kernel.random.random
        seconds = SLOW_SECONDS * random() if random() < SLOW_SHARE else self._process.latency()
        self._process.at(self._process.kernel.scheduler.now + seconds, action)


def _settle(future: "asyncio.Future[Position]", position: Position | None, error: LogUnavailable | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    elif position is not None:
        future.set_result(position)
