"""How a reader of the log knows that it has seen a whole decision: a header on each of its events.

`decision: 2/3` is the second of three events. A decision of one event carries no header: it is the usual case.
All events of a decision lie in one partition and become visible together.
"""

from functools import lru_cache

Headers = tuple[tuple[str, bytes], ...]

DECISION_HEADER = "decision"


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
