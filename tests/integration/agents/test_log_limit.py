"""A job's log has the limit of the installation, whoever runs the agent; what is over it is missing on record."""

from tests.integration.agents.rig import Rig

LIMIT = 100_000
LINE = b"x" * 99 + b"\n"
WRITE = "head -c {bytes} /dev/zero | tr '\\0' x | fold -w 99"


def test_log_over_the_installations_limit_is_cut_off_on_record(rig: Rig) -> None:
    rig.stop_hub()
    rig.start_hub(max_log_bytes=LIMIT)
    rig.agent()
    attempt = rig.job(WRITE.format(bytes=99 * 3000), "echo never kept >&2")

    end = attempt.finished()

    assert end.outcome == "success"
    assert attempt.data("stdout", "stderr") == LINE * (LIMIT // 100)
    assert end.log.bytes == LIMIT
    assert end.log.dropped_bytes == 3000 * 100 - 1 - LIMIT + len("never kept\n")
    assert attempt.chunks()[-1].dropped_bytes == end.log.dropped_bytes
    assert f"The log limit of {LIMIT} bytes is reached" in attempt.data("system").decode()


def test_log_within_the_limit_is_whole_and_says_nothing_of_it(rig: Rig) -> None:
    rig.stop_hub()
    rig.start_hub(max_log_bytes=LIMIT)
    rig.agent()
    attempt = rig.job("head -c 99999 /dev/zero | tr '\\0' x; echo")

    end = attempt.finished()

    assert (end.log.bytes, end.log.dropped_bytes) == (LIMIT, 0)
    assert attempt.data("stdout") == b"x" * 99_999 + b"\n"
    assert "limit" not in attempt.data("system").decode()
