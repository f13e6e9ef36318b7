"""Requests whose headers never end are ended by the gateway; others are served meanwhile."""

import socket

import pytest

from infra.wiring.server import MAX_HEAD_BYTES
from tests.support.gateway_house import GatewayHouse

HEAD = b"POST /healthz HTTP/1.1\r\nHost: gateway\r\n"


def answer_to(house: GatewayHouse, pieces: list[bytes]) -> bytes:
    """What comes back; the gateway may close before it has read all."""
    with socket.create_connection(("127.0.0.1", house.settings.port), timeout=30) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            return connection.recv(4096)
        except ConnectionError:
            return b"closed"


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"X-Long: ", *[b"x" * 60_000] * 200],
        [HEAD, *[b"X-Many: yes\r\n" * 5000] * 200],
        [b"GET /" + b"x" * 60_000, *[b"x" * 60_000] * 200],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Trailer: ", *[b"x" * 60_000] * 200],
    ],
    ids=["one header", "many headers", "path", "trailer"],
)
def test_endless_head_is_refused(house: GatewayHouse, pieces: list[bytes]) -> None:
    answer = answer_to(house, pieces)
    assert answer == b"closed" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405"))
    assert house.api.get("/healthz").status_code == 200


def test_large_head_below_the_limit_is_taken(house: GatewayHouse) -> None:
    answer = house.api.get("/healthz", headers={"X-Long": "x" * (MAX_HEAD_BYTES - 2000)})
    assert answer.status_code == 200
