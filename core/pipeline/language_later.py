"""Keys that belong to the language but are not available yet: their shape is checked, then they are refused."""

from core.pipeline.kinds import Choice, Text
from core.pipeline.shapes import Either, Key, ListOf, MapOf, Record
from core.pipeline.vocabulary import PER_MATRIX, RETENTION, SHORT, STAGE_NAME, VARIABLE, env_map

_PATHS = ListOf(Text(PER_MATRIX, SHORT), "paths", single=True, at_least=1, at_most=100)
_FREE = MapOf(Text(max_length=SHORT), Text(max_length=SHORT), "settings")

CACHE = Record(
    "'cache'",
    (
        Key("key", Text(PER_MATRIX, SHORT), "Names the content.", required=True),
        Key("restore_keys", _PATHS, "Prefixes to fall back to.", aliases=("restore-keys",)),
        Key("paths", _PATHS, "What is kept.", required=True, aliases=("path",)),
        Key("max_age", RETENTION, "After this it is built anew."),
    ),
)

ARTIFACTS = Record(
    "'artifacts'",
    (
        Key("paths", _PATHS, "What is kept.", aliases=("path",)),
        Key("retention", RETENTION, "For how long.", aliases=("expire_in", "retention-days")),
        Key("type", Choice("artifact type", ("file", "image", "sbom")), "What it is.", default="`file`"),
        Key("from", ListOf(STAGE_NAME, "stages", single=True, at_least=1), "Stages whose artifacts are received."),
    ),
)

REPORTS = Record(
    "'reports'",
    (
        Key("junit", Text(max_length=SHORT), "A glob of JUnit files."),
        Key("coverage", Text(max_length=SHORT), "A glob of coverage files."),
    ),
)

_SERVICE = Record(
    "a service",
    (
        Key("image", Text(PER_MATRIX, SHORT), "Its image.", required=True),
        Key("env", env_map(PER_MATRIX), "Its environment variables."),
        Key("ports", ListOf(Text(max_length=SHORT), "ports", single=True), "Ports to reach it by."),
    ),
)
SERVICES = MapOf(
    STAGE_NAME, Either("an image, or {image, env, ports}", Text(PER_MATRIX, SHORT), None, _SERVICE), "services"
)

_SECRET = Record(
    "a secret",
    (
        Key("name", Text(max_length=SHORT), "The secret.", required=True),
        Key("as", VARIABLE, "The variable that holds it."),
    ),
)
SECRETS = ListOf(Either("a secret's name, or {name, as}", Text(max_length=SHORT), None, _SECRET), "secrets", at_least=1)

_INCLUDED = Record(
    "an include",
    (
        Key("template", Text(max_length=SHORT), "The file."),
        Key("app", Text(max_length=SHORT), "The app whose repository holds it."),
        Key("ref", Text(max_length=SHORT), "The pinned commit or tag."),
        Key("inputs", _FREE, "Values for its inputs."),
    ),
)
INCLUDE = ListOf(
    Either("a file, or {template, app, ref, inputs}", Text(max_length=SHORT), None, _INCLUDED), "includes", True
)
