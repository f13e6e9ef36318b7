"""What an expression names: values (`stages.build.outputs.key`) and functions, read off its tokens."""

from dataclasses import dataclass

from core.pipeline.lexer import Token, string_value

_WORDS = frozenset(("true", "false", "null", "in"))


@dataclass(frozen=True, slots=True)
class Reference:
    """A value by its root and the names that follow, as far as they are written out: tokens `first` to `end`."""

    root: str
    path: tuple[str, ...]
    offset: int
    first: int
    end: int

    @property
    def text(self) -> str:
        return ".".join((self.root, *self.path))


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `method` behind a dot; `argument` is its first token, if that is a string; `empty`: `name()`."""

    name: str
    method: bool
    argument: Token | None
    empty: bool
    offset: int


def references(tokens: tuple[Token, ...]) -> tuple[tuple[Reference, ...], tuple[Call, ...]]:
    """All values and functions, in order."""
    values: list[Reference] = []
    calls: list[Call] = []
    for index, token in enumerate(tokens):
        if token.kind != "name":
            continue
        method = _is(tokens, index - 1, ".")
        if _is(tokens, index + 1, "("):
            empty = _is(tokens, index + 2, ")")
            calls.append(Call(token.text, method, _string_at(tokens, index + 2), empty, token.offset))
        elif not method and token.text not in _WORDS:
            path, end = _path(tokens, index + 1)
            values.append(Reference(token.text, path, token.offset, index, end))
    return tuple(values), tuple(calls)


def _path(tokens: tuple[Token, ...], index: int) -> tuple[tuple[str, ...], int]:
    """The `.name` and `['name']` from here on, up to a method call or anything that is not written out."""
    path: list[str] = []
    while True:
        if _is(tokens, index, ".") and _kind(tokens, index + 1) == "name" and not _is(tokens, index + 2, "("):
            path.append(tokens[index + 1].text)
            index += 2
        elif _is(tokens, index, "[") and (name := _string_at(tokens, index + 1)) and _is(tokens, index + 2, "]"):
            path.append(string_value(name.text))
            index += 3
        else:
            return tuple(path), index


def _is(tokens: tuple[Token, ...], index: int, text: str) -> bool:
    return 0 <= index < len(tokens) and tokens[index].text == text


def _kind(tokens: tuple[Token, ...], index: int) -> str:
    return tokens[index].kind if 0 <= index < len(tokens) else ""


def _string_at(tokens: tuple[Token, ...], index: int) -> Token | None:
    return tokens[index] if _kind(tokens, index) == "string" else None
