"""Stored names <-> types. A stored type is a name and a version, never a Python path.

Each context lists its message classes in a Catalogue; an older version is lifted by upcasters on read.
"""

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from core.eventlog.upcasting import Upcasters


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all commands and events: subclasses set TYPE, and VERSION when it is not 1."""

    TYPE: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1


class UnknownMessage(Exception):
    """A stored type or version that this code does not know. Reading on would lose it: halt instead."""


class NewerMessage(UnknownMessage):
    """A known type of a version that this code is too old for."""


class Catalogue:
    """The message types one reader knows, by stored name."""

    def __init__(self, types: Iterable[type[Message]], upcasters: Upcasters | None = None) -> None:
        self._types: dict[str, type[Message]] = {}
        for kind in types:
            if not kind.TYPE or kind.TYPE in self._types:
                raise ValueError(f"{kind.__name__}: stored name {kind.TYPE!r} is empty or taken")
            self._types[kind.TYPE] = kind
        self._upcasters = upcasters or Upcasters()
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in self._types.items()}
        self._encoder = msgspec.json.Encoder()

    def __contains__(self, type_name: str) -> bool:
        return type_name in self._types

    @property
    def types(self) -> tuple[type[Message], ...]:
        return tuple(self._types.values())

    def encode(self, message: Message) -> msgspec.Raw:
        if self._types.get(message.TYPE) is not type(message):
            raise UnknownMessage(f"{type(message).__name__} is not registered as '{message.TYPE}'")
        return msgspec.Raw(self._encoder.encode(message))

    def decode(self, type_name: str, version: int, data: msgspec.Raw | bytes) -> Message:
        """The typed message. Raises UnknownMessage, or msgspec.ValidationError where data does not fit."""
        kind = self._types.get(type_name)
        if kind is None:
            raise UnknownMessage(f"type '{type_name}' is unknown to this version of Sealane: run one that knows it")
        if version > kind.VERSION:
            raise NewerMessage(
                f"'{type_name}' version {version} is newer than this code knows ({kind.VERSION}): "
                "run a version of Sealane that knows it"
            )
        if version == kind.VERSION:
            return self._decoders[type_name].decode(data)
        lifted = self._upcasters.lift(type_name, version, kind.VERSION, msgspec.json.decode(data))
        return msgspec.convert(lifted, kind, strict=False)
