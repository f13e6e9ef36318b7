"""`delivery.yml` files for tests: read, and what is wrong with them in short."""

from core.delivery_file.document import read_delivery
from core.environments.settings import EnvironmentSettings
from core.pipeline.problems import Problem

EXAMPLE = """\
app: checkout
environments:
  dev:        {regions: [us-east], strategy: recreate}
  staging:    {regions: [us-east], strategy: {rolling: {max_unavailable: 0, max_surge: 25%}}}
  production:
    regions: [us-east, eu-west, ap-south]
    waves: [[us-east], [eu-west, ap-south]]          # bake between waves: time and minimum requests
    bake: {time: 30m, min_requests: 100}
    approval: {count: 2, groups: [release-managers], prevent_self_approval: true}
    freeze: [{cron: "0 18 * * FRI", duration: 62h, timezone: Europe/Berlin}]
    strategy:
      canary:
        steps: [{weight: 5, for: 5m}, {weight: 25, for: 10m}, {weight: 50, for: 15m}, {weight: 100}]
        analysis:
          interval: 30s
          checks:
            - {name: error-rate, query: <PromQL with $version>, max: 0.01, min_samples: 20}
            - {name: p99, query: <PromQL>, max: 0.5}
    target: {kubernetes: {context: prod, namespace: checkout, manifests: k8s/}}
"""
# The same on a target there is.
SOUND = EXAMPLE.replace("{kubernetes: {context: prod, namespace: checkout, manifests: k8s/}}", "{process: ./serve}")


def one(*lines: str, regions: str = "[us, eu]", target: str = "target: {process: ./serve}") -> str:
    """A file whose only environment `p` has these lines, from line 5 on (`target` is line 4)."""
    body = [f"regions: {regions}", target or "# no target", *lines]
    return "environments:\n  p:\n" + "".join(f"    {line}\n" for line in body)


def problems_of(source: str | bytes) -> tuple[Problem, ...]:
    return read_delivery(source.encode() if isinstance(source, str) else source).problems


def found(source: str | bytes) -> list[str]:
    """`line:column code path` of each problem, where the path begins inside of the environment `p`."""
    return [
        f"{p.line}:{p.column} {p.code} {p.path.removeprefix('environments.p.')}".strip() for p in problems_of(source)
    ]


def the_problem(source: str | bytes) -> Problem:
    """The only one."""
    problems = problems_of(source)
    assert len(problems) == 1, problems
    return problems[0]


def settings(*lines: str, regions: str = "[us, eu]", target: str = "target: {process: ./serve}") -> EnvironmentSettings:
    """The settings of the environment `p`."""
    delivery = read_delivery(one(*lines, regions=regions, target=target).encode())
    assert delivery.problems == (), delivery.problems
    (environment,) = delivery.environments
    return environment
