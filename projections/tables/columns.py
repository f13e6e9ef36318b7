"""Short names for the kinds of columns the views use, so that a table reads like a list.

A column that is not nullable has a default, in Postgres and for the writer (`info["default"]`): a view sets
only what it knows.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

# Rows that are updated as a run goes on: room on the page keeps those updates off the indexes.
BUSY: dict[str, Any] = {"postgresql_with": {"fillfactor": 70}}


def key(name: str) -> Column[Any]:
    return Column(name, Text, primary_key=True)


def key_number(name: str) -> Column[Any]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default="", info={"default": ""})


def maybe_text(name: str) -> Column[Any]:
    return Column(name, Text)


def number(name: str) -> Column[Any]:
    return Column(name, Integer, nullable=False, server_default="0", info={"default": 0})


def maybe_number(name: str) -> Column[Any]:
    return Column(name, Integer)


def big(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default="0", info={"default": 0})


def flag(name: str) -> Column[Any]:
    return Column(name, Boolean, nullable=False, server_default="false", info={"default": False})


def time(name: str) -> Column[Any]:
    """A time every row has: the writer must set it."""
    return Column(name, DateTime(timezone=True), nullable=False)


def maybe_time(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True))


def json_list(name: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default="[]", info={"default": "[]"})


def json_map(name: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default="{}", info={"default": "{}"})


def maybe_json(name: str) -> Column[Any]:
    return Column(name, JSONB)


def binary(name: str) -> Column[Any]:
    return Column(name, LargeBinary, nullable=False)
