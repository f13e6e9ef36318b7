"""What an agent says, as commands and log records. Ids are derived, so that what is said twice counts once."""

from typing import Any

from core.eventlog.envelope import CommandEnvelope, Stream
from core.eventlog.routing import make_command
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import LOGS_TOPIC, Topology
from core.ids import derived_id, region_of_run, split_attempt_key, trace_id
from core.pools.commands import COMMANDS as POOL_COMMANDS
from core.ports import Clock, OutgoingRecord
from core.protocol import messages as m
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.commands import FinishJob, ReportStep
from gateway.realtime.agent_session import AgentSession


class AgentCommands:
    """Builds envelopes on behalf of agents."""

    def __init__(self, topology: Topology, clock: Clock) -> None:
        self._topology = topology
        self._clock = clock

    def to_pool(
        self, session: AgentSession, command: Message, *parts: str | int, reply: bool = False
    ) -> CommandEnvelope:
        """`parts` tell this command from all others of the session."""
        command_id = derived_id("agent", session.session, command.TYPE, *parts)
        return self._make(session.pool, session.region, command, POOL_COMMANDS, session, command_id, "", reply)

    def report(self, session: AgentSession, message: m.StepStarted | m.StepFinished | m.JobFinished) -> CommandEnvelope:
        """The command to the Run."""
        run, job, attempt = split_attempt_key(message.attempt_key)
        held: dict[str, Any] = {"job_id": job, "attempt": attempt, "epoch": message.epoch, "agent_id": session.agent_id}
        # The agent is part of the id: whoever lies about a lease must not use up the id of its holder's report.
        reporter = (str(session.pool), session.agent_id)
        command_id = derived_id("report", *reporter, message.attempt_key, message.epoch, message.number)
        correlation = session.leases.get(message.attempt_key, (0, ""))[1] or trace_id(run)
        command = _run_command(message, held)
        stream = Stream("run", run)
        return self._make(stream, region_of_run(run), command, RUN_COMMANDS, session, command_id, correlation, False)

    def log_record(self, message: m.LogWritten) -> OutgoingRecord:
        run, _, _ = split_attempt_key(message.attempt_key)
        partition = self._topology.partition(region_of_run(run), message.attempt_key)
        return OutgoingRecord(LOGS_TOPIC, partition, message.attempt_key.encode(), message.chunk)

    def _make(
        self,
        stream: Stream,
        region: str,
        command: Message,
        catalogue: Catalogue,
        session: AgentSession,
        command_id: str,
        correlation: str,
        reply: bool,
    ) -> CommandEnvelope:
        return make_command(
            command_id=command_id,
            stream=stream,
            region=region,
            command=command,
            catalogue=catalogue,
            actor=session.actor,
            correlation_id=correlation or trace_id(session.session),
            causation_id=session.session,
            issued_at=self._clock.now(),
            wants_reply=reply,
        )


def _run_command(message: m.StepStarted | m.StepFinished | m.JobFinished, held: dict[str, Any]) -> Message:
    if isinstance(message, m.StepStarted):
        return ReportStep(index=message.index, at=message.at, **held)
    if isinstance(message, m.StepFinished):
        result = message.result
        return ReportStep(
            index=result.index,
            outcome=result.outcome,
            exit_code=result.exit_code,
            reason=result.reason,
            at=message.at,
            **held,
        )
    return FinishJob(
        outcome=message.outcome,
        reason=message.reason,
        detail=message.detail,
        steps=message.steps,
        outputs=message.outputs,
        log=message.log,
        **held,
    )
