"""Principals and their tokens (hashes only)."""

from core.catalog.events import PrincipalCreated, PrincipalUpdated, TokenIssued, TokenRevoked
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.catalog import principals, tokens
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("principal")


@HANDLERS.on(PrincipalCreated)
def created(fact: Fact, changes: Changes) -> None:
    message: PrincipalCreated = fact.message
    changes.put(
        principals,
        name=fact.id,
        roles=as_json(message.roles),
        groups=as_json(message.groups),
        pools=as_json(message.pools),
        created_at=fact.at,
        updated_at=fact.at,
    )


@HANDLERS.on(PrincipalUpdated)
def updated(fact: Fact, changes: Changes) -> None:
    message: PrincipalUpdated = fact.message
    changes.set(
        principals,
        (fact.id,),
        roles=as_json(message.roles),
        groups=as_json(message.groups),
        pools=as_json(message.pools),
        updated_at=fact.at,
    )


@HANDLERS.on(TokenIssued)
def token_issued(fact: Fact, changes: Changes) -> None:
    message: TokenIssued = fact.message
    changes.put(
        tokens,
        principal=fact.id,
        token_id=message.token_id,
        token_hash=message.token_hash,
        description=message.description,
        created_at=fact.at,
        expires_at=message.expires_at,
    )


@HANDLERS.on(TokenRevoked)
def token_revoked(fact: Fact, changes: Changes) -> None:
    changes.set(tokens, (fact.id, fact.message.token_id), revoked_at=fact.at)
