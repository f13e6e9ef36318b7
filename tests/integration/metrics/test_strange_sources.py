"""A metrics server that answers late, wrongly, with NaN or not at all: each has an outcome, and none is a pass."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from agents.metrics.base import Counted, MeasureRequest
from agents.metrics.prometheus import Prometheus
from core.deployments.commands import Measurement
from core.environments.settings import Check
from infra.embedded.ports import choose_port
from tests.support.metrics import PLACE, Reply, Speaker

QUERY = 'sum(up{version="$version"})'
ERROR, EMPTY, VALUE = "error", "empty", "value"


@pytest.fixture
def serving() -> Iterator[Callable[[Reply], Speaker]]:
    started: list[Speaker] = []

    def start(reply: Reply) -> Speaker:
        started.append(Speaker(lambda path, form: reply))
        return started[-1]

    yield start
    for each in started:
        each.close()


def ask(url: str, *checks: Check, seconds: float = 10.0, baseline: str = "") -> tuple[Measurement, ...]:
    checks = checks or (Check("up", query=QUERY),)
    return Prometheus(url).measure(MeasureRequest(PLACE, "v2", baseline, checks, 60.0, seconds))


def vector(*values: str) -> Reply:
    return success("vector", [{"metric": {"n": str(n)}, "value": [1.0, value]} for n, value in enumerate(values)])


def success(kind: str, result: object, **more: object) -> Reply:
    return Reply(body=json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}))


def refusal(status: int, kind: str, text: str) -> Reply:
    return Reply(status, json.dumps({"status": "error", "errorType": kind, "error": text}))


@pytest.mark.parametrize(
    ("reply", "outcome", "said"),
    [
        (vector("0.25"), VALUE, ""),
        (success("scalar", [1.0, "0.25"]), VALUE, ""),
        (success("vector", [], warnings=[]), EMPTY, "the answer is empty"),
        (vector("NaN"), EMPTY, "the answer is NaN"),
        (vector("+Inf"), EMPTY, "the answer is inf"),
        (vector("-Inf"), EMPTY, "the answer is -inf"),
        (vector("1", "2"), ERROR, "answers with 2 series; make them one"),
        (success("matrix", []), ERROR, "the query's answer is a matrix; it must be one number"),
        (success("string", [1, "x"]), ERROR, "is a string"),
        (success("vector", [{"metric": {}}]), ERROR, "can't be understood"),
        (success("vector", [{"metric": {}, "value": [1, "much"]}]), ERROR, "can't be understood"),
        (success("vector", 5), ERROR, "can't be understood"),
        (Reply(body='{"status": "success"}'), ERROR, "can't be understood"),
        (success("vector", [], warnings=["remote read: timeout"]), ERROR, "may not be whole: remote read: timeout"),
        (refusal(400, "bad_data", "parse error at char 5"), ERROR, "refused: parse error at char 5 (bad_data)"),
        (refusal(503, "timeout", "query timed out"), ERROR, "refused: query timed out (timeout)"),
        (
            Reply(500, "<html>secret</html>", "text/html"),
            ERROR,
            "answered 500 with something that is not Prometheus' JSON",
        ),
        (Reply(200, "up 1\n"), ERROR, "answered 200 with something that is not"),
        (Reply(200, ""), ERROR, "answered 200 with something that is not"),
        (Reply(200, "[1, 2]"), ERROR, "answered 200 with something that is not"),
        (Reply(302, "moved"), ERROR, "answered 302 with something that is not"),
        (Reply(200, '{"status": "success", "data": "' + "x" * 2_000_000 + '"}'), ERROR, "something that is not"),
    ],
)
def test_every_answer_has_its_outcome(
    serving: Callable[[Reply], Speaker], reply: Reply, outcome: str, said: str
) -> None:
    (found,) = ask(serving(reply).url)
    assert (found.check, found.outcome) == ("up", outcome)
    assert said in found.detail
    assert "secret" not in found.detail
    assert found.value == (0.25 if outcome == VALUE else None)


def test_remarks_on_style_are_no_warnings(serving: Callable[[Reply], Speaker]) -> None:
    remark = "PromQL info: metric might not be a counter, name does not end in _total"
    reply = success("vector", [{"metric": {}, "value": [1, "3"]}], warnings=[remark])
    (found,) = ask(serving(reply).url)
    assert (found.outcome, found.value) == ("value", 3.0)


def test_server_that_is_not_there_is_an_error_of_every_check() -> None:
    url = f"http://127.0.0.1:{choose_port(0, 'nobody')}"
    found = ask(url, Check("a", query="up"), Check("b", metric="error-rate"))
    assert [(each.check, each.outcome) for each in found] == [("a", "error"), ("b", "error")]
    assert all(each.detail.startswith(f"{url} can't be asked: ") for each in found)


@pytest.mark.parametrize("url", ["http://[", "prometheus", "ftp://x", "http://127.0.0.1:99999", ""])
def test_what_is_no_url_is_an_error(url: str) -> None:
    (found,) = ask(url)
    assert found.outcome == "error"
    assert found.detail.startswith("the analysis' source is no URL of a Prometheus: ")


def test_server_that_answers_late_is_an_error_in_time() -> None:
    release = threading.Event()

    def late(path: str, form: str) -> Reply:
        release.wait(30)
        return vector("0")

    speaker = Speaker(late)
    try:
        found = ask(speaker.url, Check("a", query="up"), Check("b", query="up"), seconds=0.3)
        assert not release.is_set()
    finally:
        release.set()
        speaker.close()
    assert [each.detail for each in found] == [f"{speaker.url} did not answer within 0.3 s"] * 2


def test_server_that_dribbles_its_answer_is_an_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def dribble() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.05):
                    connection.sendall(b" ")

        thread = threading.Thread(target=dribble)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        (found,) = ask(url, seconds=0.5)
        stop.set()
        thread.join()
    assert found.detail == f"{url} did not answer within 0.5 s"


def test_one_bad_query_does_not_spoil_the_others(serving: Callable[[Reply], Speaker]) -> None:
    checks = (Check("bad", query="up{a=$nope}"), Check("none", metric="speed"), Check("good", query="up"))
    found = ask(serving(vector("1")).url, *checks)
    assert [each.outcome for each in found] == ["error", "error", "value"]
    assert "unknown variable $nope" in found[0].detail
    assert "unknown metric 'speed'" in found[1].detail


def form(speaker: Speaker) -> list[str]:
    return sorted(parse_qs(sent)["query"][0] for _, sent in speaker.requests)


def test_variables_are_those_of_the_request_and_the_baseline_is_asked_for_too(
    serving: Callable[[Reply], Speaker],
) -> None:
    speaker = serving(vector("1"))
    query = "up{v='$version', b='$baseline', a='$app', e='$environment', r='$region'}[$window]"
    (found,) = ask(speaker.url, Check("up", query=query), baseline="v1.baseline")
    rest = "a='shop', e='production', r='us-east'}[60s]"
    assert form(speaker) == [f"up{{v='v1', b='v1', {rest}", f"up{{v='v2', b='v1', {rest}"]
    assert (found.value, found.baseline) == (1.0, 1.0)


def test_query_that_names_no_version_is_not_asked_twice(serving: Callable[[Reply], Speaker]) -> None:
    speaker = serving(vector("1"))
    (found,) = ask(speaker.url, Check("up", query="up"), baseline="v1.baseline")
    assert (form(speaker), found.baseline) == (["up"], None)


def test_password_of_the_url_is_used_and_never_told() -> None:
    speaker = Speaker(lambda path, form: Reply(500, "no"))
    url = speaker.url.replace("http://", "http://ann:hunter2@")
    (found,) = ask(url)
    speaker.close()
    assert "answered 500" in found.detail
    assert "hunter2" not in found.detail


@pytest.mark.parametrize(
    ("reply", "counted"), [(vector("41.7"), Counted(42, 42)), (vector(), Counted()), (Reply(500, ""), Counted())]
)
def test_requests_are_whole_or_unknown(serving: Callable[[Reply], Speaker], reply: Reply, counted: Any) -> None:
    assert Prometheus(serving(reply).url).counted(MeasureRequest(PLACE, "v2", "", (), 60.0, 5.0)) == counted
