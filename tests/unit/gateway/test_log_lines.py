"""Chunks as lines: exact bytes for terminals, JSON for programs."""

import msgspec

from core.protocol.logs import LogChunk, LogLine, StreamName
from gateway.realtime.log_lines import Line, Notice, RawText, lines_of
from gateway.realtime.log_viewer import Missing

AT_US = 1_767_225_600_123_456


def chunk(*lines: LogLine, first_line: int = 0, dropped_bytes: int = 0) -> LogChunk:
    return LogChunk(
        attempt_key="r/j/1", epoch=1, seq=0, first_line=first_line, step=2, lines=lines, dropped_bytes=dropped_bytes
    )


def line(data: bytes, stream: StreamName = "stdout", partial: bool = False) -> LogLine:
    return LogLine(AT_US, stream, data, partial)


def raw(*lines: LogLine, stream: StreamName | None = None, timestamps: bool = False) -> bytes:
    return RawText(stream, timestamps).write(chunk(*lines), 0, 1000)


def test_bytes_are_kept_as_they_are() -> None:
    assert raw(line(b"\x1b[31mred\x1b[0m"), line(b"\xff\x00")) == b"\x1b[31mred\x1b[0m\n\xff\x00\n"


def test_pieces_of_a_long_line_are_joined_over_chunks() -> None:
    text = RawText()
    first = text.write(chunk(line(b"abc", partial=True)), 0, 9)
    assert first + text.write(chunk(line(b"def"), first_line=1), 0, 9) == b"abcdef\n"


def test_line_that_another_stream_breaks_into_is_ended() -> None:
    pieces = (line(b"out", partial=True), line(b"err", "stderr"), line(b"put"))
    assert raw(*pieces) == b"out\nerr\nput\n"


def test_one_stream_alone_is_exact() -> None:
    pieces = (line(b"out", partial=True), line(b"err", "stderr"), line(b"put"))
    assert raw(*pieces, stream="stdout") == b"output\n"


def test_time_stands_before_each_line_but_not_inside() -> None:
    written = raw(line(b"ab", partial=True), line(b"cd"), line(b"ef"), timestamps=True)
    assert written == b"2026-01-01T00:00:00.123456Z abcd\n2026-01-01T00:00:00.123456Z ef\n"


def test_only_wanted_lines_are_written() -> None:
    text = RawText().write(chunk(line(b"a"), line(b"b"), line(b"c"), first_line=10), 11, 12)
    assert text == b"b\n"


def test_missing_chunks_are_a_line_of_their_own() -> None:
    text = RawText()
    assert text.write(chunk(line(b"half", partial=True)), 0, 9) == b"half"
    assert text.write(Missing(3, 5, "not-received"), 0, 9) == (
        b"\n[chunks 3 to 5 of the log are missing: not-received]\n"
    )


def test_lines_carry_their_place_and_time() -> None:
    (found,) = lines_of("build", 2, chunk(line(b"hello", "stderr"), first_line=7))
    assert isinstance(found, Line)
    assert msgspec.to_builtins(found) == {
        "job": "build",
        "attempt": 2,
        "line": 7,
        "step": 2,
        "stream": "stderr",
        "at": "2026-01-01T00:00:00.123456Z",
        "text": "hello",
    }


def test_bytes_that_are_no_text_are_there_in_full() -> None:
    (found,) = lines_of("build", 1, chunk(line(b"a\xffb")))
    assert msgspec.json.decode(msgspec.json.encode(found))["base64"] == "Yf9i"
    assert isinstance(found, Line)
    assert found.text == "a\ufffdb"


def test_truncation_and_gaps_are_noticed() -> None:
    cut = lines_of("build", 1, chunk(line(b"x"), dropped_bytes=42))[-1]
    gone = lines_of("build", 1, Missing(1, 1, "spool-full"))[0]
    assert isinstance(cut, Notice)
    assert isinstance(gone, Notice)
    assert (cut.code, gone.code) == ("log-truncated", "spool-full")
    assert "42 bytes" in cut.detail
