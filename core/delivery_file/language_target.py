"""The keys of `target`: where instances of a release run, and when one is ready."""

from core.delivery_file.kinds import COMMAND, HTTP_PATH, SHORT_TIME, TIME, OneOf
from core.environments.rules_target import MOST_REPLICAS
from core.pipeline.kinds import Text, Whole
from core.pipeline.shapes import Either, Key, ListOf, MapOf, Record
from core.pipeline.vocabulary import CPU, MEMORY, SHORT, VARIABLE

HEALTH = Record(
    "'health'",
    (
        Key("path", HTTP_PATH, "What is asked for.", default="`/healthz`"),
        Key("interval", SHORT_TIME, "Time between questions.", default="1s"),
        Key("timeout", SHORT_TIME, "An answer that takes longer is none.", default="2s"),
        Key("successes", Whole(1, 100), "Ready after so many 2xx in a row.", default="1"),
        Key("failures", Whole(1, 100), "Broken after so many without one.", default="3"),
        Key("start_timeout", SHORT_TIME, "Not ready by then: the deployment fails.", default="1m"),
    ),
    "Health",
    "When an instance is ready. `health: /ready` is short for `{path: /ready}`. Traffic only goes to ready instances.",
)

_PORT = Whole(0, 65_535)
# Of everything that runs instances behind the proxy.
_INSTANCES = (
    Key("replicas", Whole(1, MOST_REPLICAS), "How many instances.", default="1", aliases=("instances", "count")),
    Key("port", _PORT, "Where the proxy listens.", default="chosen once, and kept"),
    Key("env", MapOf(VARIABLE, Text(max_length=32_000), "environment variables"), "Environment variables."),
    Key("health", Either("a path, or {path, interval, ...}", HTTP_PATH, None, HEALTH), "When an instance is ready."),
    Key("drain", TIME, "How long requests under way may take when an instance leaves.", default="10s"),
    Key("stop", TIME, "From SIGTERM to SIGKILL.", default="10s", aliases=("grace", "stop_timeout")),
    Key("metrics_path", HTTP_PATH, "Where instances show their metrics.", default="`/metrics`", aliases=("metrics",)),
)
_CONTAINER_PORT = Key("container_port", Whole(1, 65_535), "Where the service listens.", default="8080")

PROCESS = Record(
    "'process'",
    (
        Key(
            "command",
            COMMAND,
            "Run by the shell in a copy of the release; it listens on `$PORT`.",
            required=True,
            aliases=("run", "cmd"),
        ),
        *_INSTANCES,
    ),
    "Process",
    "Processes of the machine behind a proxy. `process: ./serve` is short for `{command: ./serve}`.",
)

DOCKER = Record(
    "'docker'",
    (
        _CONTAINER_PORT,
        Key("command", ListOf(Text(max_length=2_000), "words", at_most=100), "Instead of the image's own command."),
        *_INSTANCES,
        Key("memory", MEMORY, "At most.", default="1Gi"),
        Key("cpus", CPU, "At most.", default="1", aliases=("cpu",)),
    ),
    "Docker",
    "Containers of the release's image, behind the same proxy.",
)

COMPOSE = Record(
    "'compose'",
    (
        Key("service", Text(max_length=SHORT, may_be_empty=False), "The service behind the proxy.", required=True),
        Key("file", Text(max_length=SHORT, may_be_empty=False), "In the release.", default="`compose.yaml`"),
        _CONTAINER_PORT,
        *_INSTANCES,
    ),
    "Compose",
    "A Compose project for each set of instances, behind the same proxy.",
)

_ABSOLUTE = Text(None, 1_000, r"/[^\x00\n]*", "an absolute path", "bad-path")
STATIC = Record(
    "'static'",
    (
        Key("link", _ABSOLUTE, "A symlink that is switched to the release's directory.", required=True),
        Key("source", Text(max_length=SHORT, may_be_empty=False), "The directory in the release.", default="all of it"),
    ),
    "Static",
    "Files of a web site. `static: /var/www/shop` is short for `{link: /var/www/shop}`. It is switched at once.",
)

_WORD = Text(max_length=SHORT)
_KUBERNETES = Record(
    "'kubernetes'",
    (
        Key("context", _WORD, "The cluster."),
        Key("namespace", _WORD, "Where in it."),
        Key("manifests", _WORD, "A directory of the release."),
    ),
)
_GITOPS = Record(
    "'gitops'",
    (
        Key("repository", _WORD, "The repository of manifests."),
        Key("branch", _WORD, "Its branch."),
        Key("path", _WORD, "The directory in it."),
    ),
)
_INSTEAD = "use 'process', 'docker', 'compose' or 'static'"

VARIANTS = Record(
    "a target",
    (
        Key("process", Either("a command, or {command, ...}", COMMAND, None, PROCESS), "Processes behind a proxy."),
        Key("docker", DOCKER, "Containers behind a proxy.", aliases=("container",)),
        Key("compose", COMPOSE, "Compose projects behind a proxy.", aliases=("docker-compose",)),
        Key("static", Either("a link, or {link, source}", _ABSOLUTE, None, STATIC), "A directory of files."),
        Key("kubernetes", _KUBERNETES, "A cluster.", instead=_INSTEAD, aliases=("k8s",)),
        Key("gitops", _GITOPS, "A repository of manifests.", instead=_INSTEAD, aliases=("argocd", "flux")),
    ),
    "Target",
    "Where a release runs: one of these. Without the key it is a process: the `web:` line of the release's `Procfile`.",
)
TARGET = OneOf(VARIANTS)
