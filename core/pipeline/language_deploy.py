"""The keys of `deploy`: a stage that brings the run's release into an environment."""

from typing import Final

from core.pipeline.kinds import Choice, Flag, Text
from core.pipeline.shapes import Either, Key, MapOf, Record
from core.pipeline.vocabulary import LONG_TIMEOUT, PER_STAGE, SHORT, VARIABLE, WITH_ENV

STRATEGIES: Final = ("recreate", "rolling", "blue-green", "canary")

ENVIRONMENT_TEXT = Text(WITH_ENV, SHORT, what="an environment", may_be_empty=False)
STRATEGY_NAME = Choice("strategy", STRATEGIES, "unknown-strategy")
WAIT = Flag()

RELEASE_IMAGE = Text(PER_STAGE, 500, r"[A-Za-z0-9][A-Za-z0-9._/:@+-]*", "an image", "bad-image")
RELEASE_DIGEST = Text(PER_STAGE, 100, r"sha256:[0-9a-f]{64}", "a digest: sha256 and 64 hex digits", "bad-digest")

RELEASE = Record(
    "'release'",
    (
        Key(
            "image",
            RELEASE_IMAGE,
            "A container image that an earlier stage built.",
        ),
        Key(
            "digest",
            RELEASE_DIGEST,
            "Its id: a release is one content for ever. `${{ stages.build.outputs.digest }}`.",
            aliases=("id",),
        ),
        Key("config", MapOf(VARIABLE, Text(PER_STAGE, 4_000), "settings", 100), "Environment variables of instances."),
    ),
    "Release",
    "What is deployed. Without an image it is the files of the run's commit. Its id is `<number of the run>-<first 8 "
    "of the commit>`, with 8 more digits where this key says something else than the default.",
)

DEPLOY = Record(
    "'deploy'",
    (
        Key("environment", ENVIRONMENT_TEXT, "Where to.", default="the stage's `environment`", aliases=("to", "name")),
        Key("strategy", STRATEGY_NAME, "How, with that strategy's defaults.", default="as `delivery.yml` says"),
        Key("release", RELEASE, "What.", default="the commit's files"),
        Key("wait", WAIT, "Whether the stage lasts as long as the rollout, and ends as it does.", default="true"),
        Key("timeout", LONG_TIMEOUT, "A rollout that takes longer is aborted.", default="7d"),
    ),
    "Deploy",
    "Once the stage's jobs succeeded, the run's release goes to an environment of [`delivery.yml`]"
    "(delivery-reference.md), by its strategy, waves and rules. `deploy: production` is short for `{environment: "
    "production}`; a last step `{uses: deploy, with: {environment: production}}` says the same (`with` takes "
    "`environment`, `strategy` and `wait`). Later stages read `stages.<name>.outputs.rollout` and `.release`. "
    "Cancelling the run aborts the rollout; running the stage again begins another one.",
)
DEPLOY_OR_NAME = Either("an environment's name, or {environment, strategy, ...}", ENVIRONMENT_TEXT, None, DEPLOY)
