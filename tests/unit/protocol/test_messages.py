"""What agents and gateway say to each other: understood as it was meant, or refused with the reason, whatever comes."""

import zlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.pipeline.plan import Step
from core.protocol import messages as m
from core.protocol.decoding import NotUnderstood
from core.protocol.logs import LogChunk, LogLine, decode_chunk, encode_chunk
from core.protocol.segments import decode_segment, encode_segment
from core.runs.spec import JobSpec, LogSummary, Source, StepResult

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE: dict[str, Any] = {"attempt_key": "us-east-1/job/2", "epoch": 7}
RESULT = StepResult(3, "täst", "failure", 137, "oom-killed", AT, AT)
SPEC = JobSpec(
    run_id="us-east-1",
    job_id="job",
    attempt=2,
    app="app",
    stage="s",
    name="n",
    source=Source("https://forge.invalid/a.git", "c" * 40, "refs/heads/main"),
    env={"A": "b"},
    steps=(Step(name="x", run="true"),),
    timeout_seconds=60,
)
AGENT_MESSAGES: tuple[m.AgentMessage, ...] = (
    m.Hello(
        protocol=1,
        agent_id="a",
        region="us-east",
        pool="default",
        slots=2,
        labels=("gpu",),
        held=(m.HeldLease("k", 3),),
    ),
    m.Heartbeat(),
    m.AcceptLease(**LEASE),
    m.RefuseLease(reason="disk-full", detail="0 MiB", **LEASE),
    m.Draining(),
    m.StepStarted(number=1, index=0, at=AT, **LEASE),
    m.StepFinished(number=2, at=AT, result=RESULT, **LEASE),
    m.LogWritten(number=3, chunk=b"\x00\xff", **LEASE),
    m.JobFinished(
        number=4,
        outcome="failure",
        reason="exit-code",
        detail="d",
        steps=(RESULT,),
        outputs={"v": "1"},
        log=LogSummary(1, 2, 3, 4),
        **LEASE,
    ),
)
HUB_MESSAGES: tuple[m.HubMessage, ...] = (
    m.Welcome(session="s", revoked=("k",)),
    m.HeartbeatSeen(),
    m.Offer(epoch=7, spec=SPEC),
    m.Start(**LEASE),
    m.Cancel(grace_seconds=3, **LEASE),
    m.Abandon(attempt_key="k", reason="lost"),
    m.Ack(attempt_key="k", number=9),
    m.Drain(),
    m.Refused(code="stale-lease", detail="no"),
)
FRAMES = [m.encode(message) for message in (*AGENT_MESSAGES, *HUB_MESSAGES)]
pack = msgspec.msgpack.encode

lines = st.builds(
    LogLine, st.integers(0, 2**62), st.sampled_from(["stdout", "stderr", "system"]), st.binary(), st.booleans()
)
chunks = st.builds(
    LogChunk,
    attempt_key=st.text(),
    epoch=st.integers(0, 2**62),
    seq=st.integers(0, 2**62),
    first_line=st.integers(0, 2**62),
    step=st.integers(-1, 10_000),
    lines=st.lists(lines).map(tuple),
    dropped_bytes=st.integers(0, 2**62),
    last=st.booleans(),
)


def test_every_message_of_the_protocol_is_among_the_samples() -> None:
    assert {type(message) for message in AGENT_MESSAGES} == set(get_args(m.AgentMessage))
    assert {type(message) for message in HUB_MESSAGES} == set(get_args(m.HubMessage))


@pytest.mark.parametrize("message", AGENT_MESSAGES, ids=lambda each: type(each).__name__)
def test_agents_messages_arrive_as_they_were_sent(message: m.AgentMessage) -> None:
    assert m.decode_agent_message(m.encode(message)) == message


@pytest.mark.parametrize("message", HUB_MESSAGES, ids=lambda each: type(each).__name__)
def test_hubs_messages_arrive_as_they_were_sent(message: m.HubMessage) -> None:
    assert m.decode_hub_message(m.encode(message)) == message


@given(chunks)
@settings(deadline=None)
def test_chunk_of_any_bytes_arrives_as_it_was_sent(chunk: LogChunk) -> None:
    assert decode_chunk(encode_chunk(chunk)) == chunk


@given(st.lists(chunks, max_size=5))
@settings(deadline=None)
def test_archived_segment_gives_back_its_chunks(written: list[LogChunk]) -> None:
    assert list(decode_segment(encode_segment(map(encode_chunk, written)))) == written


def test_segment_that_is_cut_off_is_not_taken_for_a_shorter_one() -> None:
    chunk = LogChunk(seq=0, first_line=0, step=0, lines=(LogLine(1, "stdout", b"x"),), **LEASE)
    encoded = encode_chunk(chunk)
    with_leftovers = zlib.compress(len(encoded).to_bytes(4, "big") + encoded + b"\x00\x00")

    with pytest.raises(NotUnderstood, match="2 bytes are left over"):
        list(decode_segment(with_leftovers))


def test_field_of_a_newer_version_is_passed_over() -> None:
    assert m.decode_agent_message(pack({"type": "heartbeat", "mood": ["fine"]})) == m.Heartbeat()


def test_message_of_a_newer_version_is_refused_by_name() -> None:
    with pytest.raises(NotUnderstood, match=r"message type 'lease\.ponder' is not known here: update the older side"):
        m.decode_agent_message(pack({"type": "lease.ponder", "epoch": 1}))


@pytest.mark.parametrize("message", HUB_MESSAGES, ids=lambda each: type(each).__name__)
def test_agent_may_not_say_what_only_the_hub_says(message: m.HubMessage) -> None:
    with pytest.raises(NotUnderstood, match="is not known here"):
        m.decode_agent_message(m.encode(message))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"type": "lease.accept", "epoch": 1}, "message 'lease.accept': .*attempt_key"),
        ({"type": "lease.accept", "attempt_key": "k", "epoch": "one"}, r"message 'lease.accept': .*int.*\$\.epoch"),
        ({"type": "job.finished", "number": 1, "outcome": "fine", **LEASE}, r"'fine'.*\$\.outcome"),
        ({"no": "type"}, "type"),
        ([1, 2], "object"),
        (None, "object"),
    ],
)
def test_message_that_does_not_fit_is_refused_with_the_place(value: object, words: str) -> None:
    with pytest.raises(NotUnderstood, match=words):
        m.decode_agent_message(pack(value))


def test_text_that_is_no_text_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="not UTF-8"):
        m.decode_agent_message(b"\x81\xa4type\xa3\xff\xfe\xfd")


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="nested too deeply"):
        m.decode_hello_version(b"\x81\xa1x" + b"\x91" * 500_000 + b"\xc0")


def decode_in_all_ways(frame: bytes) -> None:
    """Raises nothing but NotUnderstood, which is what is claimed."""
    for decode in (m.decode_agent_message, m.decode_hub_message, m.decode_hello_version, decode_chunk):
        with suppress(NotUnderstood):
            decode(frame)


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_decoders(frame: bytes) -> None:
    decode_in_all_ways(frame)


@given(
    st.sampled_from(FRAMES),
    st.lists(st.tuples(st.sampled_from(["set", "cut", "put"]), st.integers(0, 999), st.integers(0, 255)), min_size=1),
)
@settings(max_examples=300, deadline=None)
def test_no_damage_to_a_message_breaks_the_decoders(frame: bytes, damage: list[tuple[str, int, int]]) -> None:
    damaged = bytearray(frame)
    for kind, place, value in damage:
        at = place % (len(damaged) + 1)
        if kind == "cut":
            del damaged[at:]
        elif kind == "put" or at == len(damaged):
            damaged.insert(at, value)
        else:
            damaged[at] = value
    decode_in_all_ways(bytes(damaged))
