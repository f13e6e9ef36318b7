"""From the sections of `delivery.yml` to settings. What is missing, or was wrong and is reported, has its default."""

from typing import Any, Final, TypeVar

import msgspec

from core.delivery_file.language_strategy import UNTIL_PROMOTED
from core.environments import settings as s
from core.pipeline.plan import Approval
from core.pipeline.values import Name, Section

T = TypeVar("T", bound=msgspec.Struct)

# Heroku's convention: one line says how the web process is started.
PROCFILE_COMMAND: Final = (
    "command=$(sed -n 's/^web:[[:space:]]*//p' Procfile | head -n 1); "
    '[ -n "$command" ] || { echo "there is no \'web:\' line in a Procfile; write one, or give the environment a target '
    'in delivery.yml" >&2; exit 78; }; exec sh -c "$command"'
)
_TARGETS: Final[dict[str, tuple[type[s.Target], str]]] = {
    "process": (s.ProcessTarget, "command"),
    "docker": (s.DockerTarget, ""),
    "compose": (s.ComposeTarget, ""),
    "static": (s.StaticTarget, "link"),
}


def environment(name: str, section: Section) -> s.EnvironmentSettings:
    """One environment. Every number has the type of its field, so that it is written to the log as it is read."""
    analysis = _analysis(section)
    strategy = _strategy(section.get("strategy"), analysis)
    settings = _filled(
        s.EnvironmentSettings,
        section,
        name=name,
        regions=tuple(region.text for region in section.get("regions", [])),
        target=_common_target(section),
        targets={region: _target(given) for region, given in section.get("targets", {}).items()},
        strategy=strategy,
        waves=tuple(tuple(_plain(region) for region in wave) for wave in section.get("waves", [])),
        bake=_either(s.Bake, section.get("bake"), "time_seconds") or s.Bake(),
        approval=approval(section.get("approval")),
        freezes=_windows(section.get("freeze", [])),
        windows=_windows(section.get("windows", [])),
        analysis=analysis,
        probes=tuple(_filled(s.Probe, given) for given in section.get("probes", [])),
        pre_deploy=_either(s.Hook, section.get("pre_deploy"), "run"),
    )
    return msgspec.convert(msgspec.to_builtins(settings), s.EnvironmentSettings)


def approval(given: Section | None) -> Approval | None:
    if not isinstance(given, Section):
        return None
    seconds = int(given.get("timeout", 24 * 3600))
    groups = tuple(group.text for group in given.get("groups", []))
    return Approval(given.get("count", 1), groups, seconds, given.get("prevent_self_approval", False))


def _common_target(section: Section) -> s.Target:
    if isinstance(section.get("target"), Section):
        return _target(section.get("target"))
    given = list(section.get("targets", {}).values())
    return _target(given[0]) if given else s.ProcessTarget(command=PROCFILE_COMMAND)


def _target(given: Section) -> s.Target:
    kind = next((name for name in given.values if name in _TARGETS), "")
    if not kind:
        return s.ProcessTarget(command=PROCFILE_COMMAND)
    struct, short = _TARGETS[kind]
    value = given.get(kind)
    if not isinstance(value, Section):
        return struct(**{short: value})
    health = _either(s.Health, value.get("health"), "path")
    return _filled(struct, value, **({"health": health} if health else {}))


def _strategy(given: Any, analysis: s.Analysis) -> s.Strategy | None:
    name = given if isinstance(given, str) else next(iter(given.values), "") if isinstance(given, Section) else ""
    section = given.get(name) if isinstance(given, Section) else None
    match name:
        case "recreate":
            return s.Recreate()
        case "rolling":
            return _filled(s.Rolling, section)
        case "blue-green":
            return _filled(s.BlueGreen, section)
        case "canary":
            return _canary(section, analysis)
    return None


def _canary(section: Section | None, analysis: s.Analysis) -> s.Canary:
    compares = any(check.compare or "$baseline" in check.query for check in analysis.checks)
    special: dict[str, Any] = {"baseline": compares}
    if section is not None:
        special["headers"] = tuple(_filled(s.HeaderRoute, each) for each in section.get("headers", []))
        special["baseline"] = section.get("baseline", compares)
        if "steps" in section:
            special["steps"] = tuple(_canary_step(step) for step in section.get("steps"))
    return _filled(s.Canary, section, **special)


def _canary_step(step: Section) -> s.CanaryStep:
    hold = step.get("for", 0.0)
    return s.CanaryStep(step.get("weight", 0), None if hold == UNTIL_PROMOTED else hold)


def _analysis(section: Section) -> s.Analysis:
    given = section.get("analysis")
    strategy = section.get("strategy")
    if not isinstance(given, Section) and isinstance(strategy, Section):
        canary = strategy.get("canary")
        given = canary.get("analysis") if isinstance(canary, Section) else None
    if not isinstance(given, Section):
        return s.Analysis()
    return _filled(s.Analysis, given, checks=tuple(_check(each) for each in given.get("checks", [])))


def _check(given: Section) -> s.Check:
    compare, budget = given.get("compare"), given.get("budget")
    return _filled(
        s.Check,
        given,
        name=_plain(given.get("name", given.get("metric", ""))),
        compare=_filled(s.Compare, compare) if isinstance(compare, Section) else s.Compare() if compare else None,
        budget=_filled(s.Budget, budget, objective=budget.get("objective", 0.0))
        if isinstance(budget, Section)
        else None,
    )


def _windows(given: list[Section]) -> tuple[s.Window, ...]:
    return tuple(
        s.Window(each.get("cron", ""), int(each.get("duration", 0)), each.get("timezone", "UTC")) for each in given
    )


def _either(struct: type[T], given: Any, short: str) -> T | None:
    """`given` is a section, or what stands for its field `short`."""
    if given is None:
        return None
    if isinstance(given, Section):
        return _filled(struct, given)
    return struct(**{short: given})


def _filled(struct: type[T], section: Section | None, **special: Any) -> T:
    """The struct with what the section says. A key is the field's name, without the unit it ends with.

    `special` wins over everything. A text that may not be missing, and is, is empty.
    """
    names = struct.__struct_fields__
    without_default = names[: len(names) - len(struct.__struct_defaults__)]
    fields: dict[str, Any] = dict.fromkeys(without_default, "")
    for key, value in section.values.items() if section is not None else ():
        field = next((name for name in (key, f"{key}_seconds", f"{key}_bytes") if name in names), "")
        if field:
            fields[field] = _plain(value)
    return struct(**fields | special)


def _plain(value: Any) -> Any:
    match value:
        case Name():
            return value.text
        case list():
            return tuple(_plain(each) for each in value)
    return value
