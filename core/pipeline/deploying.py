"""A stage's deployment: the key `deploy`, or a last step `uses: deploy`, which means the same."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.pipeline.filling import Filler
from core.pipeline.kinds import INVALID, Kind
from core.pipeline.language_deploy import ENVIRONMENT_TEXT, STRATEGY_NAME, WAIT
from core.pipeline.lexer import OPENING
from core.pipeline.nodes import Mapping as MappingNode
from core.pipeline.nodes import child_path, quoted
from core.pipeline.plan import DeployPlan, ReleasePlan, StagePlan
from core.pipeline.report import Report, did_you_mean
from core.pipeline.values import Name, Section, Template

# The environments there are, each with its regions (none where they are not known).
Environments = Mapping[str, tuple[str, ...]]

_ARGUMENTS: Final[dict[str, Kind]] = {"environment": ENVIRONMENT_TEXT, "strategy": STRATEGY_NAME, "wait": WAIT}
_OF_A_DEPLOY_STEP: Final = ("name", "uses", "with")


def desugar(root: Section, report: Report) -> None:
    """A last step `uses: deploy` becomes the stage's `deploy`, so that nobody else need know of it."""
    for stage in root.get("stages", []):
        steps: list[Section] = stage.get("steps", [])
        if steps and steps[-1].get("uses") == "deploy" and not stage.has("deploy"):
            stage.values["steps"] = steps[:-1]
            stage.values["deploy"] = _read_step(steps[-1], report)


def _read_step(step: Section, report: Report) -> Section:
    deploy = Section(step.node, step.path)
    for name, key in step.node.keys.items():
        if name not in _OF_A_DEPLOY_STEP:
            message = f"a deploy step takes no {quoted(name)}"
            report.add(key, "conflicting-keys", message, step.path_of(name), "say it of the stage")
    written = step.node.values.get("with")
    for name, given in step.get("with", {}).items():
        path = child_path(step.path_of("with"), name)
        if name not in _ARGUMENTS:
            place = written.keys[name] if isinstance(written, MappingNode) else step.place("with")
            hint = did_you_mean(name, _ARGUMENTS) or f"known arguments: {', '.join(_ARGUMENTS)}"
            report.add(place, "unknown-argument", f"deploy has no argument {quoted(name)}", path, hint)
        elif (value := _ARGUMENTS[name].read(given.node, path, report)) is not INVALID:
            deploy.values[name] = value
    return deploy


def check_deploy(stage: Section, known: Environments | None, report: Report) -> None:
    """Whether a deployment knows where to go. `known` is what `delivery.yml` has, where there is one."""
    environment = stage.get("environment")
    if not _deploys(stage):
        _check_regions(stage, environment, known, report)
        return
    _check_release(stage.get("deploy"), report)
    own, of_the_stage = _own_name(stage.get("deploy")), _name_of(environment)
    if own and of_the_stage and own.text != of_the_stage.text:
        message = f"the stage's environment is {quoted(of_the_stage.text)}, and it deploys to {quoted(own.text)}"
        report.add(own.node, "conflicting-keys", message, own.path, "name the environment once")
    if stage.has("environment") or own or _tried(stage):
        _check_known(stage, own or of_the_stage, known, report)
        return
    place = stage.get("deploy")
    message = "where does this stage deploy to?"
    report.add(place.node, "missing-key", message, place.path, "add 'environment: <name>'")


def _check_regions(stage: Section, environment: Any, known: Environments | None, report: Report) -> None:
    """Of a stage that deploys by its own steps, or not at all: only declared environments have regions."""
    if not isinstance(environment, Section) or not environment.has("regions"):
        return
    if stage.get("steps"):
        _check_known(stage, _name_of(environment), known, report)
        return
    message = "'regions' say where to deploy to, and this stage has neither 'deploy' nor steps"
    path = environment.path_of("regions")
    report.add(environment.place("regions"), "conflicting-keys", message, path, "remove them, or add 'deploy'")


def _check_release(deploy: Any, report: Report) -> None:
    release = deploy.get("release") if isinstance(deploy, Section) else None
    if release is None or release.has("image") == release.has("digest"):
        return
    missing = "digest" if release.has("image") else "image"
    message = f"a release that is an image has both 'image' and 'digest'; '{missing}' is missing"
    report.add(release.node, "missing-key", message, release.path, f"add '{missing}:'")


def _check_known(stage: Section, name: Template | None, known: Environments | None, report: Report) -> None:
    if name is None or known is None or OPENING in name.text:
        return
    if name.text not in known:
        report.unknown(name.node, "environment", name.path, known, "unknown-environment", " (not in delivery.yml)")
        return
    there = known[name.text]
    for region in regions_of(stage) if there else ():
        if region.text not in there:
            report.unknown(region.node, "region", region.path, there, "unknown-region", f" of '{name.text}'")


def deploy_plan(stage: Section, fill: Filler, known: Environments | None, report: Report) -> DeployPlan | None:
    """What the Run needs to know; texts that name earlier stages are kept for it."""
    given = stage.get("deploy")
    name = _own_name(given) or _name_of(stage.get("environment"))
    if given is None or name is None:
        return None
    environment = fill.text(name)
    if known is not None and environment not in known and OPENING in name.text:
        message = f"unknown environment {quoted(environment)} (not in delivery.yml)"
        report.add(name.node, "unknown-environment", message, name.path, did_you_mean(environment, known))
    section = given if isinstance(given, Section) else Section(stage.node, stage.path)
    return DeployPlan(
        environment=environment,
        regions=tuple(region.text for region in regions_of(stage)),
        strategy=section.get("strategy", ""),
        wait=section.get("wait", True),
        timeout_seconds=int(section.get("timeout", DeployPlan("").timeout_seconds)),
        release=_release_plan(section.get("release"), fill),
    )


def _release_plan(given: Section | None, fill: Filler) -> ReleasePlan | None:
    if given is None:
        return None
    texts = {key: fill.kept(given.get(key)) for key in ("image", "digest") if key in given}
    config = {name: fill.kept(value) for name, value in given.get("config", {}).items()}
    return ReleasePlan(**texts, config=config) if texts or config else None


def unprotected(stages: Iterable[StagePlan], known: Environments | None) -> tuple[str, ...]:
    """Environments that stages name whose steps take no lock there, as far as `delivery.yml` tells."""
    declared = () if known is None else known
    named = (each.environment for each in stages if each.environment and each.jobs and each.deploy is None)
    return tuple(dict.fromkeys(name for name in named if name not in declared))


def regions_of(stage: Section) -> list[Name]:
    environment = stage.get("environment")
    return environment.get("regions", []) if isinstance(environment, Section) else []


def _deploys(stage: Section) -> bool:
    return stage.get("deploy") is not None


def _tried(stage: Section) -> bool:
    """Whether an environment was named, if wrongly: that is reported already."""
    deploy: Any = stage.get("deploy")
    if not isinstance(deploy, Section):
        return True
    arguments = deploy.node.values.get("with")
    return deploy.has("environment") or (isinstance(arguments, MappingNode) and "environment" in arguments.values)


def _own_name(deploy: Any) -> Template | None:
    found = deploy.get("environment") if isinstance(deploy, Section) else deploy
    return found if isinstance(found, Template) else None


def _name_of(environment: Any) -> Template | None:
    found = environment.get("name") if isinstance(environment, Section) else environment
    return found if isinstance(found, Template) else None
