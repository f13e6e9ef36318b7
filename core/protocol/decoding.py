"""Bytes from the other side to messages: whatever they are, the answer is a message or one kind of error."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


class NotUnderstood(msgspec.DecodeError):
    """The bytes are nothing this version knows; the text says what is wrong with them, for people."""


class _Tag(msgspec.Struct):
    type: str = ""


_tag_decoder = msgspec.msgpack.Decoder(_Tag)


def decode_with(decoder: "msgspec.msgpack.Decoder[T]", data: bytes) -> T:
    """Raises NotUnderstood, also where msgspec lets other errors through: bad UTF-8, nesting without end."""
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as error:
        raise NotUnderstood(f"a text in it is not UTF-8: {error.reason}") from error
    except RecursionError as error:
        raise NotUnderstood("it is nested too deeply") from error
    except msgspec.DecodeError as error:
        raise NotUnderstood(str(error)) from error


def decode_tagged(decoder: "msgspec.msgpack.Decoder[T]", data: bytes, known: frozenset[str]) -> T:
    """The same for messages with a type, which the error names. `known`: the types there are."""
    try:
        return decode_with(decoder, data)
    except NotUnderstood as error:
        kind = _kind(data)
        if not kind:
            raise
        if kind not in known:
            raise NotUnderstood(f"message type '{kind[:100]}' is not known here: update the older side") from error
        raise NotUnderstood(f"message '{kind}': {error}") from error


def _kind(data: bytes) -> str:
    try:
        return decode_with(_tag_decoder, data).type
    except NotUnderstood:
        return ""
