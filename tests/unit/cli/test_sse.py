"""Server-sent events as the command line reads them."""

from gateway.cli.sse import Event, parse_events
from gateway.realtime.sse import frame


def lines(data: bytes) -> list[str]:
    return data.decode().split("\n")


def test_what_the_gateway_writes_is_read_back() -> None:
    sent = frame("line", {"text": "a: b"}, "7") + b": still here\n\n" + frame("notice", {"detail": "x"})
    assert list(parse_events(lines(sent))) == [
        Event("line", {"text": "a: b"}, "7"),
        Event("notice", {"detail": "x"}, ""),
    ]


def test_event_that_was_cut_off_is_left_out() -> None:
    assert list(parse_events(["event: line", 'data: {"text":'])) == []


def test_data_in_several_lines_is_one_document() -> None:
    assert list(parse_events(["data: [1,", "data: 2]", ""])) == [Event("message", [1, 2])]
