"""What an agent makes of offers, and of words on offers it no longer has."""

from datetime import UTC, datetime
from pathlib import Path

from agents.config import AgentConfig
from agents.executors.detect import make_executor
from agents.job_runner import JobTools
from agents.spool_store import SpoolStore
from agents.worker import Worker
from core.protocol import messages as m
from core.runs.spec import JobSpec, Source

KEY = "us-east-0123456789abcdef/job/1"
SPEC = JobSpec(
    run_id="us-east-0123456789abcdef",
    job_id="job",
    attempt=1,
    app="shop",
    stage="job",
    name="job",
    source=Source("https://forge.invalid/shop.git", "c" * 40),
    env={},
    steps=(),
    timeout_seconds=60,
)


def worker_in(folder: Path) -> Worker:
    config = AgentConfig(
        gateway_url="http://gateway",
        token="token",
        region="us-east",
        data_dir=folder,
        isolation="none",
        unsafe_no_sandbox=True,
    )
    store = SpoolStore(folder, config.spool_bytes)
    tools = JobTools(make_executor(config, "a", ()), store, folder, {}, lambda: datetime.now(UTC), config.gateway_url)
    return Worker(config, "a", store, tools, lambda message: None)


def held(worker: Worker) -> list[tuple[str, int]]:
    return [(lease.attempt_key, lease.epoch) for lease in worker.hello("test").held]


def test_refusal_of_an_earlier_offer_leaves_the_present_one(tmp_path: Path) -> None:
    worker = worker_in(tmp_path)
    worker.take(m.Offer(epoch=3, spec=SPEC))
    worker.take(m.Refused(code="stale-lease", detail="epoch 3 is with a", attempt_key=KEY, epoch=1))
    assert held(worker) == [(KEY, 3)]


async def test_job_that_was_killed_after_a_long_silence_is_no_longer_named(tmp_path: Path) -> None:
    """What ends it takes a moment; a hub that heard its name in a hello would wait for it for ever."""
    worker = worker_in(tmp_path)
    worker.take(m.Offer(epoch=3, spec=SPEC))
    worker.take(m.Start(attempt_key=KEY, epoch=3))
    assert held(worker) == [(KEY, 3)]
    worker.give_up(KEY, "spool-damaged")
    assert worker.status().running == 1
    assert held(worker) == []
    await worker.close()


def test_refused_offer_is_forgotten(tmp_path: Path) -> None:
    worker = worker_in(tmp_path)
    worker.take(m.Offer(epoch=3, spec=SPEC))
    worker.take(m.Refused(code="stale-lease", detail="nobody holds it", attempt_key=KEY, epoch=3))
    assert held(worker) == []
