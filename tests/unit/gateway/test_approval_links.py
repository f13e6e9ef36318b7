"""A signed link opens exactly what it was made for, until it expires; the page shows nothing that isn't escaped."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from gateway.approval_links import ApprovalLink, LinkSigner
from gateway.errors import ApiError
from gateway.rest.approval_html import approval_page
from projections.queries.rollout_types import ReleaseBrief, RolloutApproval, RolloutDetail
from tests.support.rollout_documents import rollout

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LINK = ApprovalLink("us-east-fedcba9876543210", "bob", "t1", int((NOW + timedelta(hours=1)).timestamp()))
SIGNER = LinkSigner("key")


def test_token_says_what_was_signed() -> None:
    assert SIGNER.read(SIGNER.sign(LINK), NOW) == LINK


def test_token_fits_into_a_path() -> None:
    assert set(SIGNER.sign(LINK)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize("place", [0, 5, -1, -20])
def test_token_that_was_changed_anywhere_is_refused(place: int) -> None:
    token = SIGNER.sign(LINK)
    other = "A" if token[place] != "A" else "B"
    changed = token[:place] + other + (token[place + 1 :] if place != -1 else "")
    with pytest.raises(ApiError) as refused:
        SIGNER.read(changed, NOW)
    assert (refused.value.status, refused.value.code) == (404, "approval-link-invalid")


@pytest.mark.parametrize("token", ["", ".", "a.b", "no token at all", "ü.ü"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="no approval link"):
        SIGNER.read(token, NOW)


def test_other_installation_signs_differently() -> None:
    with pytest.raises(ApiError):
        LinkSigner("other").read(SIGNER.sign(LINK), NOW)


def test_token_expires() -> None:
    token = SIGNER.sign(LINK)
    assert SIGNER.read(token, NOW + timedelta(minutes=59)) == LINK
    with pytest.raises(ApiError) as refused:
        SIGNER.read(token, NOW + timedelta(hours=1))
    assert (refused.value.status, refused.value.code) == (410, "approval-link-expired")


def detail(**changed: object) -> RolloutDetail:
    return msgspec.convert(rollout(**changed), RolloutDetail)


def pending() -> RolloutApproval:
    return RolloutApproval(
        rollout_id=LINK.rollout_id,
        app="shop",
        environment="production",
        number=5,
        release=ReleaseBrief(id="2-bbbbbbbb"),
        asked_by="ada",
        state="pending",
        count=2,
        given=1,
        groups=(),
        prevent_self_approval=False,
        requested_at=NOW,
        expires_at=NOW,
        decided_at=None,
        decided_by="",
        comment="",
        votes=(),
    )


def test_page_shows_what_is_asked_and_of_whom() -> None:
    page = approval_page(detail(approval=pending()), "bob")
    for word in ("2-bbbbbbbb", "production", "us-east, then eu-west", "1 of 2", "<b>bob</b>", "Approve", "Reject"):
        assert word in page


def test_page_escapes_what_others_wrote() -> None:
    evil = ReleaseBrief(id="2-bbbbbbbb", title="<script>alert(1)</script>", author="<img src=x>")
    page = approval_page(detail(approval=pending(), release=evil), "<bob>")
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;bob&gt;" in page


def test_page_without_a_question_has_no_buttons() -> None:
    assert "<button" not in approval_page(detail(), "bob")
