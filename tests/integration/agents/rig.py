"""A platform around real agents: their hub behind uvicorn, real processors, the log in memory; agents are processes."""

import asyncio
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI

from agents.leftovers import clear_leftovers
from core.aggregates import AGGREGATES, POLICIES
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event, make_command, to_record
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import EVENTS_TOPICS, LOGS_TOPIC, Topology
from core.ids import derived_id
from core.pipeline.plan import JobPlan, Plan, StagePlan, Step
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.ports import Record, TopicPartition
from core.protocol.logs import LogChunk, decode_chunk
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.commands import CancelRun, PlanRun, RequestRun
from core.runs.events import EVENTS, JobFinished
from core.trigger import Trigger
from gateway.auth import Authenticator, Principal, hash_token
from gateway.realtime.agent_hub import AgentHub
from gateway.realtime.agent_socket import agent_router
from infra.kafka.command_bus import LogCommandBus
from infra.kafka.tail import LogEventTail
from infra.memory.consumer import MemoryGroupConsumer
from infra.memory.log import MemoryLog
from infra.memory.producer import MemoryAsyncProducer, MemoryProducer, MemoryTransactionalProducer
from infra.memory.reader import MemoryLogReader
from processors.shell import Processor

ROOT = Path(__file__).parents[3]
TOPOLOGY = Topology(("us-east", "eu-west"))
TOKEN = "sl_" + "a" * 40
OTHER_TOKEN = "sl_" + "b" * 40
WAIT_SECONDS = 60.0
_LAUNCH = """
import json, sys
from pathlib import Path
from agents.config import AgentConfig
from agents.main import run_agent
import msgspec
values = json.loads(sys.argv[1])
values["data_dir"] = Path(values["data_dir"])
limits = values.pop("limits", {})
from agents.config import Limits
sys.exit(run_agent(AgentConfig(limits=Limits(**limits), **values)))
"""


class Rig:
    """Use as a context manager. The hub can be stopped and started again on its port; the log stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = MemoryLog()
        self.log.on_idle = self.log.wait_for_change
        self.clock = SkippingClock()
        self.agents: list[AgentProcess] = []
        self._producer = MemoryProducer(self.log, "test")
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._processors = threading.Thread(target=self._process, daemon=True)
        self._gateway: _Gateway | None = None
        self.port = free_port()
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)

    def __enter__(self) -> "Rig":
        self._processors.start()
        self.start_hub()
        return self

    def __exit__(self, *_: object) -> None:
        for agent in self.agents:
            agent.kill()
            if (agent.data_dir / "jobs").is_dir():
                clear_leftovers(agent.data_dir / "jobs")
        self.stop_hub()
        self._stop.set()
        self._processors.join(10)

    def start_hub(self, max_log_bytes: int = 1 << 30) -> None:
        self._gateway = _Gateway(self.log, self.clock, self.port, max_log_bytes)

    @contextmanager
    def another_hub(self) -> Iterator[int]:
        """A second gateway, on the port it yields."""
        port = free_port()
        gateway = _Gateway(self.log, self.clock, port, 1 << 30)
        yield port
        gateway.stop()

    def stop_hub(self) -> None:
        """Cuts all connections, as a killed gateway does."""
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None

    def agent(self, **config: Any) -> "AgentProcess":
        """Start an agent and wait until the pool knows it."""
        known = self.count("agent.connected")
        agent = self.start_agent(**config)
        self.wait(lambda: self.count("agent.connected") > known, agent.output)
        return agent

    def start_agent(self, **config: Any) -> "AgentProcess":
        values: dict[str, Any] = {
            "gateway_url": f"http://127.0.0.1:{self.port}",
            "token": TOKEN,
            "region": "us-east",
            "name": "agent-1",
            "data_dir": str(self.folder / "agent"),
            **config,
        }
        agent = AgentProcess(values, self.folder / f"agent-{next(self._numbers)}.log")
        self.agents.append(agent)
        return agent

    def job(self, *steps: Step | str, **more: Any) -> "Attempt":
        """A run of one job with these steps; texts are scripts of bash."""
        number = next(self._numbers)
        run = f"us-east-{number:016x}"
        repository = more.pop("repository_url", "https://forge.invalid/app.git")
        commit = more.pop("commit", "c" * 40)
        branch = more.pop("branch", "main")
        listed = tuple(
            Step(name=f"step-{n}", run=step) if isinstance(step, str) else step for n, step in enumerate(steps)
        )
        plan = JobPlan(id="job", name="job", steps=listed, **more)
        trigger = Trigger(
            trigger_id=str(number), source="push", ref=f"refs/heads/{branch}", branch=branch, commit=commit
        )
        request = RequestRun(
            app="app",
            number=number,
            trigger=trigger,
            repository_url=repository,
            default_branch="main",
            pipeline_path=".pipeline.yml",
        )
        self.to_run(run, request)
        stage = StagePlan(name="job", jobs=(plan,))
        self.to_run(run, PlanRun(plan=Plan(name="p", stages=(stage,)), commit=commit))
        return Attempt(self, run)

    def to_run(self, run: str, command: Message) -> None:
        self._send(Stream("run", run), command, RUN_COMMANDS)

    def to_pool(self, command: Message, pool: str = "us-east/default") -> None:
        self._send(Stream("pool", pool), command, POOL_COMMANDS)

    def records(self, topics: Iterable[str]) -> list[Record]:
        wanted = frozenset(topics)
        with self.log.lock:
            places = [where for where in self.log.all_partitions() if where.topic in wanted]
            return [record for where in places for record in self.log.partition(where).read(0, 10**9)[0]]

    def events(self, *types: str) -> list[EventEnvelope]:
        found = [decode_event(record.value or b"") for record in self.records(EVENTS_TOPICS)]
        return [event for event in found if not types or event.type in types]

    def count(self, *types: str) -> int:
        return len(self.events(*types))

    def wait(self, condition: Callable[[], bool], explain: Callable[[], str] = lambda: "") -> None:
        """Until it holds; the log's own changes wake it up."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen. {explain()}"
            self.log.wait_for_change(0.1)

    def _send(self, stream: Stream, command: Message, catalogue: Catalogue) -> None:
        envelope = make_command(
            command_id=derived_id("rig", next(self._numbers)),
            stream=stream,
            region="us-east",
            command=command,
            catalogue=catalogue,
            actor="test",
            correlation_id="trace",
            causation_id="test",
            issued_at=self.clock.now(),
        )
        self._producer.send_all([to_record(TOPOLOGY, envelope)])

    def _process(self) -> None:
        Processor(
            AGGREGATES,
            POLICIES,
            TOPOLOGY,
            lambda: MemoryGroupConsumer(self.log, "processors", "processor"),
            lambda: MemoryTransactionalProducer(self.log, "processor", "processor"),
            lambda: MemoryLogReader(self.log, "processor", settled=True),
            self.clock,
        ).run(self._stop, 0.2)


class SkippingClock:
    """The real time, or later: a platform that thinks so loses agents it would otherwise wait for."""

    def __init__(self) -> None:
        self._skipped = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._skipped

    def skip(self, seconds: float) -> None:
        self._skipped += timedelta(seconds=seconds)


class _Gateway:
    """The hub and its endpoint on an event loop of their own."""

    def __init__(self, log: MemoryLog, clock: SkippingClock, port: int, max_log_bytes: int) -> None:
        self._log, self._clock, self._max_log_bytes = log, clock, max_log_bytes
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=port, log_config=None, ws="websockets-sansio")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "uvicorn did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive(), "uvicorn did not stop"

    async def _serve(self) -> None:
        await self._server.serve()
        await self._tail.close()

    def _app(self) -> FastAPI:
        producer = MemoryAsyncProducer(self._log, "gateway")
        partitions = [TopicPartition(topic, n) for topic in EVENTS_TOPICS for n in range(TOPOLOGY.partitions)]
        tail = self._tail = LogEventTail(lambda: MemoryLogReader(self._log, "gateway"), partitions)
        bus = LogCommandBus(TOPOLOGY, producer, tail)
        sessions = itertools.count(time.time_ns())
        hub = AgentHub(
            bus,
            producer,
            tail,
            TOPOLOGY,
            self._clock,
            lambda: f"session-{next(sessions)}",
            _no_correlation,
            self._max_log_bytes,
        )
        known = {
            hash_token(TOKEN): Principal("builder", ("agent",), pools=("us-east/default",)),
            hash_token(OTHER_TOKEN): Principal("stranger", ("agent",), pools=("eu-west/default",)),
        }
        authenticator = Authenticator(_nobody, self._clock, known)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            running = asyncio.create_task(hub.run())
            await tail.ready()
            yield
            running.cancel()
            await tail.close()

        app = FastAPI(lifespan=lifespan)
        app.include_router(agent_router(hub, authenticator.authenticate_agent, TOPOLOGY.regions))
        return app


class AgentProcess:
    """A real agent."""

    def __init__(self, config: dict[str, Any], log: Path) -> None:
        self.data_dir = Path(config["data_dir"])
        self._log = log
        environment = os.environ | {"SEALANE_AGENT_TOKEN": "not-for-jobs", "SECRET_OF_THE_HOST": "not-for-jobs"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                (sys.executable, "-c", _LAUNCH, json.dumps(config)),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def exit_code(self) -> int:
        return self.process.wait(WAIT_SECONDS)


class Attempt:
    """The one job of a run, by default its first attempt."""

    def __init__(self, rig: Rig, run: str, number: int = 1) -> None:
        self._rig = rig
        self.run = run
        self.number = number

    @property
    def key(self) -> str:
        return f"{self.run}/job/{self.number}"

    def retry(self) -> "Attempt":
        """The attempt after this one."""
        return Attempt(self._rig, self.run, self.number + 1)

    def finished(self) -> JobFinished:
        """The end of the attempt, once it is there."""
        found: list[JobFinished] = []

        def over() -> bool:
            found[:] = [event for event in self.events(JobFinished) if event.attempt == self.number]
            return bool(found)

        self._rig.wait(over, lambda: self._explain())
        return found[0]

    def events(self, *kinds: type[Message]) -> list[Any]:
        """Events of the run, in order, decoded."""
        envelopes = [event for event in self._rig.events() if event.stream == f"run/{self.run}"]
        messages = [EVENTS.decode(event.type, event.schema_version, event.data) for event in envelopes]
        return [message for message in messages if not kinds or isinstance(message, kinds)]

    def wait_for_output(self, text: str) -> None:
        """In what the steps wrote."""
        self._rig.wait(lambda: text.encode() in self.data("stdout", "stderr"), lambda: self._explain())

    def chunks(self) -> list[LogChunk]:
        """The log as a viewer puts it together: by number, each number once."""
        key = self.key.encode()
        decoded = [decode_chunk(record.value or b"") for record in self._rig.records([LOGS_TOPIC]) if record.key == key]
        chunks = sorted({chunk.seq: chunk for chunk in decoded}.values(), key=lambda chunk: chunk.seq)
        assert [chunk.seq for chunk in chunks] == list(range(len(chunks))), "the log has a hole"
        return chunks

    def data(self, *streams: str) -> bytes:
        """The bytes of these streams, each line ended as it was."""
        lines = [line for chunk in self.chunks() for line in chunk.lines if line.stream in streams]
        return b"".join(line.data if line.partial else line.data + b"\n" for line in lines)

    def text(self) -> str:
        return self.data("stdout", "stderr", "system").decode(errors="replace")

    def cancel(self) -> None:
        self._rig.to_run(self.run, CancelRun(by="test"))

    def _explain(self) -> str:
        agents = "\n".join(agent.output()[-2000:] for agent in self._rig.agents)
        events = [msgspec.structs.replace(event, chain="") for event in self._rig.events()][-12:]
        told = "\n".join(f"{event.stream} {event.type} {event.data!r}"[:300] for event in events)
        return f"events:\n{told}\nlog:\n{self.text()[-2000:]}\nagents:\n{agents}"


async def _no_correlation(run: str) -> str:
    return ""


async def _nobody(digest: str) -> Principal | None:
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
