"""The gateway's side of its agents: offers out, acceptances and reports in, heartbeats collected per pool.

Whatever an agent says is acknowledged to it only after Kafka has it. A JobFinished is written after everything
the attempt said before, so a finished job never has a hole in its log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from core.eventlog.envelope import CommandEnvelope, EventEnvelope, Stream
from core.eventlog.topics import Topology, events_topic
from core.ids import split_attempt_key
from core.pools import commands as c
from core.pools import events as e
from core.ports import AsyncProducer, Clock, CommandBus, Decision, DecisionTimeout, EventTail, LogUnavailable
from core.protocol import messages as m
from gateway.realtime.agent_commands import AgentCommands
from gateway.realtime.agent_notices import AgentNotices
from gateway.realtime.agent_reports import AgentReports
from gateway.realtime.agent_session import WINDOW_BYTES, AgentSession

log = logging.getLogger("sealane.agent-hub")
HEARTBEAT_SECONDS = 5.0
# The pool loses an agent 30 s after its last recorded beat, and a beat is recorded up to 12 s late.
FENCE_SECONDS = 18.0
RESTART_SECONDS = 1.0


class HelloRejected(Exception):
    """The pool does not take the agent as it describes itself."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class AgentHub:
    """Run `run()` as a task. `correlation_of` answers a run's correlation id, or "". `max_log_bytes`: of one job."""

    def __init__(
        self,
        bus: CommandBus,
        producer: AsyncProducer,
        tail: EventTail,
        topology: Topology,
        clock: Clock,
        new_session: Callable[[], str],
        correlation_of: Callable[[str], Awaitable[str]],
        max_log_bytes: int,
    ) -> None:
        self._bus = bus
        self._tail = tail
        self._commands = AgentCommands(topology, clock)
        self._reports = AgentReports(bus, producer, topology.regions, self._commands, self._record)
        self._new_session = new_session
        self._correlation_of = correlation_of
        self._notices = AgentNotices(max_log_bytes)
        self._sessions: dict[tuple[Stream, str], AgentSession] = {}
        self._alive: dict[Stream, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beats = 0

    @property
    def connected(self) -> int:
        return len(self._sessions)

    async def run(self) -> None:
        """For ever. When events were missed, all agents connect anew, which tells them everything."""
        beats = asyncio.create_task(self._report_heartbeats())
        try:
            while True:
                try:
                    async for _, event in self._tail.subscribe(frozenset((events_topic("pools"),))):
                        self._see(event)
                except Exception:
                    log.exception("the agent hub missed events: agents connect anew")
                    self.close_all()
                    await asyncio.sleep(RESTART_SECONDS)
        finally:
            beats.cancel()

    def close_all(self) -> None:
        for session in self._sessions.values():
            session.close(m.CLOSE_UNAVAILABLE, "the gateway starts over")

    async def open(self, hello: m.Hello, actor: str) -> tuple[AgentSession, m.Welcome]:
        """Register the agent, replacing an older connection of it.

        Raises HelloRejected, LogUnavailable or DecisionTimeout.
        """
        session = AgentSession(hello, self._new_session(), actor)
        # Before the pool answers: a lease that ends meanwhile is taken out again by its event.
        session.leases.update({held.attempt_key: (held.epoch, "") for held in hello.held})
        key = (session.pool, session.agent_id)
        if key in self._sessions:
            self._sessions[key].close(m.CLOSE_REPLACED, f"agent '{session.agent_id}' has connected again")
        self._sessions[key] = session
        try:
            decision = await self._connect(hello, session)
            if not decision.accepted:
                raise HelloRejected(decision.code, decision.detail)
        except BaseException:
            self._forget(session)
            raise
        revoked = _revoked(decision)
        for held in hello.held:
            if held.attempt_key in revoked:
                session.let_go(held.attempt_key, held.epoch)
        await self._remember_correlations(session)
        self._alive.setdefault(session.pool, set()).add(session.agent_id)
        welcome = m.Welcome(
            session=session.session,
            revoked=revoked,
            heartbeat_seconds=HEARTBEAT_SECONDS,
            lost_after_seconds=FENCE_SECONDS,
            window_bytes=WINDOW_BYTES,
        )
        return session, welcome

    async def _remember_correlations(self, session: AgentSession) -> None:
        for attempt_key, (epoch, known) in list(session.leases.items()):
            correlation = known or await self._correlation(attempt_key)
            if session.leases.get(attempt_key, (0, ""))[0] == epoch:
                session.leases[attempt_key] = (epoch, correlation)

    async def _correlation(self, attempt_key: str) -> str:
        """Of the attempt's run. The views may be away; no agent is kept waiting for that."""
        try:
            return await self._correlation_of(split_attempt_key(attempt_key)[0])
        except Exception as error:
            log.warning("the correlation id of %s is not known: %s", attempt_key, error)
            return ""

    async def _connect(self, hello: m.Hello, session: AgentSession) -> Decision:
        command = c.ConnectAgent(
            agent_id=hello.agent_id,
            session=session.session,
            slots=hello.slots,
            labels=hello.labels,
            isolation=hello.isolation,
            version=hello.software,
            held=hello.held,
        )
        return await self._bus.execute(self._commands.to_pool(session, command, reply=True))

    async def closed(self, session: AgentSession) -> None:
        """The connection is gone."""
        self._forget(session)
        command = c.DisconnectAgent(agent_id=session.agent_id, session=session.session)
        try:
            await self._bus.send(self._commands.to_pool(session, command))
        except LogUnavailable as error:
            log.warning("the end of %s's connection is not recorded: %s", session.agent_id, error)

    def _forget(self, session: AgentSession) -> None:
        key = (session.pool, session.agent_id)
        if self._sessions.get(key) is session:
            del self._sessions[key]

    async def take(self, session: AgentSession, message: m.AgentMessage) -> None:
        """One message of an agent. Returns before the log has it, but in order. Raises MalformedReport."""
        self._alive.setdefault(session.pool, set()).add(session.agent_id)
        match message:
            case m.Heartbeat():
                session.say(m.HeartbeatSeen())
            case m.AcceptLease():
                self._spawn(self._accept(session, message))
            case m.RefuseLease():
                session.let_go(message.attempt_key, message.epoch)
                refuse = c.RefuseLease(
                    attempt_key=message.attempt_key,
                    epoch=message.epoch,
                    agent_id=session.agent_id,
                    reason=f"{message.reason}: {message.detail}" if message.detail else message.reason,
                )
                self._record(self._commands.to_pool(session, refuse, message.attempt_key, message.epoch))
            case m.Draining():
                drain = c.DrainAgent(agent_id=session.agent_id)
                self._record(self._commands.to_pool(session, drain))
            case m.StepStarted() | m.StepFinished() | m.LogWritten() | m.JobFinished():
                await self._reports.take(session, message)
            case m.Hello():
                session.close(m.CLOSE_MALFORMED, "a second hello")

    async def _accept(self, session: AgentSession, message: m.AcceptLease) -> None:
        accept = c.AcceptLease(attempt_key=message.attempt_key, epoch=message.epoch, agent_id=session.agent_id)
        command = self._commands.to_pool(session, accept, message.attempt_key, message.epoch, reply=True)
        try:
            decision = await self._bus.execute(command)
        except (DecisionTimeout, LogUnavailable) as error:
            # Where it was decided long ago, no event will come that says Start: connecting anew asks again.
            log.warning("acceptance of %s is not decided: %s", message.attempt_key, error)
            session.close(m.CLOSE_UNAVAILABLE, f"the acceptance of {message.attempt_key} is not decided")
            return
        if decision.accepted:
            session.say(m.Start(attempt_key=message.attempt_key, epoch=message.epoch))
        else:
            session.refuse(decision.code, decision.detail, message.attempt_key, message.epoch)

    def _see(self, event: EventEnvelope) -> None:
        if not self._notices.concerns(event):
            return
        message: Any = e.EVENTS.decode(event.type, event.schema_version, event.data)
        session = self._sessions.get((Stream.parse(event.stream), message.agent_id))
        # What came before the connection is on record was meant for an earlier one: our tail may be behind the pool.
        if session is not None and (session.on_record or event.type == e.AgentConnected.TYPE):
            self._notices.tell(session, event.type, message)

    def _record(self, command: CommandEnvelope) -> None:
        self._spawn(self._send(command))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: CommandEnvelope) -> None:
        try:
            await self._bus.send(command)
        except LogUnavailable as error:
            log.warning("%s of an agent is not recorded: %s", command.type, error)

    async def _report_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            alive, self._alive = self._alive, {}
            self._beats += 1
            for pool, agents in alive.items():
                session = next((each for key, each in self._sessions.items() if key[0] == pool), None)
                if session is not None:
                    command = c.RecordHeartbeats(agents=tuple(sorted(agents)))
                    await self._send(self._commands.to_pool(session, command, self._beats))


def _revoked(decision: Decision) -> tuple[str, ...]:
    for event in decision.events:
        if event.type == e.AgentConnected.TYPE:
            return msgspec.json.decode(event.data, type=e.AgentConnected).revoked
    return ()
