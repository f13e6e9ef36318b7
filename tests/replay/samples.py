"""Writes the golden JSON of events and commands that have none yet: `python -m tests.replay.samples`. Never touches
another.

Every field of a sample has a value of its own, so that a field that is lost or renamed later shows.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from core.aggregates import AGGREGATES
from core.eventlog.serialization import Message

GOLDEN = Path(__file__).parent / "golden"
COMMANDS = Path(__file__).parent / "golden_commands"
DIGESTS = "SHA256SUMS"


def event_types() -> list[type[Message]]:
    return sorted({kind for each in AGGREGATES for kind in each.events.types}, key=lambda kind: kind.TYPE)


def command_types() -> list[type[Message]]:
    return sorted({kind for each in AGGREGATES for kind in each.commands.types}, key=lambda kind: kind.TYPE)


def golden_name(kind: type[Message], version: int) -> str:
    return f"{kind.TYPE}.v{version}.json"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sample(info: inspect.Type, name: str) -> Any:
    """A plain value that fits the type and differs from most defaults."""
    match info:
        case inspect.StructType(fields=fields, tag=tag, tag_field=tag_field):
            kind = {tag_field: tag} if tag_field is not None else {}
            return kind | {each.encode_name: _unlike_default(each) for each in fields}
        case inspect.UnionType(types=types):
            return sample(next(each for each in types if not isinstance(each, inspect.NoneType)), name)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [sample(item, name)]
        case inspect.TupleType(item_types=items):
            return [sample(item, f"{name}{place}") for place, item in enumerate(items)]
        case inspect.DictType(value_type=value):
            return {name: f"{name}-value" if isinstance(value, inspect.StrType) else sample(value, name)}
        case inspect.LiteralType(values=values):
            return values[-1]
        case inspect.DateTimeType():
            return datetime(2026, 1, 5, 9, 0, 0, 123456, UTC)
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return len(name)
        case inspect.FloatType():
            return len(name) + 0.5
    return f"{name}-1"


def _unlike_default(field: inspect.Field) -> Any:
    # What equals the default would not be written.
    if field.default is True:
        return False
    if isinstance(field.type, inspect.LiteralType):
        return [value for value in field.type.values if value != field.default][-1]
    return sample(field.type, field.name)


def write_missing() -> None:
    for folder, kinds in ((GOLDEN, event_types()), (COMMANDS, command_types())):
        folder.mkdir(exist_ok=True)
        with (folder / DIGESTS).open("a") as digests:
            for kind in kinds:
                path = folder / golden_name(kind, kind.VERSION)
                if not path.exists():
                    text = msgspec.json.encode(sample(inspect.type_info(kind), kind.TYPE))
                    path.write_bytes(msgspec.json.format(text, indent=2) + b"\n")
                    digests.write(f"{digest(path)}  {path.name}\n")


if __name__ == "__main__":
    write_missing()
