"""The load generator against real sockets: whose failure is whose, and that nobody is waited for."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from infra.embedded.ports import choose_port
from infra.local import load as load_module
from infra.local.load import Load, LoadGenerator
from infra.local.load_tally import Tally

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Connections are given to `serve`, on an event loop of its own."""

    def __init__(self, serve: Serve) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        starting = asyncio.start_server(serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


def response(status: int, version: str = "", body: str = "hello") -> bytes:
    header = f"X-Version: {version}\r\n" if version else ""
    return f"HTTP/1.1 {status} Some\r\n{header}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def answering(*answers: bytes) -> Serve:
    """Each connection is asked again and again; the answers come in turns over all of them."""
    turn = iter(range(10**9))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answers[next(turn) % len(answers)])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return serve


@pytest.fixture
def serving() -> Iterator[Callable[[Serve], str]]:
    started: list[Server] = []

    def start(serve: Serve) -> str:
        started.append(Server(serve))
        return started[-1].url

    yield start
    for each in started:
        each.close()


@pytest.fixture
def generator() -> Iterator[LoadGenerator]:
    with LoadGenerator() as made:
        yield made


def await_that(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends, "did not happen"
        time.sleep(0.01)


def sent(generator: LoadGenerator, url: str, count: int = 20, rate: float = 200) -> Tally:
    """What came of at least `count` requests; nothing is under way any more."""
    tally = generator.start("us-east", Load(url, rate))
    await_that(lambda: sum(tally.failures.values()) >= count)
    return generator.stop("us-east")


def test_answers_are_counted_by_version_and_status(generator: LoadGenerator, serving: Callable[[Serve], str]) -> None:
    answers = [response(200, "v1")] * 3 + [response(404, "v2")]
    tally = sent(generator, serving(answering(*answers)), 40)
    assert tally.sent == tally.answered == sum(tally.by_version.values())
    assert set(tally.statuses) == {("v1", 200), ("v2", 404)}
    assert tally.by_version["v1"] in range(tally.sent * 3 // 4, tally.sent * 3 // 4 + 4)
    assert (tally.app_failures, tally.platform_failures, tally.skipped) == (0, 0, 0)


def test_failure_that_the_app_answers_is_its_own(generator: LoadGenerator, serving: Callable[[Serve], str]) -> None:
    tally = sent(generator, serving(answering(response(500, "v2"), response(503, "v2"))))
    assert (tally.app_failures, tally.platform_failures) == (tally.sent, 0)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_failure_that_the_proxy_answers_is_the_platforms(
    generator: LoadGenerator, serving: Callable[[Serve], str], status: int
) -> None:
    tally = sent(generator, serving(answering(response(status))))
    assert (tally.app_failures, tally.platform_failures) == (0, tally.sent)
    assert tally.problems[0] == f"the proxy answered {status}"


def test_address_where_nobody_listens_is_a_failure_of_the_platform(generator: LoadGenerator) -> None:
    tally = sent(generator, f"http://127.0.0.1:{choose_port(0, 'nobody')}")
    assert tally.platform_failures == tally.sent
    assert "Connect call failed" in tally.problems[0]


def test_answer_that_is_cut_off_is_a_failure_of_the_platform(
    generator: LoadGenerator, serving: Callable[[Serve], str]
) -> None:
    async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, "v1", "x" * 100)[:-50])
        writer.close()

    tally = sent(generator, serving(cut_off))
    assert tally.platform_failures == tally.sent
    assert set(tally.problems) == {"the connection ended within an answer"}


def test_connection_that_ended_while_it_was_idle_is_replaced_and_no_failure(
    generator: LoadGenerator, serving: Callable[[Serve], str]
) -> None:
    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, "v1"))
        await writer.drain()
        # The next request is taken and never answered.
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    tally = sent(generator, serving(one_answer))
    assert (tally.answered, tally.platform_failures) == (tally.sent, 0)
    assert tally.reconnected > 0


def test_answer_that_never_comes_is_given_up(
    generator: LoadGenerator, serving: Callable[[Serve], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "TIMEOUT_SECONDS", 0.1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    tally = sent(generator, serving(silent))
    assert tally.platform_failures == tally.sent
    assert set(tally.problems) == {"no answer within 0.1 s"}


def test_slow_answers_do_not_slow_the_requests_down(
    generator: LoadGenerator, serving: Callable[[Serve], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "MAX_UNDER_WAY", 50)
    release = threading.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.to_thread(release.wait)
        writer.write(response(200, "v1"))

    tally = generator.start("us-east", Load(serving(late), 500))
    await_that(lambda: tally.skipped >= 5)
    assert (tally.sent, tally.answered) == (50, 0)
    release.set()
    generator.stop("us-east")
    assert tally.answered == tally.sent


def test_load_that_moves_keeps_its_tally(generator: LoadGenerator, serving: Callable[[Serve], str]) -> None:
    tally = generator.start("us-east", Load(serving(answering(response(200, "v1"))), 200))
    await_that(lambda: tally.by_version["v1"] >= 5)
    generator.start("us-east", Load(serving(answering(response(200, "v2"))), 200))
    await_that(lambda: tally.by_version["v2"] >= 5)
    assert list(generator.names) == ["us-east"]
    assert generator.stop("us-east") is tally
    assert not generator.names


def test_recent_traffic_is_shown_with_its_split(generator: LoadGenerator, serving: Callable[[Serve], str]) -> None:
    answers = [response(200, "v1"), response(500, "v2")]
    tally = sent(generator, serving(answering(*answers)), 40)
    recent = tally.recent(time.monotonic(), 60)
    assert recent.rate == pytest.approx(tally.sent / 60)
    assert recent.shares == pytest.approx({"v1": 0.5, "v2": 0.5}, abs=0.05)
    assert recent.failed == pytest.approx(0.5, abs=0.05)
    assert 0 < recent.p50 <= recent.p99
    nothing = tally.recent(time.monotonic() + 60, 1)
    assert (nothing.rate, nothing.shares, nothing.failed) == (0, {}, 0)
