"""A Principal: a person or machine, its roles, groups and tokens."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from core.aggregate import CommandIgnored, CommandRejected, Rejected
from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.rules import check_name
from core.eventlog.serialization import Message

Events = tuple[Message, ...]


class PrincipalState(msgspec.Struct, omit_defaults=True):
    """`tokens` maps token ids to whether they are still good."""

    name: str
    exists: bool = False
    roles: tuple[c.Role, ...] = ()
    groups: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    tokens: dict[str, bool] = {}


def decide(state: PrincipalState, command: Any, now: datetime) -> Events:
    """The events the command leads to. Raises Rejected."""
    if not state.exists and not isinstance(command, c.CreatePrincipal):
        raise Rejected("principal-unknown", f"there is no principal '{state.name}'")
    handler = _HANDLERS.get(type(command))
    return handler(state, command, now) if handler else ()


def _create(state: PrincipalState, command: c.CreatePrincipal, now: datetime) -> Events:
    if state.exists:
        raise Rejected("principal-exists", f"there is a principal '{state.name}' already")
    check_name(command.name, "principal")
    _check_roles(command.roles, command.pools)
    return (e.PrincipalCreated(name=command.name, roles=command.roles, groups=command.groups, pools=command.pools),)


def _check_roles(roles: tuple[c.Role, ...], pools: tuple[str, ...]) -> None:
    if not roles:
        raise Rejected("roles-missing", "a principal needs at least one role")
    if "agent" in roles and not pools:
        raise Rejected("pools-missing", "an agent's principal must name the pools it may serve (<region>/<pool>)")
    for pool in pools:
        if pool != "*" and pool.count("/") != 1:
            raise Rejected("pool-invalid", f"'{pool[:80]}' must be <region>/<pool>")


def _update(state: PrincipalState, command: c.UpdatePrincipal, now: datetime) -> Events:
    roles = state.roles if command.roles is None else command.roles
    groups = state.groups if command.groups is None else command.groups
    pools = state.pools if command.pools is None else command.pools
    _check_roles(roles, pools)
    if (roles, groups, pools) == (state.roles, state.groups, state.pools):
        return ()
    return (e.PrincipalUpdated(roles=roles, groups=groups, pools=pools),)


def _issue(state: PrincipalState, command: c.IssueToken, now: datetime) -> Events:
    if command.token_id in state.tokens:
        raise Rejected("token-exists", f"principal '{state.name}' has a token '{command.token_id}' already")
    if len(command.token_hash) != 64 or set(command.token_hash) - set("0123456789abcdef"):
        raise Rejected("token-hash-invalid", "token_hash must be a SHA-256 in lower-case hex")
    if command.expires_at is not None and command.expires_at <= now:
        raise Rejected("expiry-past", f"expires_at {command.expires_at.isoformat()} is in the past")
    return (
        e.TokenIssued(
            token_id=command.token_id,
            token_hash=command.token_hash,
            description=command.description,
            expires_at=command.expires_at,
        ),
    )


def _revoke(state: PrincipalState, command: c.RevokeToken, now: datetime) -> Events:
    if command.token_id not in state.tokens:
        raise Rejected("token-unknown", f"principal '{state.name}' has no token '{command.token_id}'")
    return (e.TokenRevoked(token_id=command.token_id),) if state.tokens[command.token_id] else ()


_HANDLERS: dict[type[Any], Callable[[PrincipalState, Any, datetime], Events]] = {
    c.CreatePrincipal: _create,
    c.UpdatePrincipal: _update,
    c.IssueToken: _issue,
    c.RevokeToken: _revoke,
}


def evolve(state: PrincipalState, event: Any) -> PrincipalState:
    _EVOLVE[type(event)](state, event)
    return state


def _created(state: PrincipalState, event: e.PrincipalCreated) -> None:
    state.exists = True
    _updated(state, event)


def _updated(state: PrincipalState, event: e.PrincipalCreated | e.PrincipalUpdated) -> None:
    state.roles, state.groups, state.pools = event.roles, event.groups, event.pools


def _issued(state: PrincipalState, event: e.TokenIssued) -> None:
    state.tokens[event.token_id] = True


def _revoked(state: PrincipalState, event: e.TokenRevoked) -> None:
    state.tokens[event.token_id] = False


def _nothing(state: PrincipalState, event: Any) -> None:
    """A refusal changes nothing."""


_EVOLVE: dict[type[Any], Callable[[PrincipalState, Any], None]] = {
    e.PrincipalCreated: _created,
    e.PrincipalUpdated: _updated,
    e.TokenIssued: _issued,
    e.TokenRevoked: _revoked,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}


def deadline(state: PrincipalState) -> datetime | None:
    return None


def finished(state: PrincipalState) -> bool:
    return not state.exists
