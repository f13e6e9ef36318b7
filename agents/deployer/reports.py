"""What the deployer says to deployments: answers to their actions, and unasked what the target shows."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from agents.connectors.answers import to_deployment
from agents.targets.base import Order
from core.deployments.commands import COMMANDS, ReportHealth, ReportTarget
from core.deployments.target_state import TargetStatus
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import make_command, to_record
from core.eventlog.topics import Topology
from core.ids import derived_id
from core.ports import Clock, Fenced, LogUnavailable, OutgoingRecord

_log = logging.getLogger("sealane.deployer")


class Reports:
    """`send` writes records at once, from any thread."""

    def __init__(
        self, topology: Topology, region: str, clock: Clock, send: Callable[[Sequence[OutgoingRecord]], object]
    ) -> None:
        self._topology = topology
        self._actor = f"deployer/{region}"
        self._clock = clock
        self._send = send

    def now(self) -> datetime:
        return self._clock.now()

    def answer(self, event: EventEnvelope, command: ReportTarget) -> OutgoingRecord:
        return to_deployment(self._topology, event, command, actor=self._actor, now=command.at)

    def shifted(self, order: Order, status: TargetStatus) -> None:
        """The requests go where they were wished; the answer to the action follows when the rest is done, too."""
        self.health(order, ReportHealth(epoch=order.epoch, status=status, at=self.now()), f"shifted {order.event_id}")

    def health(self, order: Order, command: ReportHealth, what: str) -> bool:
        """`what` names the report among those of its deployment. Answers whether the log has it."""
        envelope = make_command(
            command_id=derived_id(self._actor, order.deployment_id, what),
            stream=Stream("deployment", order.deployment_id),
            region=order.region,
            command=command,
            catalogue=COMMANDS,
            actor=self._actor,
            correlation_id=order.correlation_id,
            causation_id=order.event_id,
            issued_at=command.at,
        )
        try:
            self._send([to_record(self._topology, envelope)])
        except (LogUnavailable, Fenced) as error:
            _log.warning("the health of %s could not be reported: %s", order.where, error)
            return False
        return True
