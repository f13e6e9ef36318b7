"""The one way the API changes something: a command, its decision, and an answer that says both.

A decision answers 200 or 201, a refusal the status of its code, and a decision that is not seen in time 202:
the command is in the log and will be decided, so nothing has to be sent again.
"""

import asyncio
import time
from typing import NamedTuple

from core.eventlog.envelope import CommandEnvelope, Position, Stream
from core.eventlog.routing import make_command
from core.eventlog.serialization import Catalogue, Message
from core.ids import derived_id
from core.ports import Decision, DecisionTimeout
from gateway.decisions import decision_of, refusal
from gateway.headers import CONSISTENCY_HEADER
from gateway.idempotency import RequestKey
from gateway.state import GatewayState
from projections.queries.decisions import events_of_command, events_of_scope

REPLAYED_HEADER = "Idempotency-Replayed"


class Target(NamedTuple):
    """The aggregate a command is for. `hint` is where its events lie, so that it is loaded faster."""

    stream: Stream
    region: str
    commands: Catalogue
    hint: tuple[int, int] | None = None


class Decided(NamedTuple):
    """`replayed`: the decision was made for an earlier request with the same Idempotency-Key. `seen_from` is where
    its effect is in the log, when that is not where the decision is.
    """

    command_id: str
    decision: Decision
    replayed: bool
    seen_from: Position | None = None

    def at(self, position: Position) -> "Decided":
        return self._replace(seen_from=position)

    @property
    def headers(self) -> dict[str, str]:
        replayed = {REPLAYED_HEADER: "true"} if self.replayed else {}
        return {CONSISTENCY_HEADER: str(self.seen_from or self.decision.position), **replayed}


class Undecided(Exception):
    """No decision was seen in time; the command is in the log."""

    def __init__(self, command_id: str) -> None:
        super().__init__(f"command {command_id} is not decided yet")
        self.command_id = command_id


class Write:
    """One write request: who asks, under which id, and the way to the decision."""

    def __init__(self, gateway: GatewayState, actor: str, correlation_id: str, command_id: str, key: RequestKey | None):
        self._gateway = gateway
        self._correlation_id = correlation_id
        self._key = key
        self.actor = actor
        self.command_id = command_id

    def part(self, name: str) -> "Write":
        """For a further command of the same request; `name` tells it from the others."""
        command_id = derived_id(self.command_id, name)
        return Write(self._gateway, self.actor, self._correlation_id, command_id, None)

    async def earlier(self) -> Decided | None:
        """What was decided for an earlier request with the same Idempotency-Key. Raises ApiError for a refusal."""
        decision = await self._earlier(self._key) if self._key is not None else None
        if decision is None:
            return None
        if not decision.accepted:
            raise refusal(decision)
        return Decided(self.command_id, decision, replayed=True)

    async def decide(self, target: Target, command: Message) -> Decided:
        """The accepted decision. Raises ApiError for a refusal, Undecided, or LogUnavailable."""
        decided = await self._decide(target, command)
        if not decided.decision.accepted:
            raise refusal(decided.decision)
        return decided

    async def _decide(self, target: Target, command: Message) -> Decided:
        envelope = self._envelope(target, command)
        if self._key is None:
            return Decided(self.command_id, await self._execute(envelope), replayed=False)
        memory = self._gateway.decisions
        under_way = memory.claim(self._key)
        if under_way is not None:
            return Decided(self.command_id, await self._join(under_way), replayed=True)
        decision: Decision | None = None
        try:
            earlier = await self._earlier(self._key)
            decision = earlier or await self._execute(envelope)
        finally:
            memory.settle(self._key, decision)
        return Decided(self.command_id, decision, replayed=earlier is not None)

    async def _earlier(self, key: RequestKey) -> Decision | None:
        events = await events_of_scope(self._gateway.services.db, key.scope)
        if not events:
            return None
        key.require_same_body(events[0].causation_id)
        return decision_of(events)

    async def _join(self, under_way: asyncio.Future[Decision | None]) -> Decision:
        timeout_seconds = self._gateway.services.settings.decision_timeout_seconds
        done, _ = await asyncio.wait({under_way}, timeout=timeout_seconds)
        decision = under_way.result() if done else None
        if decision is None:
            raise Undecided(self.command_id)
        return decision

    def _envelope(self, target: Target, command: Message) -> CommandEnvelope:
        return make_command(
            command_id=self.command_id,
            stream=target.stream,
            region=target.region,
            command=command,
            catalogue=target.commands,
            actor=self.actor,
            correlation_id=self._correlation_id,
            causation_id=self.command_id,
            issued_at=self._gateway.services.clock.now(),
            wants_reply=True,
            hint=target.hint,
        )

    async def _execute(self, envelope: CommandEnvelope) -> Decision:
        services = self._gateway.services
        started, result = time.perf_counter(), "failed"
        try:
            decision = await services.bus.execute(envelope, services.settings.decision_timeout_seconds)
            result = "accepted" if decision.accepted else "refused"
        except DecisionTimeout:
            result = "undecided"
            decision = await self._decision_in_the_views()
        finally:
            self._gateway.metrics.commands.labels(envelope.type, result).observe(time.perf_counter() - started)
        return decision

    async def _decision_in_the_views(self) -> Decision:
        """A command that was decided under an earlier request is not answered again: the views may know it."""
        events = await events_of_command(self._gateway.services.db, self.command_id)
        if not events:
            raise Undecided(self.command_id)
        return decision_of(events)
