"""A real worker with its executor and spool, under a hub that is only what a test says."""

import random
from datetime import UTC, datetime
from pathlib import Path

from agents.config import AgentConfig
from agents.executors.detect import make_executor
from agents.job_runner import JobTools
from agents.spool_store import SpoolStore
from agents.worker import Worker
from core.pipeline.plan import Step
from core.protocol import messages as m
from core.runs.spec import JobSpec, Source

WINDOW = 1 << 20


def offer(epoch: int = 1, attempt: int = 1, script: str = "echo hi") -> m.Offer:
    spec = JobSpec(
        run_id="us-east-1",
        job_id="job",
        attempt=attempt,
        app="app",
        stage="job",
        name="job",
        source=Source("https://forge.invalid/app.git", "c" * 40),
        env={},
        steps=(Step(name="step", run=script),),
        timeout_seconds=60,
    )
    return m.Offer(epoch=epoch, spec=spec)


class Bench:
    """Everything lies in `folder`; what the worker says is in `said`."""

    def __init__(self, folder: Path) -> None:
        for name in ("jobs", "spool"):
            (folder / name).mkdir()
        config = AgentConfig(gateway_url="http://127.0.0.1", token="-", region="us-east", data_dir=folder)
        self.said: list[m.AgentMessage] = []
        self.store = SpoolStore(folder / "spool", WINDOW)
        self.executor = make_executor(config, f"bench-{random.randrange(10**9)}", ())
        tools = JobTools(self.executor, self.store, folder / "jobs", {}, lambda: datetime.now(UTC), "http://127.0.0.1")
        self.worker = Worker(config, "bench", self.store, tools, self.said.append)
        self.worker.welcomed(m.Welcome(session="s"))

    def held(self) -> dict[str, int]:
        return {lease.attempt_key: lease.epoch for lease in self.worker.hello("test").held}

    async def finished(self) -> m.JobFinished:
        while True:
            message = m.decode_agent_message(await self.store.next_frame(WINDOW))
            if isinstance(message, m.JobFinished):
                return message
