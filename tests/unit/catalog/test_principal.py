"""A principal: roles, groups, pools and tokens."""

from datetime import timedelta
from typing import Any

import pytest

from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.aggregates import PRINCIPAL
from tests.support.given import START, Scene, given


@pytest.fixture
def ann() -> Scene:
    return given(PRINCIPAL, "ann").when(c.CreatePrincipal(name="ann", roles=("developer",), groups=("web",)))


def token(**changes: Any) -> c.IssueToken:
    values: dict[str, Any] = {"token_id": "t1", "token_hash": "a" * 64}
    return c.IssueToken(**(values | changes))


def test_principal_is_created_once(ann: Scene) -> None:
    ann.rejects(c.CreatePrincipal(name="ann", roles=("viewer",)), "principal-exists")


def test_unknown_principal_gets_no_token() -> None:
    given(PRINCIPAL, "bob").rejects(token(), "principal-unknown")


def test_agents_must_name_their_pools() -> None:
    scene = given(PRINCIPAL, "agent-1")
    scene.rejects(c.CreatePrincipal(name="agent-1", roles=("agent",)), "pools-missing")
    scene.rejects(c.CreatePrincipal(name="agent-1", roles=("agent",), pools=("default",)), "pool-invalid")
    scene.when(c.CreatePrincipal(name="agent-1", roles=("agent",), pools=("eu-west/default",)))
    scene.then_types(e.PrincipalCreated)


def test_principal_needs_a_role(ann: Scene) -> None:
    ann.rejects(c.UpdatePrincipal(roles=()), "roles-missing")


def test_update_changes_only_what_it_names(ann: Scene) -> None:
    event = ann.when(c.UpdatePrincipal(roles=("approver",))).one(e.PrincipalUpdated)
    assert (event.roles, event.groups) == (("approver",), ("web",))
    ann.when(c.UpdatePrincipal(roles=("approver",))).then()


def test_token_is_issued_and_revoked_once(ann: Scene) -> None:
    ann.when(token()).then_types(e.TokenIssued)
    ann.rejects(token(), "token-exists")
    ann.when(c.RevokeToken(token_id="t1")).then_types(e.TokenRevoked)
    ann.when(c.RevokeToken(token_id="t1")).then()
    ann.rejects(token(), "token-exists")
    ann.rejects(c.RevokeToken(token_id="t2"), "token-unknown")
    ann.check_restored()


@pytest.mark.parametrize("text", ["", "secret", "A" * 64, "a" * 63])
def test_token_is_only_known_by_its_hash(ann: Scene, text: str) -> None:
    ann.rejects(token(token_hash=text), "token-hash-invalid")


def test_token_that_has_expired_already_is_refused(ann: Scene) -> None:
    ann.rejects(token(expires_at=START - timedelta(seconds=1)), "expiry-past")
