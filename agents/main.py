"""Runs an agent in the foreground: the composition of its parts, signals, and the exit code."""

import asyncio
import logging
import random
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from agents.backoff import Backoff
from agents.config import AgentConfig, ConfigError, check_config, connect_url
from agents.connection import HubConnection, Outbox, RefusedForGood
from agents.data_dir import DataDir
from agents.environment import machine_environment
from agents.executors.detect import make_executor
from agents.job_runner import JobTools
from agents.leftovers import clear_leftovers
from agents.spool_store import SpoolStore
from agents.worker import Worker, WorkerStatus

SOFTWARE = "sealane-agent/0.1.0"
# Jobs have 10 s to end after SIGTERM, and what they say then must reach the hub.
LAST_WORDS_SECONDS = 15.0
GOODBYE_SECONDS = 3.0
log = logging.getLogger("sealane.agent")


def run_agent(config: AgentConfig, observe: Callable[[Callable[[], WorkerStatus]], None] = lambda _: None) -> int:
    """0: it was told to leave and did; 4: the hub refused it; 6: it can't be started as configured.

    `observe` is given, once the agent runs, what says how it is doing.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    data = DataDir(config.data_dir)
    try:
        check_config(config)
        data.open()
        agent_id = data.agent_id(config.name)
    except ConfigError as error:
        print(f"error: {error} [{error.code}]", file=sys.stderr)
        data.close()
        return 6
    try:
        return asyncio.run(_run(config, data, agent_id, observe))
    except RefusedForGood as error:
        print(f"error: {error} [agent-refused]", file=sys.stderr)
        return 4
    finally:
        data.close()


async def _run(
    config: AgentConfig, data: DataDir, agent_id: str, observe: Callable[[Callable[[], WorkerStatus]], None]
) -> int:
    clear_leftovers(data.jobs)
    executor = make_executor(config, agent_id, (str(data.root),))
    store = SpoolStore(data.spool, config.spool_bytes // config.slots)
    store.recover()
    tools = JobTools(executor, store, data.jobs, machine_environment(), lambda: datetime.now(UTC), config.gateway_url)
    outbox = Outbox()
    worker = Worker(config, agent_id, store, tools, outbox.put)
    observe(worker.status)
    url = connect_url(config.gateway_url)
    hub = HubConnection(url, config.token, SOFTWARE, worker, store, outbox, Backoff(random.random))
    log.info("agent %s of %s/%s, isolation: %s", agent_id, config.region, config.pool, executor.isolation.detail)
    connection = asyncio.create_task(hub.run())
    leaving = asyncio.create_task(_leave_when_told(worker, hub, config.drain_timeout_seconds))
    try:
        done, _ = await asyncio.wait((connection, leaving), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return 0
    finally:
        connection.cancel()
        leaving.cancel()
        await worker.close()
        executor.close()


async def _leave_when_told(worker: Worker, hub: HubConnection, drain_timeout_seconds: float) -> None:
    """The first SIGTERM drains, as the hub may; the second cancels what runs, and so does the drain timeout."""
    signals: asyncio.Queue[None] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, None)
    told = [asyncio.ensure_future(signals.get()), asyncio.ensure_future(worker.draining.wait())]
    await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
    by_signal = told[0].done()
    worker.drain()
    ended = asyncio.ensure_future(worker.ended())
    again = asyncio.ensure_future(signals.get()) if by_signal else told[0]
    # Who is told to leave by the hub has all the time its jobs need.
    timeout = drain_timeout_seconds if by_signal else None
    await asyncio.wait((ended, again), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        await _end_jobs(worker)
        # Without a hub the reports stay on the disk, for the next start.
        await asyncio.wait((ended,), timeout=LAST_WORDS_SECONDS if hub.connected else 0)
    await _say_goodbye(hub)


async def _end_jobs(worker: Worker) -> None:
    log.info("cancelling what still runs")
    worker.cancel_all()
    idle = asyncio.ensure_future(worker.idle())
    await asyncio.wait((idle,), timeout=LAST_WORDS_SECONDS)
    worker.kill_all()
    await idle


async def _say_goodbye(hub: HubConnection) -> None:
    """Until the pool has it on record that we left: without that it would wait for us until we are lost."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE_SECONDS if hub.connected else 0):
            await hub.left.wait()
