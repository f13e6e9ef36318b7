"""Finished runs as the real aggregates decide them, sealed and chained, written into a broker's events topics."""

from core.pools.commands import AcceptLease
from core.pools.events import LeaseGranted
from core.ports import OutgoingRecord
from core.runs.commands import FinishJob, ReportStep
from infra.kafka.connection import Connection
from projections.projector import PROJECTED_TOPICS
from tests.benchmarks.counters import produce
from tests.support.histories import POOL, History, stage


def write_history(connection: Connection, runs: int) -> int:
    """`runs` runs of 5 jobs with 2 steps each; answers with the number of records."""
    history = History()
    for number in range(1, runs + 1):
        _one(history, number)
    log = history.log
    records = [
        OutgoingRecord(record.topic, record.partition, record.key, record.value, record.headers)
        for where in log.all_partitions()
        if where.topic in PROJECTED_TOPICS
        for record in log.partition(where).read(0, 10**9)[0]
    ]
    produce(connection, records)
    return len(records)


def _one(history: History, number: int) -> None:
    run = history.push(number)
    tests = stage("lint"), stage("unit"), stage("build", "lint", "unit")
    first = len(history.house.events)
    history.plan(run, *tests, stage("integration", "build"), stage("deploy", "build"))
    seen = first
    while seen < len(history.house.events):
        new, seen = history.house.events[seen:], len(history.house.events)
        for _, event in new:
            if isinstance(event, LeaseGranted):
                _work(history, event)
    history.flush()


def _work(history: History, grant: LeaseGranted) -> None:
    key, epoch, agent = grant.attempt_key, grant.epoch, grant.agent_id
    history.house.send(POOL, AcceptLease(attempt_key=key, epoch=epoch, agent_id=agent))
    run, job, attempt = key.split("/")
    now = history.house.now
    for index in range(2):
        for outcome in (None, "success"):
            report = ReportStep(
                job_id=job,
                attempt=int(attempt),
                epoch=epoch,
                agent_id=agent,
                index=index,
                outcome=outcome,
                at=now,
            )
            history.house.send(f"run/{run}", report)
    finish = FinishJob(job_id=job, attempt=int(attempt), epoch=epoch, agent_id=agent, outcome="success")
    history.house.send(f"run/{run}", finish)
