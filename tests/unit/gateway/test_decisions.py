"""Decisions and refusals as the API shows them."""

from datetime import UTC, datetime

import msgspec
import pytest

from core.eventlog.envelope import Position
from gateway.decisions import decision_document, decision_of, refusal, status_of
from projections.queries.types import AuditEvent


def audited(offset: int, type_: str, data: bytes = b"{}") -> AuditEvent:
    return AuditEvent(
        position=f"sealane.catalog.events:0:{offset}",
        topic="sealane.catalog.events",
        partition=0,
        offset=offset,
        event_id=f"e{offset}",
        type=type_,
        schema_version=1,
        stream="app/shop",
        stream_version=offset,
        recorded_at=datetime.now(UTC),
        region="us-east",
        actor="ann",
        correlation_id="c",
        causation_id="x.y",
        chain="",
        data=msgspec.Raw(data),
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("app-exists", 409),
        ("run-finished", 409),
        ("app-unknown", 404),
        ("name-invalid", 422),
        ("roles-missing", 422),
        ("not-in-group", 403),
        ("self-approval", 403),
    ],
)
def test_codes_have_their_status(code: str, status: int) -> None:
    assert status_of(code) == status


def test_events_of_the_views_are_the_decision_that_was_made() -> None:
    decision = decision_of((audited(4, "app.created"), audited(5, "app.updated")))
    assert decision.accepted
    assert decision.position == Position("sealane.catalog.events", 0, 5)
    document = decision_document("x.y", decision)
    assert document.changed
    assert [event.type for event in document.events] == ["app.created", "app.updated"]
    assert document.consistency == "sealane.catalog.events:0:5"


def test_refusal_of_the_views_is_the_same_problem_again() -> None:
    data = b'{"command_type": "app.create", "code": "app-exists", "detail": "there is one"}'
    decision = decision_of((audited(6, "command.rejected", data),))
    error = refusal(decision)
    assert (error.status, error.code, error.detail) == (409, "app-exists", "there is one")
    assert error.headers == {"Sealane-Consistency": "sealane.catalog.events:0:6"}


def test_command_that_changed_nothing_says_so() -> None:
    data = b'{"command_type": "run.cancel"}'
    assert not decision_document("x.y", decision_of((audited(7, "command.ignored", data),))).changed
