"""The two headers of event records, for readers that must know more than one event says.

`decision: 2/3` is the second of three events of one decision; one alone carries none, it is the usual case. All of
them lie in one partition and become visible together. `history: 5-90` stands on the first event of a stream that
had left memory: its earlier events lie between these offsets of the partition.
"""

from functools import lru_cache

Headers = tuple[tuple[str, bytes], ...]

DECISION_HEADER = "decision"
HISTORY_HEADER = "history"


@lru_cache(maxsize=4096)
def decision_headers(index: int, total: int) -> Headers:
    """The header of event number `index` (from 0) of `total`."""
    return () if total == 1 else ((DECISION_HEADER, b"%d/%d" % (index + 1, total)),)


def decision_part(headers: Headers) -> tuple[int, int]:
    """(number from 1, of how many)."""
    for name, value in headers:
        if name == DECISION_HEADER:
            part, _, of = value.partition(b"/")
            return int(part), int(of)
    return 1, 1


def history_headers(offsets: tuple[int, int]) -> Headers:
    return ((HISTORY_HEADER, b"%d-%d" % offsets),)


def history(headers: Headers) -> tuple[int, int] | None:
    """(first, last) offset of the stream's earlier events."""
    for name, value in headers:
        if name == HISTORY_HEADER:
            first, _, last = value.partition(b"-")
            return int(first), int(last)
    return None
