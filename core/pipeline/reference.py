"""docs/pipeline-reference.md, made from the description that the validator reads by."""

from core.pipeline.engine import GLOBALS, METHODS, STATUS_FUNCTIONS
from core.pipeline.language import CONCURRENCY, DEFAULTS, PIPELINE
from core.pipeline.language_deploy import DEPLOY, RELEASE
from core.pipeline.language_stage import APPROVAL, ENVIRONMENT, NEED, POOL, RESOURCES, RETRY, STAGE
from core.pipeline.language_step import STEP
from core.pipeline.language_trigger import INPUT, MANUAL, SCHEDULE, TRIGGER
from core.pipeline.matrix import KEYS as MATRIX_KEYS
from core.pipeline.shapes import Key, Record

SECTIONS = (
    PIPELINE,
    TRIGGER,
    SCHEDULE,
    MANUAL,
    INPUT,
    DEFAULTS,
    CONCURRENCY,
    STAGE,
    NEED,
    POOL,
    RESOURCES,
    RETRY,
    APPROVAL,
    ENVIRONMENT,
    DEPLOY,
    RELEASE,
    STEP,
)
_HEAD = """# Pipeline reference

This page is generated from the types that the validator uses (`make docs`); don't edit it by hand. For editors there
is a [JSON Schema](pipeline.schema.json). `sealane lint` checks a file and reports every problem at once.
"""
_EXPRESSIONS = """## Expressions

`${{ }}` in texts and `if` are CEL: no loops, no input or output, bounded cost. Values: `app`, `branch`, `tag`,
`commit`, `event`, `actor`, `region`, `inputs.<name>`, `run.number`, `pull_request.number`, `env.<name>` (of the
pipeline), `matrix.<axis>` (in a stage with a matrix), and in stages `stages.<name>.outcome` and
`stages.<name>.outputs.<key>` of every stage that comes before.

| functions | |
|---|---|
| status, in `if` only | FUNCTIONS_STATUS |
| others | FUNCTIONS_OTHER |
| on values | FUNCTIONS_METHODS |

Each value has one type: `run.number`, `pull_request.number` and inputs of type `number` are numbers, inputs of type
`boolean` are true or false, everything else is text, matrix values and outputs too (`matrix.node == '18'`). `sealane
lint` finds what does not fit, also an `==` between different types, which would never be true.

In a `run` script an expression becomes an environment variable: `echo "${{ branch }}"` runs as
`echo "${SEALANE_EXPR_1}"`. What a branch, a commit message or an input says never becomes shell text. Put it in double
quotes, as any variable. Where a shell would not replace it (single quotes, a here-document with a quoted delimiter,
behind a backslash) or would evaluate it (`$(( ))`, `[[ -eq ]]`, unless it is a number) the file is refused. What a
script does with the value is its own: `bash -c "echo ${{ branch }}"` runs what the branch says, as `bash -c "echo
$BRANCH"` does; write `bash -c 'echo "$BRANCH"'`.
"""
_CHECKOUT = """## git-checkout

The run's commit, in the workspace. Each job starts with an empty one.

| argument | value | default |
|---|---|---|
| `depth` | how many commits of history; `0` for all | `1` |
| `path` | a directory below the workspace | the workspace |
| `submodules` | `true`, `false` or `recursive` | `false` |

"""
_VARIABLES = """## Variables in each step

`CI=true`, `BUILD_ID`, `RUN_ID`, `JOB_ID`, `ATTEMPT`, `COMMIT_SHA`, `BRANCH`, `TAG`, `REPOSITORY`, `PIPELINE`, `STAGE`,
`ENVIRONMENT`, `REGION`, `ACTOR`, `WORKSPACE`, and `OUTPUT`: a file for `key=value` lines that later stages read as
`${{ stages.<name>.outputs.<key> }}`.
"""


def reference_text() -> str:
    """The whole page."""
    parts = [_HEAD, *(section_text(record) for record in SECTIONS), _matrix(), _CHECKOUT, _expressions(), _VARIABLES]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def section_text(record: Record) -> str:
    """A record's part of the page: what it is, and a table of its keys."""
    table = f"\n\n{_table(record.keys)}" if record.keys else "\n"
    return f"## {record.title}\n\n{record.doc}{table}"


def _matrix() -> str:
    doc = "Axis names of your choice, each with its values, beside these keys. One job for each combination."
    return f"## Matrix\n\n{doc}\n\n{_table(MATRIX_KEYS)}"


def _table(keys: tuple[Key, ...]) -> str:
    rows = ["| key | value | meaning | default |", "|---|---|---|---|"]
    for key in keys:
        doc = key.doc + ("" if key.available else f" **Not available yet:** {key.instead.replace('<', '&lt;')}.")
        default = "required" if key.required else key.default
        cells = (f"`{key.name}`", key.kind.label, doc, default)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _expressions() -> str:
    others = GLOBALS - STATUS_FUNCTIONS
    names = {"STATUS": STATUS_FUNCTIONS, "OTHER": others, "METHODS": METHODS}
    text = _EXPRESSIONS
    for kind, functions in names.items():
        text = text.replace(f"FUNCTIONS_{kind}", ", ".join(f"`{name}()`" for name in sorted(functions)))
    return text
