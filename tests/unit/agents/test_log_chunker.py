"""Lines out of any bytes in any pieces: nothing is lost, nothing is added, no piece is too long."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.log_chunker import LineSplitter, Piece

LIMIT = 7
# Newlines, what only looks like them, colours and bytes that are no text.
words = st.sampled_from([b"\n", b"\r\n", b"\r", b"\x1b[31m", b"\x1b[0m", b"\xff\xfe", b"\x00", "ä".encode(), b"x" * 20])
data = st.lists(words | st.binary(max_size=12), max_size=30).map(b"".join)


def put_together(pieces: list[Piece]) -> bytes:
    return b"".join(piece if partial else piece + b"\n" for piece, partial in pieces)


@given(data, st.lists(st.tuples(st.integers(0, 40), st.booleans())))
@settings(max_examples=150, deadline=None)
def test_any_bytes_in_any_pieces_come_out_as_they_went_in(whole: bytes, cuts: list[tuple[int, bool]]) -> None:
    splitter, pieces, at = LineSplitter(LIMIT), [], 0
    for size, flush in [*cuts, (len(whole), False)]:
        pieces += splitter.feed(whole[at : at + size])
        pieces += splitter.flush() if flush else []
        at += size
    pieces += splitter.end()

    ended = whole if not whole or whole.endswith(b"\n") else whole + b"\n"
    assert put_together(pieces) == ended
    assert all(len(piece) <= LIMIT and b"\n" not in piece for piece, _ in pieces)
    assert not splitter.holds


@given(data)
@settings(deadline=None)
def test_the_same_bytes_make_the_same_lines_in_one_piece_or_in_single_bytes(whole: bytes) -> None:
    at_once, by_bytes = LineSplitter(LIMIT), LineSplitter(LIMIT)

    single = [piece for n in range(len(whole)) for piece in by_bytes.feed(whole[n : n + 1])]

    assert at_once.feed(whole) + at_once.end() == single + by_bytes.end()


def test_line_over_the_limit_is_partial_pieces_and_an_end() -> None:
    splitter = LineSplitter(3)

    assert splitter.feed(b"abcdefgh\nij") == [(b"abc", True), (b"def", True), (b"gh", False)]
    assert splitter.end() == [(b"ij", False)]


def test_line_of_just_the_limit_is_whole() -> None:
    splitter = LineSplitter(3)

    assert splitter.feed(b"abc\n") == [(b"abc", False)]


def test_empty_lines_are_lines() -> None:
    assert LineSplitter().feed(b"\n\na\n") == [(b"", False), (b"", False), (b"a", False)]


def test_line_that_was_shown_in_part_is_ended_even_by_nothing() -> None:
    splitter = LineSplitter()
    splitter.feed(b"Password: ")

    assert splitter.flush() == [(b"Password: ", True)]
    assert splitter.flush() == []
    assert splitter.end() == [(b"", False)]
