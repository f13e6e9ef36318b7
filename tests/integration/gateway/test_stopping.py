"""A gateway that is told to stop says goodbye to its streams, and clients go on with the next one."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway.cli.client import Client
from gateway.cli.live import run_log
from gateway.cli.sse import parse_events
from tests.support.gateway_house import GatewayHouse, Hand, log_of

Json = dict[str, object]


@pytest.fixture
def running(house: GatewayHouse, hand: Hand, app: str) -> tuple[str, str]:
    """A run whose one job runs: (run, key of the attempt)."""
    run = house.new_run(app)
    return run, hand.take(run)


@contextmanager
def in_background(work: object) -> Iterator[None]:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def test_streams_are_told_and_end(house: GatewayHouse, running: tuple[str, str]) -> None:
    run, _ = running
    with house.api.stream("GET", f"/api/v1/runs/{run}/watch") as response:
        events = parse_events(response.iter_lines())
        first = next(events)
        with in_background(house.restart_gateway):
            last = list(events)[-1]
    assert (first.name, last.name) == ("run", "closing")
    assert "connect again" in last.data["detail"]


def test_websockets_close_as_restarting(house: GatewayHouse, hand: Hand, running: tuple[str, str]) -> None:
    run, key = running
    hand.write(*log_of(key, 4)[:2])
    url = f"{house.settings.url.replace('http', 'ws', 1)}/api/v1/runs/{run}/jobs/build/attempts/1/log/ws"
    with connect(url, additional_headers={"Authorization": f"Bearer {house.admin_token}"}) as socket:
        assert json.loads(socket.recv())["text"] == "line 0"
        with in_background(house.restart_gateway), pytest.raises(ConnectionClosed) as closed:
            list(iter(socket.recv, None))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


def test_client_follows_a_log_over_a_restart_without_losing_or_repeating_a_line(
    house: GatewayHouse, hand: Hand, running: tuple[str, str]
) -> None:
    run, key = running
    chunks = log_of(key, 4)
    seen: list[str] = []
    client = Client(house.settings.url, house.admin_token)

    def follow() -> None:
        seen.extend(str(line["text"]) for line in run_log(client, run))

    def watched() -> bool:
        return "sealane_gateway_log_viewers 1.0" in house.api.get("/metrics").text

    with in_background(follow):
        hand.write(*chunks[:2])
        house.wait(watched)
        house.restart_gateway()
        house.wait(watched)
        hand.write(*chunks[2:])
        hand.finish(key, chunks=4)
    assert seen == [f"line {number}" for number in range(12)]


def test_one_log_goes_on_behind_the_last_line_that_came(
    house: GatewayHouse, hand: Hand, running: tuple[str, str]
) -> None:
    run, key = running
    chunks = log_of(key, 4)
    client = Client(house.settings.url, house.admin_token)
    lines = client.events(f"/api/v1/runs/{run}/jobs/build/attempts/1/log/stream")
    hand.write(*chunks[:2])
    seen = [next(lines)[1]["line"] for _ in range(6)]
    house.restart_gateway()
    hand.write(*chunks[2:])
    hand.finish(key, chunks=4)
    seen += [line["line"] for _, line in lines]
    assert seen == list(range(12))
