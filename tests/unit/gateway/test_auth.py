"""Tokens and roles: who may do what, and how fast a change of that is felt."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.catalog.commands import Role
from core.catalog.events import PRINCIPAL_EVENTS, PrincipalUpdated, TokenRevoked
from core.eventlog.envelope import EventEnvelope
from core.eventlog.serialization import Message
from gateway.auth import (
    CACHE_SECONDS,
    TRUST_EVENT_SECONDS,
    Authenticator,
    Principal,
    bearer_token,
    bootstrap_admin,
    hash_token,
    make_token,
    require,
)
from gateway.errors import ApiError
from infra.memory.clock import ManualClock

ANN = Principal("ann", ("developer",), ("core",), (), "t-1")


class View:
    """The Postgres view of tokens."""

    def __init__(self, **tokens: Principal) -> None:
        self.by_hash = {hash_token(f"sl_{token}"): owner for token, owner in tokens.items()}
        self.asked = 0

    async def lookup(self, token_hash: str) -> Principal | None:
        self.asked += 1
        return self.by_hash.get(token_hash)


class House:
    def __init__(self, **tokens: Principal) -> None:
        self.view = View(**tokens)
        self.clock = ManualClock()
        self.auth = Authenticator(self.view.lookup, self.clock, bootstrap_admin("sl_root"))

    async def refused(self, token: str | None) -> ApiError:
        with pytest.raises(ApiError) as refused:
            await self.auth.authenticate(token)
        return refused.value


def event(principal: str, message: Message) -> EventEnvelope:
    return EventEnvelope(
        event_id="e",
        type=message.TYPE,
        schema_version=1,
        stream=f"principal/{principal}",
        stream_version=1,
        recorded_at=datetime.now(UTC),
        region="us-east",
        actor="root",
        correlation_id="c",
        causation_id="c",
        chain="",
        data=PRINCIPAL_EVENTS.encode(message),
    )


async def test_known_token_names_its_principal() -> None:
    assert await House(a=ANN).auth.authenticate("sl_a") == ANN


async def test_bootstrap_administrator_needs_no_database() -> None:
    house = House()
    assert (await house.auth.authenticate("sl_root")).roles == ("admin",)
    assert house.view.asked == 0


@pytest.mark.parametrize(
    ("token", "code"),
    [(None, "token-missing"), ("", "token-missing"), ("gh_x", "token-invalid"), ("sl_unknown", "token-invalid")],
)
async def test_bad_token_is_refused_with_a_challenge(token: str | None, code: str) -> None:
    error = await House(a=ANN).refused(token)
    assert (error.status, error.code) == (401, code)
    assert error.headers["WWW-Authenticate"].startswith('Bearer realm="sealane"')


async def test_token_ends_when_it_expires_even_from_the_cache() -> None:
    house = House()
    expires = house.clock.now() + timedelta(seconds=1)
    house.view.by_hash[hash_token("sl_a")] = msgspec.structs.replace(ANN, expires_at=expires)
    assert (await house.auth.authenticate("sl_a")).name == "ann"
    house.clock.advance(1)
    assert (await house.refused("sl_a")).code == "token-expired"
    assert house.view.asked == 1


async def test_view_is_asked_once_for_a_while() -> None:
    house = House(a=ANN)
    for _ in range(3):
        await house.auth.authenticate("sl_a")
    assert house.view.asked == 1
    house.clock.advance(CACHE_SECONDS)
    await house.auth.authenticate("sl_a")
    assert house.view.asked == 2


async def test_unknown_token_is_not_remembered_as_unknown() -> None:
    house = House()
    await house.refused("sl_a")
    house.view.by_hash[hash_token("sl_a")] = ANN
    assert (await house.auth.authenticate("sl_a")).name == "ann"


async def test_revoked_token_is_refused_though_the_view_still_has_it() -> None:
    house = House(a=ANN)
    await house.auth.authenticate("sl_a")
    house.auth.observe(event("ann", TokenRevoked(token_id="t-1")))
    assert (await house.refused("sl_a")).code == "token-invalid"


async def test_changed_roles_hold_though_the_view_lags_and_the_view_wins_later() -> None:
    house = House(a=ANN)
    await house.auth.authenticate("sl_a")
    house.auth.observe(event("ann", PrincipalUpdated(roles=("viewer",), groups=("other",))))
    assert (await house.auth.authenticate("sl_a")).roles == ("viewer",)
    house.clock.advance(TRUST_EVENT_SECONDS + 1)
    assert (await house.auth.authenticate("sl_a")).roles == ("developer",)


async def test_events_of_other_aggregates_are_passed_over() -> None:
    house = House(a=ANN)
    other = msgspec.structs.replace(event("ann", TokenRevoked(token_id="t-1")), stream="app/shop", type="app.archived")
    house.auth.observe(other)
    assert (await house.auth.authenticate("sl_a")).name == "ann"


async def test_agent_needs_its_own_role() -> None:
    house = House(a=ANN, b=Principal("builder", ("agent",), (), ("us-east/default",)))
    assert (await house.auth.authenticate_agent("sl_b")).pools == ("us-east/default",)
    for token in ("sl_a", "sl_root"):
        with pytest.raises(ApiError) as refused:
            await house.auth.authenticate_agent(token)
        assert (refused.value.status, refused.value.code) == (403, "role-missing")


@pytest.mark.parametrize(
    ("has", "needed", "allowed"),
    [
        ("viewer", "viewer", True),
        ("viewer", "developer", False),
        ("developer", "viewer", True),
        ("developer", "approver", False),
        ("approver", "developer", True),
        ("approver", "admin", False),
        ("admin", "approver", True),
        ("admin", "agent", False),
        ("agent", "viewer", False),
        ("agent", "agent", True),
    ],
)
def test_roles_are_a_ladder_with_agents_beside_it(has: Role, needed: Role, allowed: bool) -> None:
    assert Principal("p", (has,)).allows(needed) is allowed


def test_missing_role_is_named() -> None:
    with pytest.raises(ApiError) as refused:
        require(ANN, "admin")
    assert refused.value.extra == {"role": "admin"}
    assert "ann has developer" in refused.value.detail


def test_token_is_long_enough_to_be_unguessable() -> None:
    assert make_token("x" * 60) == "sl_" + "x" * 40
    with pytest.raises(ValueError, match="40"):
        make_token("short")


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer sl_a", "sl_a"), ("bearer  sl_a ", "sl_a"), ("Basic abc", None), ("", None), (None, None)],
)
def test_token_is_taken_from_the_header(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
