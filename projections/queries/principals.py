"""Principals and their tokens."""

from projections.queries.database import ReadSide, convert, sql
from projections.queries.types import Principal, Token, TokenOwner


async def list_principals(db: ReadSide) -> tuple[Principal, ...]:
    rows = await db.rows(sql("SELECT * FROM principals ORDER BY name"))
    tokens = await db.rows(sql("SELECT * FROM tokens ORDER BY principal, created_at"))
    found: dict[str, tuple[Token, ...]] = {}
    for token in tokens:
        known = found.get(token["principal"], ())
        found[token["principal"]] = (*known, convert({**token} | {"id": token["token_id"]}, Token))
    return tuple(convert({**row} | {"tokens": found.get(row["name"], ())}, Principal) for row in rows)


async def get_principal(db: ReadSide, name: str) -> Principal | None:
    return next((each for each in await list_principals(db) if each.name == name), None)


async def token_owner(db: ReadSide, token_hash: str) -> TokenOwner | None:
    row = await db.row(
        sql(
            """SELECT t.token_id, t.principal, t.expires_at, t.revoked_at, p.roles, p.groups, p.pools
        FROM tokens t JOIN principals p ON p.name = t.principal WHERE t.token_hash = :hash""",
            hash=token_hash,
        )
    )
    return convert(row, TokenOwner) if row else None
