"""What the pool decided, told to the agent it concerns: offers, starts, cancels, the end of a lease or of the agent."""

from collections.abc import Callable
from typing import Any

import msgspec

from core.eventlog.envelope import EventEnvelope
from core.pools import events as e
from core.protocol import messages as m
from gateway.realtime.agent_session import AgentSession


class AgentNotices:
    """`max_log_bytes`: where agents cut off a job's log, on record. It goes with each offer, whoever runs the agent."""

    def __init__(self, max_log_bytes: int) -> None:
        self._max_log_bytes = max_log_bytes
        self._handlers: dict[str, Callable[[AgentSession, Any], None]] = {
            e.AgentConnected.TYPE: _connected,
            e.LeaseGranted.TYPE: self._granted,
            e.LeaseAccepted.TYPE: _accepted,
            e.LeaseCancelRequested.TYPE: _cancel,
            e.LeaseLost.TYPE: _withdraw,
            e.LeaseReturned.TYPE: _withdraw,
            e.LeaseReleased.TYPE: _withdraw,
            e.AgentDraining.TYPE: _drain,
            e.AgentGone.TYPE: _gone,
        }

    def concerns(self, event: EventEnvelope) -> bool:
        return event.type in self._handlers

    def tell(self, session: AgentSession, kind: str, message: Any) -> None:
        """`message` is the event of type `kind`, one that concerns()."""
        self._handlers[kind](session, message)

    def _granted(self, session: AgentSession, event: e.LeaseGranted) -> None:
        session.leases[event.attempt_key] = (event.epoch, event.entry.correlation_id)
        spec = msgspec.structs.replace(event.entry.spec, max_log_bytes=self._max_log_bytes)
        session.say(m.Offer(epoch=event.epoch, spec=spec))


def _connected(session: AgentSession, event: e.AgentConnected) -> None:
    if event.session != session.session:
        if session.on_record:
            session.close(m.CLOSE_REPLACED, f"agent '{session.agent_id}' has connected to another gateway")
        return
    session.on_record = True
    if event.draining:
        # It may have been told while it was away.
        session.say(m.Drain())


def _accepted(session: AgentSession, event: e.LeaseAccepted) -> None:
    """Also seen as the decision of our own AcceptLease; this one comes even if nobody waited any more."""
    session.say(m.Start(attempt_key=event.attempt_key, epoch=event.epoch))


def _cancel(session: AgentSession, event: e.LeaseCancelRequested) -> None:
    session.say(m.Cancel(attempt_key=event.attempt_key, epoch=event.epoch, grace_seconds=event.grace_seconds))


def _withdraw(session: AgentSession, event: Any) -> None:
    """The lease is over. If its agent has not finished or refused the attempt itself, it must let go."""
    if session.let_go(event.attempt_key, event.epoch):
        session.say(m.Abandon(attempt_key=event.attempt_key, reason=getattr(event, "reason", "released")))


def _drain(session: AgentSession, event: e.AgentDraining) -> None:
    session.say(m.Drain())


def _gone(session: AgentSession, event: e.AgentGone) -> None:
    """The pool counts on it no more, so neither do we: one that is not finished connects again, as new."""
    if event.reason == "left":
        session.close(m.CLOSE_LEFT, "drained: goodbye")
    else:
        session.close(m.CLOSE_LOST, "the pool has not heard of this agent for too long and gave its leases away")
