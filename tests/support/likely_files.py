"""Random values that often have the right shape: made from the description that the validator reads by."""

from hypothesis import strategies as some

from core.delivery_file.kinds import OneOf
from core.pipeline.shapes import Either, ListOf, MapOf, Record

WORDS = [
    *(
        "stages",
        "name",
        "steps",
        "run",
        "uses",
        "with",
        "needs",
        "if",
        "matrix",
        "env",
        "trigger",
        "include",
        "exclude",
    ),
    *(
        "a",
        "b",
        "build",
        "git-checkout",
        "true",
        "yes",
        "~",
        "1",
        "-1",
        "1e9",
        "10m",
        "4Gi",
        "* * * * *",
        "UTC",
        "**/x",
    ),
    *("${{ branch }}", "${{ matrix.x }}", "${{ stages.a.outputs.b }}", "${{", "success()", "branch == 'main'", "<<"),
    *("'", '"', "\t", "\n", "é", "\u2028", "\x85", "\x00", "a: b", "# x", "&a", "*a", "!!int 5", "---", "|", ">"),
]
texts = some.one_of(
    some.sampled_from(WORDS), some.text(max_size=20), some.lists(some.sampled_from(WORDS)).map(" ".join)
)


def later(kind: object, depth: int) -> some.SearchStrategy[object]:
    return some.deferred(lambda: likely(kind, depth))


def likely(kind: object, depth: int = 0) -> some.SearchStrategy[object]:
    """Values for a kind, required keys included; at times something else."""
    if depth > 6:
        return texts
    match kind:
        case Record():
            keys = {key.name: key.kind for key in kind.keys if key.available}
            required = [key.name for key in kind.keys if key.required]
            inner = {name: later(k, depth + 1) for name, k in keys.items()}
            needed = {name: inner.pop(name) for name in required}
            return (
                some.one_of(some.fixed_dictionaries(needed, optional=inner), texts)
                if depth
                else (some.fixed_dictionaries(needed, optional=inner))
            )
        case OneOf():
            variants = [key for key in kind.record.keys if key.available]
            return some.one_of([some.fixed_dictionaries({k.name: later(k.kind, depth + 1)}) for k in variants])
        case ListOf():
            return some.lists(later(kind.item, depth + 1), max_size=3)
        case MapOf():
            return some.dictionaries(texts, later(kind.value, depth + 1), max_size=3)
        case Either():
            kinds = [each for each in (kind.scalar, kind.sequence, kind.mapping) if each is not None]
            return some.one_of([later(k, depth + 1) for k in kinds])
    return some.one_of(texts, some.integers(-5, 20), some.booleans())
