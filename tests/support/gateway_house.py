"""A gateway over real Kafka and Postgres, with processor, projector and log archive, all in this process.

Definition connector and agents are played by the test (`plan`, `Hand`), so that it decides when what happens.
"""

import asyncio
import io
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from core.eventlog.envelope import Stream
from core.eventlog.routing import make_command, to_record
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import LOGS_TOPIC
from core.ids import attempt_key, derived_id, region_of_run
from core.pipeline.plan import Approval, JobPlan, Plan, StagePlan, Step
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.pools.commands import AcceptLease, ConnectAgent
from core.ports import OutgoingRecord
from core.protocol.logs import LogChunk, LogLine, StreamName, encode_chunk
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.commands import FinishJob, PlanRun
from core.runs.spec import LogSummary, Outcome
from gateway.headers import CONSISTENCY_HEADER
from infra.kafka.producer import KafkaProducer
from infra.kafka.topics import apply
from infra.keys import InstallationKey
from infra.settings import Settings
from infra.wiring.gateway import GatewayWiring
from infra.wiring.parts import Loop, kafka, make_processor, migrate_database, projection_loops, topic_admin
from infra.wiring.server import GatewayServer

Json = dict[str, Any]
WAIT_SECONDS = 30.0


class GatewayHouse:
    """Use as a context manager. `api` is an administrator's client."""

    def __init__(self, bootstrap_servers: str, database_url: str, folder: Path, **settings: Any) -> None:
        self.settings = Settings(
            data_dir=str(folder),
            regions=("us-east", "eu-west"),
            kafka_bootstrap_servers=bootstrap_servers,
            database_url=database_url,
            port=_free_port(),
            **settings,
        )
        self.admin_token = InstallationKey.load_or_create(folder).admin_token
        self.api = self.client(self.admin_token)
        self._stop = threading.Event()
        self._numbers = itertools.count()

    def __enter__(self) -> "GatewayHouse":
        apply(topic_admin(self.settings), self.settings.topology.topic_specs())
        migrate_database(self.settings)
        self.producer = KafkaProducer(kafka(self.settings), "test")
        self._threads = [_started(loop, self._stop) for loop in self._loops()]
        self.gateway = RunningGateway(self.settings)
        self.wait(lambda: self.api.get("/readyz").status_code == 200)
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        self.gateway.stop()
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        self.producer.close()

    def _loops(self) -> list[Loop]:
        processor = make_processor(self.settings, "1")
        return [processor.run, *projection_loops(self.settings).values()]

    def client(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.settings.port}", headers=headers, timeout=30)

    def restart_gateway(self) -> None:
        """Another process would know as little as the new one does."""
        self.gateway.stop()
        self.gateway = RunningGateway(self.settings)
        self.wait(lambda: self.api.get("/readyz").status_code == 200)

    def send(self, stream: Stream, region: str, command: Message, catalogue: Catalogue) -> None:
        """A command of some other part of the platform."""
        command_id = derived_id("test", next(self._numbers), time.time_ns())
        envelope = make_command(
            command_id=command_id,
            stream=stream,
            region=region,
            command=command,
            catalogue=catalogue,
            actor="test",
            correlation_id="c" * 32,
            causation_id=command_id,
            issued_at=datetime.now(UTC),
        )
        self.producer.send_all([to_record(self.settings.topology, envelope)])

    def settled(self, answer: httpx.Response) -> httpx.Response:
        """What it wrote is in the views: whoever asks next sees it, whether or not they know of this answer."""
        if token := answer.headers.get(CONSISTENCY_HEADER):
            assert self.api.get("/api/v1/whoami", headers={CONSISTENCY_HEADER: token}).status_code == 200
        return answer

    def new_app(self, name: str) -> str:
        url = "https://forge.example/acme/app.git"
        answer = self.api.post("/api/v1/apps", json={"name": name, "repository_url": url})
        assert self.settled(answer).status_code == 201, answer.text
        return name

    def new_run(self, app: str, *stages: StagePlan) -> str:
        """A planned run; without stages, one of a single job `build`."""
        answer = self.settled(self.api.post(f"/api/v1/apps/{app}/runs", json={}))
        assert answer.status_code == 201, answer.text
        run: str = answer.json()["run_id"]
        self.plan(run, *(stages or (stage("build"),)))
        return run

    def plan(self, run: str, *stages: StagePlan) -> None:
        plan = Plan(name="test", stages=stages)
        self.send(Stream("run", run), region_of_run(run), PlanRun(plan=plan, commit="a" * 40), RUN_COMMANDS)

    def run_when(self, run: str, condition: Callable[[Json], bool]) -> Json:
        found: list[Json] = []

        def met() -> bool:
            answer = self.api.get(f"/api/v1/runs/{run}")
            found[:] = [answer.json()] if answer.status_code == 200 else []
            return bool(found) and condition(found[0])

        self.wait(met, lambda: str(found)[:3000])
        return found[0]

    @staticmethod
    def wait(condition: Callable[[], bool], explain: Callable[[], str] = lambda: "") -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _holds(condition):
            assert time.monotonic() < deadline, f"not within {WAIT_SECONDS:g} s: {explain()}"
            time.sleep(0.05)


class Hand:
    """An agent of us-east/default, played by the test over the log alone."""

    def __init__(self, house: GatewayHouse, agent_id: str = "hand") -> None:
        self._house = house
        self._agent_id = agent_id
        self._pool = Stream("pool", "us-east/default")
        self._leases: dict[str, int] = {}
        self._to_pool(ConnectAgent(agent_id=agent_id, session=derived_id(agent_id, time.time_ns()), slots=100))

    def take(self, run: str, job: str = "build") -> str:
        """Accept the job's lease; answers with the attempt's key once the run says that it runs."""
        found: list[Json] = []

        def offered() -> bool:
            events = self._house.api.get("/api/v1/events", params={"type": "lease.granted", "limit": 50}).json()
            found[:] = [
                each["data"] for each in events["items"] if each["data"]["attempt_key"].startswith(f"{run}/{job}/")
            ]
            return bool(found)

        self._house.wait(offered, lambda: f"no lease of {run}/{job}")
        key, epoch = found[0]["attempt_key"], found[0]["epoch"]
        self._leases[key] = epoch
        self._to_pool(AcceptLease(attempt_key=key, epoch=epoch, agent_id=self._agent_id))
        self._house.run_when(run, lambda document: _job(document, job)["state"] == "running")
        return str(key)

    def finish(self, key: str, chunks: int = 0, outcome: Outcome = "success") -> None:
        run, job, attempt = key.split("/")
        command = FinishJob(
            job_id=job,
            attempt=int(attempt),
            epoch=self._leases[key],
            agent_id=self._agent_id,
            outcome=outcome,
            log=LogSummary(chunks=chunks),
        )
        self._house.send(Stream("run", run), region_of_run(run), command, RUN_COMMANDS)

    def write(self, *chunks: LogChunk) -> None:
        self._house.producer.send_all([self._record(chunk) for chunk in chunks])

    def _record(self, chunk: LogChunk) -> OutgoingRecord:
        region = region_of_run(chunk.attempt_key.split("/")[0])
        partition = self._house.settings.topology.partition(region, chunk.attempt_key)
        return OutgoingRecord(LOGS_TOPIC, partition, chunk.attempt_key.encode(), encode_chunk(chunk))

    def _to_pool(self, command: Message) -> None:
        self._house.send(self._pool, "us-east", command, POOL_COMMANDS)


class RunningGateway:
    """uvicorn in a thread with an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(30)
        if self._thread.is_alive():
            raise AssertionError(f"the gateway did not stop; its tasks:\n{self._tasks()}")

    def _tasks(self) -> str:
        """What the gateway's event loop waits for."""
        asked = io.StringIO()
        for task in asyncio.all_tasks(self._loop):
            task.print_stack(file=asked)
        return asked.getvalue()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        wired = GatewayWiring(self._settings)
        self._server = GatewayServer(wired.app(), wired.closing, self._settings.host, self._settings.port)
        try:
            await self._server.serve()
        finally:
            await wired.close()


def stage(name: str, approval: Approval | None = None) -> StagePlan:
    job = JobPlan(id=name, name=name, steps=(Step(name="do", run="true"),))
    return StagePlan(name=name, jobs=(job,), approval=approval)


def chunk_of(
    key: str, seq: int, lines: Iterable[str | bytes], first_line: int, last: bool = False, stream: StreamName = "stdout"
) -> LogChunk:
    data = (line.encode() if isinstance(line, str) else line for line in lines)
    kept = tuple(LogLine(1_700_000_000_000_000 + seq, stream, each) for each in data)
    return LogChunk(attempt_key=key, epoch=1, seq=seq, first_line=first_line, step=0, lines=kept, last=last)


def log_of(key: str, chunks: int, lines_each: int = 3) -> list[LogChunk]:
    """A whole log: lines `line 0`, `line 1` ..."""
    numbered = [range(seq * lines_each, (seq + 1) * lines_each) for seq in range(chunks)]
    return [
        chunk_of(key, seq, (f"line {number}" for number in numbers), numbers.start, last=seq == chunks - 1)
        for seq, numbers in enumerate(numbered)
    ]


def key_of(run: str, job: str = "build", attempt: int = 1) -> str:
    return attempt_key(run, job, attempt)


def _job(document: Json, job: str) -> Json:
    found: Json = next(each for stage in document["stages"] for each in stage["jobs"] if each["id"] == job)
    return found


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (httpx.TransportError, StopIteration):
        return False


def _started(loop: Loop, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=loop, args=(stop,), daemon=True)
    thread.start()
    return thread


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
