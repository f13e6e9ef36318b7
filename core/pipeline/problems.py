"""One problem of a pipeline file, as `sealane lint`, the run page and the API show it."""

import msgspec


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """`line` and `column` count from 1; `path` is the key path (`stages[1].needs[0]`); `code` is stable kebab-case."""

    code: str
    message: str
    line: int
    column: int
    path: str = ""
    suggestion: str = ""
    file: str = ".pipeline.yml"
