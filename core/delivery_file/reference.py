"""docs/delivery-reference.md, made from the description that the validator reads by."""

from core.delivery_file.checks import RESERVED_VARIABLES
from core.delivery_file.language import BAKE, DELIVERY, ENVIRONMENT, HOOK, WINDOW
from core.delivery_file.language_analysis import ANALYSIS, BUDGET, CHECK, COMPARE, PROBE
from core.delivery_file.language_strategy import (
    BLUE_GREEN,
    CANARY,
    CANARY_STEP,
    HEADER_ROUTE,
    RECREATE,
    ROLLING,
)
from core.delivery_file.language_strategy import VARIANTS as STRATEGIES
from core.delivery_file.language_target import COMPOSE, DOCKER, HEALTH, PROCESS, STATIC
from core.delivery_file.language_target import VARIANTS as TARGETS
from core.pipeline.language_stage import APPROVAL
from core.pipeline.reference import section_text

SECTIONS = (
    DELIVERY,
    ENVIRONMENT,
    TARGETS,
    PROCESS,
    DOCKER,
    COMPOSE,
    STATIC,
    HEALTH,
    STRATEGIES,
    RECREATE,
    ROLLING,
    BLUE_GREEN,
    CANARY,
    CANARY_STEP,
    HEADER_ROUTE,
    ANALYSIS,
    CHECK,
    COMPARE,
    BUDGET,
    PROBE,
    BAKE,
    WINDOW,
    HOOK,
    APPROVAL,
)
_HEAD = """# Delivery reference

This page is generated from the types that the validator uses (`make docs`); don't edit it by hand. For editors there
is a [JSON Schema](delivery.schema.json). `sealane lint` checks the file and reports every problem at once. A stage of
the [pipeline](pipeline-reference.md#deploy) deploys to an environment; `sealane deploy` does so by hand.

```yaml
app: checkout
environments:
  dev: {regions: [us-east], strategy: recreate}
  production:
    regions: [us-east, eu-west]
    waves: [[us-east], [eu-west]]
    bake: {time: 30m, min_requests: 100}
    approval: {count: 2, groups: [release-managers], prevent_self_approval: true}
    freeze: [{cron: "0 18 * * FRI", duration: 62h, timezone: Europe/Berlin}]
    target: {process: {command: ./serve, replicas: 4, health: /ready}}
    strategy:
      canary:
        steps: [{weight: 5, for: 5m}, {weight: 25, for: 10m}, {weight: 100}]
        analysis:
          checks: [{metric: error-rate, max: 1%, min_samples: 20}, {metric: latency-p99, max: 500ms}]
    watch: 30m
```

Durations are written `500ms`, `90s`, `10m`, `1h30m` or as plain seconds, shares as `25%`.
"""
_VARIABLES = """## Variables of each instance

VARIABLES, and what the release's config and the target's `env` say. `RELEASE` and `VERSION` are both the release's
id, for the labels of metrics.
"""


def delivery_reference() -> str:
    """The whole page."""
    variables = _VARIABLES.replace("VARIABLES", ", ".join(f"`{name}`" for name in RESERVED_VARIABLES))
    parts = [_HEAD, *(section_text(record) for record in SECTIONS), variables]
    return "\n".join(part.rstrip() + "\n" for part in parts)
