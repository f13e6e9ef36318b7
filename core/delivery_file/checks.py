"""Checks of `delivery.yml` that look at several keys, or at what was not written at all."""

import msgspec

from core.delivery_file.compile import environment
from core.delivery_file.places import report_problem
from core.environments.rules import environment_problems
from core.environments.settings import EnvironmentSettings
from core.pipeline.nodes import Mapping, child_path
from core.pipeline.report import Report
from core.pipeline.values import Section

RESERVED_VARIABLES = ("PORT", "RELEASE", "VERSION", "APP", "ENVIRONMENT", "REGION", "DEPLOYMENT_ID")
RESERVED_PREFIX = "SEALANE_"


def check_environment(name: str, section: Section, report: Report) -> EnvironmentSettings:
    """Reports all that is wrong with it; the settings are worth something if nothing is."""
    _check_analysis(section, report)
    _check_targets(section, report)
    _check_steps(section, report)
    settings = environment(name, section)
    broken = {key for key in ("regions", *section.node.values) if report.touches(section.path_of(key))}
    broken |= set() if section.has("regions") else {"regions"}
    for found in environment_problems(settings):
        inside = msgspec.structs.replace(found, path=found.path.removeprefix(f"{name[:80]}").removeprefix("."))
        report_problem(inside, section.node, section.path, broken, report)
    if not settings.analysis.source and any(check.query for check in settings.analysis.checks):
        hint = "name it in 'analysis.source', or use 'metric'; the platform's own scraper has no queries"
        report.warn(f"environment '{name}': a 'query' needs a Prometheus: {hint}")
    return settings


def _check_analysis(section: Section, report: Report) -> None:
    canary = _canary(section)
    if canary is not None and canary.has("analysis") and section.has("analysis"):
        message = "'analysis' stands in the environment or in its canary, not in both"
        report.add(canary.place("analysis"), "conflicting-keys", message, canary.path_of("analysis"), "remove one")


def _check_steps(section: Section, report: Report) -> None:
    canary = _canary(section)
    for step in canary.get("steps", []) if canary is not None else []:
        if step.get("weight", 100) < 100 and not step.has("for"):
            message = f"how long do {step.get('weight')}% of the requests stay with the new release?"
            hint = "add 'for: 5m', or 'for: manual' to wait for a promotion"
            report.add(step.node, "missing-key", message, step.path, hint)


def _canary(section: Section) -> Section | None:
    strategy = section.get("strategy")
    canary = strategy.get("canary") if isinstance(strategy, Section) else None
    return canary if isinstance(canary, Section) else None


def _check_targets(section: Section, report: Report) -> None:
    if section.has("targets") and not section.has("target"):
        written = section.node.values["targets"]
        own = written.values if isinstance(written, Mapping) else {}
        for region in section.get("regions", []):
            if region.text not in own:
                message = f"region '{region.text}' has no target: it is not in 'targets', and there is no 'target'"
                report.add(
                    region.node, "region-without-target", message, region.path, f"add it to {section.path}.targets"
                )
    targets = [section.get("target"), *section.get("targets", {}).values()]
    for target in filter(None, targets):
        for variant in target.values.values():
            if isinstance(variant, Section):
                _check_variables(variant, report)


def _check_variables(variant: Section, report: Report) -> None:
    node = variant.node.values.get("env")
    for name in variant.get("env", {}):
        if name in RESERVED_VARIABLES or name.startswith(RESERVED_PREFIX):
            place = node.keys[name] if isinstance(node, Mapping) else variant.place("env")
            message = f"'{name}' is set by Sealane and can't be changed"
            path = child_path(variant.path_of("env"), name)
            report.add(place, "reserved-variable", message, path, "choose another name")
