"""Who counts as a person on this machine: the only one who may push to an open installation without a token."""

import pytest
from fastapi import Request

from gateway.git.access import from_this_machine

PEER = "127.0.0.1"


def request(host: str = "127.0.0.1:8080", peer: str | None = PEER, **headers: str) -> Request:
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    client = None if peer is None else (peer, 40000)
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw, "client": client})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "127.0.0.1", "localhost", "LocalHost:80", "[::1]", "[::1]:8080"])
def test_loopback_by_a_loopback_name_is_this_machine(host: str) -> None:
    assert from_this_machine(request(host))


def test_loopback_of_the_other_kind_is_this_machine() -> None:
    assert from_this_machine(request("[::1]:8080", peer="::1"))


@pytest.mark.parametrize("peer", ["10.0.0.7", "192.168.1.2", "::ffff:10.0.0.7", "2001:db8::1", "", None])
def test_other_machines_are_not(peer: str | None) -> None:
    assert not from_this_machine(request(peer=peer))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.1@evil", ""],
)
def test_page_whose_name_was_pointed_at_this_machine_is_not(host: str) -> None:
    assert not from_this_machine(request(host))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "null"},
        {"x_forwarded_for": "10.0.0.7"},
        {"x_forwarded_for": ""},
        {"forwarded": "for=10.0.0.7"},
        {"x_real_ip": "10.0.0.7"},
        {"via": "1.1 proxy"},
    ],
)
def test_browser_page_or_proxy_in_between_is_not(headers: dict[str, str]) -> None:
    assert not from_this_machine(request(**headers))
