"""What the worker knows of the whole installation, for Prometheus: the log, its readers, the views, the queue.

Asked of Kafka and Postgres when Prometheus asks, so it costs nothing in between and is right after any crash. One that
is away is a metric of its own, and the others are told all the same.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import psycopg
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from core.ports import LogUnavailable, TopicPartition
from infra.kafka.lag import KafkaLag
from infra.metrics.families import counter, counters, gauge, gauges
from infra.postgres.gauges import QUANTILES, ViewFacts
from projections.projector import ProjectorStatus

VIEWS_GROUP = "views"
_PLACE = ("topic", "partition")
_POOL = ("region", "pool")
log = logging.getLogger("sealane.metrics")


class LogCollector(Collector):
    """`groups` says which partitions each consumer group reads; `views` where the views are."""

    def __init__(
        self,
        lag: Callable[[], KafkaLag],
        groups: Mapping[str, Sequence[TopicPartition]],
        facts: Callable[[], ViewFacts],
    ) -> None:
        self._new_lag = lag
        self._lag: KafkaLag | None = None
        self._groups = groups
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        facts = self._view_facts()
        yield gauge("sealane_postgres_up", "1: the views could be asked.", facts is not None)
        if facts is not None:
            yield from _of_views(facts)
        lags = self._lags(facts)
        yield gauge("sealane_kafka_up", "1: the log could be asked.", lags is not None)
        text = "Offsets that a consumer group (or the views) is behind; a few are markers of transactions."
        yield gauges("sealane_log_lag_records", text, ("group", *_PLACE), lags or ())

    def _view_facts(self) -> ViewFacts | None:
        try:
            return self._facts()
        except psycopg.Error as error:
            log.warning("no metrics of the views: %s", error)
            return None

    def _lags(self, facts: ViewFacts | None) -> list[tuple[tuple[str, ...], float]] | None:
        views = facts.offsets if facts is not None else {}
        wanted = {where for partitions in self._groups.values() for where in partitions} | set(views)
        try:
            self._lag = self._lag or self._new_lag()
            ends, committed = self._lag.ends(wanted), self._lag.committed(self._groups)
        except LogUnavailable as error:
            log.warning("no metrics of the log: %s", error)
            return None
        committed |= {(VIEWS_GROUP, where): offset for where, offset in views.items()}
        return [
            ((group, where.topic, str(where.partition)), max(ends.get(where, 0) - offset, 0))
            for (group, where), offset in committed.items()
        ]


def _of_views(facts: ViewFacts) -> Iterator[Metric]:
    pools = {(each.region, each.pool): each for each in facts.pools}
    for state in ("waiting", "offered", "leased"):
        found = [(key, getattr(each, state)) for key, each in pools.items()]
        yield gauges(f"sealane_queue_{state}_jobs", f"Attempts that are {state}.", _POOL, found)
    oldest = [(key, each.oldest_waiting_seconds) for key, each in pools.items()]
    yield gauges("sealane_queue_oldest_waiting_seconds", "How long the oldest attempt waits.", _POOL, oldest)
    text = "Agents by state; lost: within the last hour."
    yield gauges("sealane_agents", text, (*_POOL, "state"), list(facts.agents.items()))
    text = "From a delivery to its run, over the last ten minutes."
    delays = [((str(quantile),), delay) for quantile, delay in zip(QUANTILES, facts.delays, strict=False)]
    yield gauges("sealane_delivery_to_run_seconds", text, ("quantile",), delays)
    yield gauge("sealane_active_runs", "Runs that are not finished.", facts.counts.active_runs)
    yield gauge("sealane_active_rollouts", "Rollouts that are not finished.", facts.counts.active_rollouts)
    yield gauge(
        "sealane_pending_approvals",
        "Stages and rollouts that wait for somebody's approval.",
        facts.counts.pending_approvals,
    )
    yield gauge("sealane_dead_letters", "Records in sealane.dead-letters.", facts.counts.dead_letters)
    yield gauge("sealane_log_gaps", "Places where lines of a job's log are missing, on record.", facts.counts.log_gaps)
    told = facts.notifications
    yield gauge("sealane_notifications_pending", "Notifications that are not delivered yet.", told.pending)
    text = "How long the oldest of them waits."
    yield gauge("sealane_notifications_oldest_pending_seconds", text, told.oldest_pending_seconds)
    text = "Subscriptions that were disabled because their endpoint failed for days or is gone."
    yield gauge("sealane_subscriptions_given_up", text, told.given_up)
    halted = [((where.topic, str(where.partition)), 1.0) for where in facts.halted]
    yield gauges("sealane_views_halted", "1: the views can't go on in this partition.", _PLACE, halted)


class ProjectorCollector(Collector):
    """The projector of this process."""

    def __init__(self, status: ProjectorStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        active = status.state == "active"
        yield gauge("sealane_projector_active", "1: this one writes the views; 0: it stands by or retries.", active)
        yield counter("sealane_projector_records", "Records projected.", status.events)
        yield counter("sealane_projector_batches", "Transactions that wrote views.", status.batches)
        yield counter("sealane_projector_failures", "Times that Postgres or the log was away.", status.failures)
        broken = [((where.topic, str(where.partition)), n) for where, n in status.chains.mismatches.copy().items()]
        text = "Events that do not follow the one before them: the log was altered."
        yield counters("sealane_chain_mismatches", text, _PLACE, broken)
