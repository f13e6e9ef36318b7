"""What agents and gateway say to each other: msgpack structs, one per binary WebSocket frame.

Reliable messages carry `number`: per attempt from 1 without gaps, the place in the agent's spool. The hub
acknowledges a number once Kafka has everything up to it; the agent sends again what was not acknowledged.
"""

from datetime import datetime
from typing import get_args

import msgspec

from core.pools.entries import HeldLease as HeldLease
from core.protocol.decoding import decode_tagged, decode_with
from core.runs.spec import JobSpec, LogSummary, Outcome, StepResult

PROTOCOL_VERSION = 1
SUPPORTED_VERSIONS = (1,)
MAX_FRAME_BYTES = 1 << 20

CLOSE_MALFORMED = 4400
CLOSE_UNAUTHENTICATED = 4401
CLOSE_POOL_FORBIDDEN = 4403
CLOSE_UNSUPPORTED = 4406
CLOSE_REPLACED = 4409
CLOSE_LEFT = 4410
CLOSE_LOST = 4411
CLOSE_HELLO_REJECTED = 4422
CLOSE_TOO_MANY_REFUSALS = 4429
CLOSE_UNAVAILABLE = 4503


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of all messages. Unknown fields are skipped, so an optional field with a default needs no new version."""


class HelloVersion(msgspec.Struct, frozen=True):
    """The part of a hello that every version has: read first, so that an unknown version gets a precise answer."""

    protocol: int
    software: str = ""


class Hello(Frame, frozen=True, kw_only=True, tag="hello"):
    """First word of an agent. `held`: leases it accepted and has not seen the end of acknowledged."""

    protocol: int
    agent_id: str
    region: str
    pool: str
    slots: int
    labels: tuple[str, ...] = ()
    software: str = ""
    isolation: str = ""
    held: tuple[HeldLease, ...] = ()


class Heartbeat(Frame, frozen=True, kw_only=True, tag="heartbeat"):
    """I am alive. Sent every `Welcome.heartbeat_seconds`."""


class AcceptLease(Frame, frozen=True, kw_only=True, tag="lease.accept"):
    """I take it. May be repeated until Start comes."""

    attempt_key: str
    epoch: int


class RefuseLease(Frame, frozen=True, kw_only=True, tag="lease.refuse"):
    """`reason`: no-free-slot | draining | no-sandbox | disk-full | disk-unusable."""

    attempt_key: str
    epoch: int
    reason: str
    detail: str = ""


class Draining(Frame, frozen=True, kw_only=True, tag="draining"):
    """I finish what I have and leave: no new leases, please."""


class StepStarted(Frame, frozen=True, kw_only=True, tag="step.started"):
    number: int
    attempt_key: str
    epoch: int
    index: int
    at: datetime


class StepFinished(Frame, frozen=True, kw_only=True, tag="step.finished"):
    number: int
    attempt_key: str
    epoch: int
    at: datetime
    result: StepResult


class LogWritten(Frame, frozen=True, kw_only=True, tag="log"):
    """`chunk` is an encoded `core.protocol.logs.LogChunk`: what `sealane.logs` stores, byte for byte."""

    number: int
    attempt_key: str
    epoch: int
    chunk: bytes


class JobFinished(Frame, frozen=True, kw_only=True, tag="job.finished"):
    """The last message of an attempt."""

    number: int
    attempt_key: str
    epoch: int
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    steps: tuple[StepResult, ...] = ()
    outputs: dict[str, str] = {}
    log: LogSummary = LogSummary()


ReliableMessage = StepStarted | StepFinished | LogWritten | JobFinished
AgentMessage = Hello | Heartbeat | AcceptLease | RefuseLease | Draining | ReliableMessage


class Welcome(Frame, frozen=True, kw_only=True, tag="welcome"):
    """The hello was recorded. `revoked`: attempts of `held` that are no longer this agent's.

    `window_bytes`: how much unacknowledged reliable data may be on its way. `lost_after_seconds`: after so
    long without a word, the pool gives this agent's leases away.
    """

    session: str
    revoked: tuple[str, ...] = ()
    heartbeat_seconds: float = 5.0
    lost_after_seconds: float = 30.0
    window_bytes: int = 4 << 20


class HeartbeatSeen(Frame, frozen=True, kw_only=True, tag="heartbeat.seen"):
    """The connection works both ways."""


class Offer(Frame, frozen=True, kw_only=True, tag="offer"):
    """Take this attempt? Nothing starts before Start."""

    epoch: int
    spec: JobSpec


class Start(Frame, frozen=True, kw_only=True, tag="start"):
    """The pool recorded the acceptance: go. May be repeated."""

    attempt_key: str
    epoch: int


class Cancel(Frame, frozen=True, kw_only=True, tag="cancel"):
    """SIGTERM, `grace_seconds`, SIGKILL; then report the end as usual."""

    attempt_key: str
    epoch: int
    grace_seconds: int = 10


class Abandon(Frame, frozen=True, kw_only=True, tag="abandon"):
    """The attempt is no longer yours: kill it, report nothing more about it."""

    attempt_key: str
    reason: str


class Ack(Frame, frozen=True, kw_only=True, tag="ack"):
    """Kafka has all of the attempt's messages up to and including `number`."""

    attempt_key: str
    number: int


class Drain(Frame, frozen=True, kw_only=True, tag="drain"):
    """Finish what you have, then leave."""


class Refused(Frame, frozen=True, kw_only=True, tag="refused"):
    """Something was refused: what was said under `epoch` of the attempt. Without one it is the connection itself."""

    code: str
    detail: str
    attempt_key: str = ""
    epoch: int = 0


HubMessage = Welcome | HeartbeatSeen | Offer | Start | Cancel | Abandon | Ack | Drain | Refused

_encoder = msgspec.msgpack.Encoder()
_agent_decoder: msgspec.msgpack.Decoder[AgentMessage] = msgspec.msgpack.Decoder(AgentMessage)
_hub_decoder: msgspec.msgpack.Decoder[HubMessage] = msgspec.msgpack.Decoder(HubMessage)
_version_decoder = msgspec.msgpack.Decoder(HelloVersion)


def _tags(union: object) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in get_args(union))


_AGENT_TAGS, _HUB_TAGS = _tags(AgentMessage), _tags(HubMessage)


def encode(message: AgentMessage | HubMessage) -> bytes:
    return _encoder.encode(message)


def decode_agent_message(frame: bytes) -> AgentMessage:
    """Raises NotUnderstood."""
    return decode_tagged(_agent_decoder, frame, _AGENT_TAGS)


def decode_hub_message(frame: bytes) -> HubMessage:
    """Raises NotUnderstood."""
    return decode_tagged(_hub_decoder, frame, _HUB_TAGS)


def decode_hello_version(frame: bytes) -> HelloVersion:
    """Raises NotUnderstood."""
    return decode_with(_version_decoder, frame)
