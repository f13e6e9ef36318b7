"""Keys of repeated requests, and the memory that joins those that come at once."""

import pytest

from core.eventlog.envelope import Position
from core.ports import Decision
from gateway.errors import ApiError
from gateway.idempotency import DecisionMemory, RequestKey, request_key, single_id

DECISION = Decision((), Position("sealane.catalog.events", 0, 1))


def key(**changed: object) -> RequestKey:
    values: dict[str, object] = {"principal": "ann", "key": "k-1", "route": "POST /apps", "body": b"{}"} | changed
    return request_key(**values)  # type: ignore[arg-type]


def test_same_request_has_the_same_command_id() -> None:
    assert key().command_id == key().command_id


@pytest.mark.parametrize("changed", [{"principal": "bob"}, {"key": "k-2"}, {"route": "POST /runs"}])
def test_another_caller_key_or_route_is_another_request(changed: dict[str, object]) -> None:
    assert key(**changed).scope != key().scope


def test_another_body_is_the_same_scope_and_refused() -> None:
    other = key(body=b'{"a": 1}')
    assert other.scope == key().scope
    with pytest.raises(ApiError) as refused:
        other.require_same_body(key().command_id)
    assert (refused.value.status, refused.value.code) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("text", ["", "a b", "x" * 256, "ü", "tab\t"])
def test_key_must_be_visible_ascii(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        key(key=text)
    assert refused.value.code == "idempotency-key-invalid"


def test_ids_of_requests_have_a_dot_as_their_index_wants() -> None:
    assert key().command_id.count(".") == 1
    assert single_id("random").endswith(".once")


async def test_second_request_joins_the_first_that_is_under_way() -> None:
    memory = DecisionMemory()
    assert memory.claim(key()) is None
    joined = memory.claim(key())
    assert joined is not None
    assert not joined.done()
    memory.settle(key(), DECISION)
    assert joined.result() == DECISION


async def test_request_after_the_decision_gets_it() -> None:
    memory = DecisionMemory()
    memory.claim(key())
    memory.settle(key(), DECISION)
    known = memory.claim(key())
    assert known is not None
    assert known.result() == DECISION


async def test_failed_claim_tells_those_who_joined_and_lets_the_next_try() -> None:
    memory = DecisionMemory()
    memory.claim(key())
    joined = memory.claim(key())
    memory.settle(key(), None)
    assert joined is not None
    assert joined.result() is None
    assert memory.claim(key()) is None


async def test_key_with_another_body_is_refused_while_the_first_is_under_way() -> None:
    memory = DecisionMemory()
    memory.claim(key())
    with pytest.raises(ApiError):
        memory.claim(key(body=b"[]"))


async def test_memory_is_bounded() -> None:
    memory = DecisionMemory()
    for number in range(3000):
        memory.claim(key(key=f"k-{number}"))
    assert len(memory._entries) == 2000
